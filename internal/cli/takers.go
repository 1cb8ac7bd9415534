package cli

import (
	"context"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/deploy/enlist"
	"github.com/alienplatform/alien-go/internal/workload"
)

// statusPatience is how long a status waits for the manager, which has the smaller part of what it shows.
const statusPatience = 3 * time.Second

// addCommands adds what the manager tells of the daemons that take commands. A status does not fail for want of that.
func (d *deps) addCommands(ctx context.Context, c *common, n *named, ws []workload.Workload, daemons []deploy.Status) {
	if !slices.ContainsFunc(ws, func(w workload.Workload) bool { return w.Commands.Enabled }) {
		return
	}
	m, err := d.managerFor(c)
	if err != nil {
		d.tell(c, "when daemons last asked for commands is unknown: "+err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	known, err := m.api().Deployment(ctx, deploymentID(n.stack, n.name), time.Time{}, 0)
	if err != nil && !enlist.Unknown(err) {
		d.tell(c, "when daemons last asked for commands is unknown: "+managerFailure(err).Error())
		return
	}
	for _, x := range known.Daemons {
		for i := range daemons {
			if daemons[i].Daemon == x.ID {
				daemons[i].Commands = &deploy.Commands{LastPolledAt: x.LastPolledAt.Time, Pending: x.Pending, InFlight: x.InFlight}
			}
		}
	}
}
