package cli

import (
	"context"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/deploy"
)

// discharge takes the daemons that a down removed from the manager's register, which revokes their tokens. A manager that does
// not answer keeps nobody from taking a stack down: it is only told.
func (d *deps) discharge(ctx context.Context, c *common, n *named, plan deploy.Plan) {
	m, err := d.findManager(c)
	if err == nil && (m == nil || m.key == "") {
		return
	}
	if err == nil {
		e := &enlistment{api: m.api(), deployment: deploymentID(n.stack, n.name), name: n.name}
		err = e.withdraw(context.WithoutCancel(ctx), plan, d.now)
	}
	if err != nil {
		d.tell(c, "the tokens of what was removed are not revoked: "+err.Error())
	}
}

// withdraw registers what a plan left of the daemons that were registered.
func (e *enlistment) withdraw(ctx context.Context, plan deploy.Plan, now func() time.Time) error {
	known, err := e.api.Deployment(ctx, e.deployment, time.Time{}, 0)
	if unknownDeployment(err) {
		return nil
	}
	if err != nil {
		return err
	}
	gone := func(d api.Daemon) bool {
		return slices.ContainsFunc(plan.Changes, func(c deploy.Change) bool { return c.Daemon == d.ID && c.Action == deploy.Delete })
	}
	var left []string
	for _, d := range known.Daemons {
		if !gone(d) {
			left = append(left, d.ID)
		}
	}
	if len(left) == len(known.Daemons) {
		return nil
	}
	return e.put(ctx, left, now)
}
