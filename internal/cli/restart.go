package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/deploy"
)

type restartOptions struct {
	timeout, lockTimeout time.Duration
	noWait               bool
	daemons              []string
}

func newRestartCmd(d *deps, c *common) *cobra.Command {
	o := &restartOptions{}
	cmd := &cobra.Command{
		Use:   "restart DAEMON…",
		Short: "Stop daemons within their stop grace and start them again, unchanged",
		Long: "Restarts daemons as they are: nothing of the manifest is applied, and nothing is recreated. " +
			"To apply the manifest use up.",
		Example:           "  alien daemon restart connector",
		ValidArgsFunction: d.completeExisting(c),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name them: alien daemon restart DAEMON…", "restart needs at least one daemon")
			}
			return daemonNames(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.daemons = args
			return runRestart(cmd.Context(), d, c, *o, cmd)
		},
	}
	f := cmd.Flags()
	addDuration(f, &o.timeout, "timeout", 5*time.Minute, time.Millisecond, "how long each daemon may take to become ready, the stop grace not counted")
	f.BoolVar(&o.noWait, "no-wait", false, "do not wait until the daemons are ready")
	addLockTimeout(f, &o.lockTimeout)
	return cmd
}

func runRestart(ctx context.Context, d *deps, c *common, o restartOptions, cmd *cobra.Command) error {
	began := d.now()
	n, err := d.identify(cmd, c)
	if err != nil {
		return err
	}
	return d.on(ctx, c, n.target, func(p deploy.Platform) error {
		d.announce(c, n.name, p.Place())
		ch := change{kind: output.KindRestart, stack: n.name, target: output.NewTarget(n.target, p.Place()), began: began}
		return ch.run(ctx, d, c, func(event func(deploy.Event)) (deploy.Report, error) {
			return deploy.Restart(ctx, p, n.name, o.daemons, deploy.RestartOptions{
				Timeout: o.timeout, NoWait: o.noWait, Begin: d.begin(o.lockTimeout, ""),
			}, event)
		})
	})
}
