package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
)

type logsOptions struct {
	follow, timestamps bool
	tail               int
	since              string
	daemons            []string
}

func newLogsCmd(d *deps, c *common) *cobra.Command {
	o := &logsOptions{}
	cmd := &cobra.Command{
		Use:   "logs [DAEMON…]",
		Short: "Print what daemons write, across restarts and replacements",
		Long: "Prints the output of the stack's daemons, each line with its daemon's name, the oldest first. With --follow it goes on " +
			"through restarts and replacements, which it marks.",
		Example:           "  alien daemon logs\n  alien daemon logs -f --tail 20 connector\n  alien daemon logs --since 10m -o json",
		ValidArgsFunction: d.completeExisting(c),
		Args:              daemonNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.daemons = args
			return runLogs(cmd.Context(), d, c, *o, cmd)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on printing as lines are written")
	c.addFile(cmd, f, "") // -f follows here, as everywhere where logs are printed
	f.IntVar(&o.tail, "tail", -1, "begin with the last `n` lines of each daemon; negative is all")
	f.StringVar(&o.since, "since", "", "only lines after a `time`: a duration back from now (10m), or RFC 3339")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "begin each line with its time")
	return cmd
}

func runLogs(ctx context.Context, d *deps, c *common, o logsOptions, cmd *cobra.Command) error {
	since, err := d.since(o.since)
	if err != nil {
		return err
	}
	n, err := d.identify(cmd, c)
	if err != nil {
		return err
	}
	query := deploy.LogQuery{Follow: o.follow, Tail: o.tail, Since: since}
	err = d.on(ctx, c, n.target, func(p deploy.Platform) error {
		daemons, err := existing(ctx, p, n.name, o.daemons)
		if err != nil {
			return err
		}
		printer := d.logPrinter(c, n.name, daemons, o.timestamps)
		merge := inOrder
		if o.follow {
			merge = asTheyCome
		}
		var streams []iter.Seq2[deploy.LogLine, error]
		for _, daemon := range daemons {
			streams = append(streams, p.Logs(ctx, n.name, daemon, query))
		}
		for line, err := range merge(ctx, streams) {
			if err == nil {
				err = printer(line)
			}
			if err != nil {
				return fmt.Errorf("cannot print the logs of stack %s: %w", n.name, err)
			}
		}
		return context.Cause(ctx)
	})
	if o.follow {
		return untilStopped(ctx, err)
	}
	return err
}

// since takes a duration back from now, or a time.
func (d *deps) since(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return d.now().Add(-ago), nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	return time.Time{}, usagef("write 10m, 2h30m, or 2026-05-17T08:00:00Z", "--since: cannot use %q: it is neither a duration nor a time", s)
}

// existing gives the daemons whose logs are wanted: those named, or all that exist.
func existing(ctx context.Context, p deploy.Platform, stack string, asked []string) ([]string, error) {
	o, err := p.Observe(ctx, stack, nil)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, daemon := range o.Daemons {
		all = append(all, daemon.Daemon)
	}
	if len(all) == 0 {
		return nil, &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("there is no stack %s on %s", stack, p.Place()), Hint: "alien daemon ls"}
	}
	if err := deploy.CheckExisting(asked, o, stack); err != nil {
		return nil, err
	}
	if len(asked) > 0 {
		return slices.Compact(sorted(slices.Clone(asked))), nil
	}
	return all, nil
}

// logPrinter gives the function that prints one line in the wanted form.
func (d *deps) logPrinter(c *common, stack string, daemons []string, timestamps bool) func(deploy.LogLine) error {
	if f := c.format(); f != output.Text {
		return func(l deploy.LogLine) error {
			return output.WriteLine(d.streams.Out, f, output.LogLine{
				Head: output.NewHead(output.KindLogLine), Stack: stack, Daemon: l.Daemon, Time: l.Time, Stream: l.Stream, Text: l.Text,
			})
		}
	}
	theme, width, raw := d.theme(c, d.streams.Out), 0, !isTerminal(d.streams.Out)
	for _, name := range daemons {
		width = max(width, ui.Width(name))
	}
	return func(l deploy.LogLine) error {
		_, err := fmt.Fprintln(d.streams.Out, logLine(theme, l, width, timestamps, raw))
		return err
	}
}

// logLine is a line of output behind its daemon's name. A pipe gets the bytes as they are; a terminal is not let be
// controlled by them, colours excepted.
func logLine(t ui.Theme, l deploy.LogLine, width int, timestamps, raw bool) string {
	text := l.Text
	if !raw {
		text = ui.KeepColors(text)
	}
	if l.Stream == "marker" {
		text = t.Dim("--- " + text + " ---")
	}
	at := ""
	if timestamps {
		at = t.Dim(l.Time.UTC().Format(time.RFC3339Nano)) + " "
	}
	name := l.Daemon + strings.Repeat(" ", max(0, width-ui.Width(l.Daemon)))
	return t.Name(l.Daemon, name+" |") + " " + at + text
}
