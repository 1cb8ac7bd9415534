package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/deploy"
)

type downOptions struct {
	timeout, lockTimeout time.Duration
	deleteData           bool
	daemons              []string
}

func newDownCmd(d *deps, c *common) *cobra.Command {
	o := &downOptions{}
	cmd := &cobra.Command{
		Use:   "down [DAEMON…]",
		Short: "Stop and remove daemons; data is kept unless --delete-data is given",
		Long: "Stops every daemon of the stack within its stop grace and removes it. It needs only the stack's name, so a mistake " +
			"in the manifest does not keep anyone from it. Data of local resources is kept, and named; --delete-data removes it for good.",
		Example:           "  alien daemon down\n  alien daemon down --stack edge --delete-data",
		ValidArgsFunction: d.completeExisting(c),
		Args:              daemonNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.daemons = args
			return runDown(cmd.Context(), d, c, *o, cmd)
		},
	}
	f := cmd.Flags()
	addDuration(f, &o.timeout, "timeout", 5*time.Minute, time.Millisecond, "how long each daemon may take to go, the stop grace not counted")
	f.BoolVar(&o.deleteData, "delete-data", false, "also delete the data of local resources; it cannot be brought back")
	addLockTimeout(f, &o.lockTimeout)
	explicit(cmd, "delete-data")
	return cmd
}

func addLockTimeout(f *pflag.FlagSet, value *time.Duration) {
	addDuration(f, value, "lock-timeout", 0, 0, "how long to wait while somebody else changes the stack; 0 fails at once, naming who it is")
}

func runDown(ctx context.Context, d *deps, c *common, o downOptions, cmd *cobra.Command) error {
	began := d.now()
	n, err := d.identify(cmd, c)
	if err != nil {
		return err
	}
	return d.on(ctx, c, n.target, func(p deploy.Platform) error {
		d.announce(c, n.name, p.Place())
		ch := change{kind: output.KindDown, stack: n.name, target: output.NewTarget(n.target, p.Place()), began: began}
		return ch.run(ctx, d, c, func(event func(deploy.Event)) (deploy.Report, error) {
			report, err := deploy.Down(ctx, p, n.name, deploy.DownOptions{
				Only: o.daemons, DeleteData: o.deleteData, Timeout: o.timeout, Begin: d.begin(o.lockTimeout, ""),
			}, event)
			if err == nil {
				d.discharge(ctx, c, n, report.Plan)
			}
			if err == nil && len(o.daemons) == 0 {
				d.noteDocker(n.target, n.name, "", false)
			}
			return report, err
		})
	})
}
