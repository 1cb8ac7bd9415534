package cli

import (
	"context"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/deploy/enlist"
)

// discharge takes the daemons that a down removed from the manager's register, which revokes their tokens. A manager that does
// not answer keeps nobody from taking a stack down: it is only told.
func (d *deps) discharge(ctx context.Context, c *common, n *named, plan deploy.Plan) {
	m, err := d.findManager(c)
	if err == nil && (m == nil || m.key == "") {
		return
	}
	if err == nil {
		e := enlist.New(m.api(), deploymentID(n.stack, n.name), n.name, nil)
		err = e.Withdraw(context.WithoutCancel(ctx), plan, d.now)
	}
	if err != nil {
		d.tell(c, "the tokens of what was removed are not revoked: "+err.Error())
	}
}
