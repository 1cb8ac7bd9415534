package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

func newLsCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List every stack on the target",
		Long:    "Lists the stacks that this tool has brought up on the target, with how many of their daemons are ready. It needs no manifest.",
		Example: "  alien daemon ls\n  alien daemon ls --docker-context build-box",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseFlags(cmd, "for ls, which lists every stack", "file", "values", "stack"); err != nil {
				return err
			}
			return runLs(cmd.Context(), d, c, cmd)
		},
	}
}

func runLs(ctx context.Context, d *deps, c *common, cmd *cobra.Command) error {
	t, err := d.target(cmd, c, nil)
	if err != nil {
		return err
	}
	return d.on(ctx, c, t, func(p deploy.Platform) error {
		stacks, err := p.Stacks(ctx)
		if err == nil {
			stacks, err = d.withOther(ctx, c, t, stacks)
		}
		if err != nil {
			return err
		}
		doc := output.Stacks{Head: output.NewHead(output.KindStacks), Target: output.NewTarget(t, p.Place()), Stacks: append([]deploy.StackSummary{}, stacks...)}
		return d.print(c, doc, func(theme ui.Theme) string { return stackTable(theme, stacks, p.Place()) })
	})
}

func stackTable(t ui.Theme, stacks []deploy.StackSummary, place string) string {
	if len(stacks) == 0 {
		return "no stacks on " + place + "\n"
	}
	rows := make([][]string, 0, len(stacks))
	several := slices.ContainsFunc(stacks, func(s deploy.StackSummary) bool { return s.Runtime != "" })
	for _, s := range stacks {
		ready := fmt.Sprintf("%d/%d", s.Ready, s.Daemons)
		if s.Ready < s.Daemons {
			ready = t.Red(ready)
		}
		row := []string{ui.Plain(s.Name), ready, orDash(ui.Plain(s.Source))}
		if several {
			row = append(row, cmp.Or(s.Runtime, string(manifest.Docker)))
		}
		rows = append(rows, row)
	}
	columns := []string{"STACK", "READY", "SOURCE"}
	if several {
		columns = append(columns, "RUNTIME")
	}
	return t.Table(columns, rows)
}

// orDash keeps an empty cell visible.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
