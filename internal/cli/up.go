package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/deploy/enlist"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

type upOptions struct {
	dryRun, noWait, noPrune, noRollback, forceRecreate, adopt bool
	timeout, lockTimeout                                      time.Duration
	pull, waitFor                                             string
	daemons                                                   []string
}

func newUpCmd(d *deps, c *common) *cobra.Command {
	o := &upOptions{}
	cmd := &cobra.Command{
		Use:   "up [DAEMON…]",
		Short: "Make the target look like the manifest, and wait until every daemon is ready",
		Long: "Creates, updates and removes daemons until the target looks like the manifest, and waits until they are ready. " +
			"An update that does not become ready is undone. With names only those daemons are touched, and nothing is removed.",
		Example:           "  alien daemon up\n  alien daemon up connector --pull always\n  alien daemon up --dry-run -o json",
		ValidArgsFunction: d.completeDaemons(c),
		Args:              daemonNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.daemons = args
			return runUp(cmd.Context(), d, c, *o, cmd)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plan and change nothing")
	addDuration(f, &o.timeout, "timeout", 5*time.Minute, time.Millisecond, "how long each daemon may take to become ready, the stop grace not counted")
	f.BoolVar(&o.noWait, "no-wait", false, "do not wait until the daemons are ready")
	enum(cmd, f, &o.waitFor, "wait-for", "", "ready", "wait until the daemons are `what`: ready, or commands: ready, and each that takes commands has asked for some", "ready", "commands")
	f.BoolVar(&o.noPrune, "no-prune", false, "keep running daemons that have left the manifest")
	f.BoolVar(&o.noRollback, "no-rollback", false, "leave an update that does not become ready as it is")
	f.BoolVar(&o.forceRecreate, "force-recreate", false, "replace daemons even if nothing has changed")
	enum(cmd, f, &o.pull, "pull", "", "", "`when` to fetch images, over what the manifest says: missing, always, never", "missing", "always", "never")
	f.BoolVar(&o.adopt, "adopt", false, "go on though the running stack of this name shares no daemon with the manifest")
	f.BoolVar(&c.createNamespace, "create-namespace", false, "make the Kubernetes namespace if it does not exist")
	f.BoolVar(&c.forceConflicts, "force-conflicts", false, "take over what others manage of the daemons' Kubernetes Deployments")
	addLockTimeout(f, &o.lockTimeout)
	explicit(cmd, "no-rollback", "force-recreate", "adopt", "force-conflicts")
	return cmd
}

func runUp(ctx context.Context, d *deps, c *common, o upOptions, cmd *cobra.Command) error {
	began := d.now()
	if o.waitFor == "commands" && o.noWait {
		return usagef("drop one of them", "--wait-for commands and --no-wait contradict each other")
	}
	m, err := d.check(cmd, c)
	if err != nil {
		return err
	}
	if err := knownDaemons(o.daemons, m.daemonNames()); err != nil {
		return err
	}
	if err := d.refuseOther(m.target, m.stack.Name); err != nil {
		return err
	}
	d.warn(c, m.warnings)
	pullAs(m.workloads, o.pull)
	return d.on(ctx, c, m.target, func(p deploy.Platform) error {
		d.announce(c, m.stack.Name, p.Place())
		ch := change{kind: output.KindUp, stack: m.stack.Name, target: output.NewTarget(m.target, p.Place()), warnings: m.warnings, began: began}
		e, err := d.enlist(ctx, p, m)
		if err != nil {
			return err
		}
		if o.dryRun {
			return ch.preview(ctx, d, c, p, m, o.plan())
		}
		if err := e.Register(ctx, d.now); err != nil {
			return managerFailure(err)
		}
		d.noteDocker(m.target, m.stack.Name, p.Place(), true)
		return ch.run(ctx, d, c, func(event func(deploy.Event)) (deploy.Report, error) {
			return o.up(ctx, d, c, p, m, e, event)
		})
	})
}

// up makes the stack so, and has its manager keep no token that is not needed any more.
func (o upOptions) up(ctx context.Context, d *deps, c *common, p deploy.Platform, m *checked, e *enlist.Enlistment, event func(deploy.Event)) (deploy.Report, error) {
	opts := o.engine(d, m.stack.File)
	opts.Issue = issuer(e)
	report, err := deploy.Up(ctx, p, m.stack.Name, m.workloads, opts, func(x deploy.Event) { e.Follow(x); event(x) })
	if serr := e.Settle(context.WithoutCancel(ctx), p, report.Plan, d.now); serr != nil {
		event(deploy.Event{Time: d.now(), Kind: deploy.KindWarning, Message: "cannot revoke the tokens that are not needed any more, the next up will: " + serr.Error()})
	}
	if err == nil && outcomeError(report) == nil && o.waitFor == "commands" && e.Takes() {
		err = pollFailure(ctx, e.UntilPolled(ctx, o.daemons, o.timeout))
	}
	return report, err
}

func (o upOptions) plan() deploy.PlanOptions {
	return deploy.PlanOptions{Only: o.daemons, NoPrune: o.noPrune, ForceRecreate: o.forceRecreate, Adopt: o.adopt}
}

func (o upOptions) engine(d *deps, file string) deploy.UpOptions {
	return deploy.UpOptions{
		PlanOptions: o.plan(), Timeout: o.timeout, NoWait: o.noWait, NoRollback: o.noRollback, Begin: d.begin(o.lockTimeout, file),
	}
}

// preview prints the plan instead of executing it.
func (ch change) preview(ctx context.Context, d *deps, c *common, p deploy.Platform, m *checked, o deploy.PlanOptions) error {
	plan, _, err := deploy.Preview(ctx, p, m.stack.Name, m.workloads, o)
	if err != nil {
		return err
	}
	doc := ch.document(deploy.Report{Plan: plan}, d.now().Sub(ch.began))
	doc.DryRun = true
	return d.print(c, doc, func(t ui.Theme) string { return t.Plan(plan) })
}

func (m *checked) daemonNames() []string {
	names := make([]string, 0, len(m.stack.Daemons))
	for _, daemon := range m.stack.Daemons {
		names = append(names, daemon.Name)
	}
	return names
}

// pullAs puts the command line's pull policy over the manifest's.
func pullAs(ws []workload.Workload, policy string) {
	if policy == "" {
		return
	}
	for i := range ws {
		ws[i].PullPolicy = manifest.PullPolicy(policy)
	}
}
