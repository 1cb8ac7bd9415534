package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
)

type diffOptions struct{ exitCode bool }

func newDiffCmd(d *deps, c *common) *cobra.Command {
	o := &diffOptions{}
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what up would change",
		Long: "Compares what runs with the manifest and prints what up would do, and why. It changes nothing. Of a secret it only says " +
			"whether it has changed.",
		Example: "  alien daemon diff\n  alien daemon diff --exit-code || alien daemon up",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDiff(cmd.Context(), d, c, *o, cmd)
		},
	}
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 6 when there are changes")
	return cmd
}

func runDiff(ctx context.Context, d *deps, c *common, o diffOptions, cmd *cobra.Command) error {
	m, err := d.check(cmd, c)
	if err != nil {
		return err
	}
	d.warn(c, m.warnings)
	return d.on(ctx, c, m.target, func(p deploy.Platform) error {
		d.announce(c, m.stack.Name, p.Place())
		if _, err := d.enlist(ctx, p, m); err != nil {
			return err
		}
		plan, _, err := deploy.Preview(ctx, p, m.stack.Name, m.workloads, deploy.PlanOptions{})
		if err != nil {
			return err
		}
		doc := output.Diff{
			Head: output.NewHead(output.KindDiff), Stack: m.stack.Name, Target: output.NewTarget(m.target, p.Place()),
			Changed: !plan.Empty(), Plan: listed(plan), Findings: m.warnings,
		}
		if err := d.print(c, doc, func(t ui.Theme) string { return t.Plan(plan) }); err != nil {
			return err
		}
		if o.exitCode && doc.Changed {
			return &failure{exit: exitChanges, code: codeChanges, message: "there are changes", shown: true, silent: true}
		}
		return nil
	})
}

// noArgs refuses arguments where a command takes none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(orHelp("", cmd), "%q takes no arguments, and was given %q", cmd.CommandPath(), args[0])
	}
	return nil
}
