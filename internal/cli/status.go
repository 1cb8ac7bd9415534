package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

type statusOptions struct {
	watch   bool
	daemons []string
}

func newStatusCmd(d *deps, c *common) *cobra.Command {
	o := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status [DAEMON…]",
		Short: "Show what runs, and whether it is ready and as the manifest says",
		Long: "Shows every daemon of the stack that exists or should exist. The exit code is 0 when all of them are ready, else 4. It needs " +
			"only the stack's name; where the manifest has mistakes or is not there, it is unknown whether a daemon is up to date.",
		Example:           "  alien daemon status\n  alien daemon status --watch\n  alien daemon status --stack edge -o json",
		ValidArgsFunction: d.completeExisting(c),
		Args:              daemonNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.daemons = args
			return runStatus(cmd.Context(), d, c, *o, cmd)
		},
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on, showing every change")
	return cmd
}

func runStatus(ctx context.Context, d *deps, c *common, o statusOptions, cmd *cobra.Command) error {
	n, err := d.identify(cmd, c)
	if err != nil {
		return err
	}
	ws, known := n.known()
	if !known && n.stack != nil {
		d.tell(c, "the manifest has mistakes, so it is unknown what is up to date; alien daemon preflight lists them")
	}
	err = d.on(ctx, c, n.target, func(p deploy.Platform) error {
		l := &look{d: d, c: c, p: p, named: n, workloads: ws, known: known, only: o.daemons}
		if o.watch {
			return l.watch(ctx)
		}
		doc, err := l.now(ctx)
		if err != nil {
			return err
		}
		if err := d.print(c, doc, func(t ui.Theme) string { return fittingStatus(t, doc, d.width()) }); err != nil {
			return err
		}
		return statusError(doc)
	})
	if o.watch {
		return untilStopped(ctx, err)
	}
	return err
}

// look is a status command's view of its stack.
type look struct {
	d         *deps
	c         *common
	p         deploy.Platform
	named     *named
	workloads []workload.Workload
	known     bool
	only      []string
}

// now takes one look.
func (l *look) now(ctx context.Context) (output.Status, error) {
	observed, err := l.p.Observe(ctx, l.named.name, l.workloads)
	if err != nil {
		return output.Status{}, err
	}
	doc, err := l.document(observed)
	if err == nil {
		l.d.addCommands(ctx, l.c, l.named, l.workloads, doc.Daemons)
	}
	return doc, err
}

// document is what is to be said of what was observed, at this moment.
func (l *look) document(observed deploy.Observed) (output.Status, error) {
	at := l.d.now()
	all := deploy.StatusOf(observed, l.workloads, l.known, at)
	if len(all) == 0 && !l.known {
		return output.Status{}, &deploy.Problem{Reason: deploy.NotFound, Hint: "alien daemon ls",
			Message: fmt.Sprintf("there is no stack %s on %s", l.named.name, l.p.Place())}
	}
	selected, err := l.selected(all)
	doc := output.Status{
		Head: output.NewHead(output.KindStatus), Stack: l.named.name, Target: output.NewTarget(l.named.target, l.p.Place()),
		Time: at.UTC().Truncate(time.Millisecond), Ready: !slices.ContainsFunc(selected, notReady), Daemons: selected,
	}
	if f := statusError(doc); f != nil {
		doc.Error = plainFailure(f).toOutput()
	}
	return doc, err
}

func notReady(s deploy.Status) bool { return !s.Ready }

// selected keeps the daemons that were asked for.
func (l *look) selected(all []deploy.Status) ([]deploy.Status, error) {
	if len(l.only) == 0 {
		return all, nil
	}
	names := make([]string, 0, len(all))
	for _, s := range all {
		names = append(names, s.Daemon)
	}
	if err := deploy.CheckNames(l.only, names, fmt.Sprintf("the stack %q", l.named.name)); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s deploy.Status) bool { return !slices.Contains(l.only, s.Daemon) }), nil
}

// statusError is exit code 4 where something is not ready. The result has said so; standard error stays empty.
func statusError(doc output.Status) error {
	if doc.Ready {
		return nil
	}
	var names []string
	for _, s := range doc.Daemons {
		if !s.Ready {
			names = append(names, s.Daemon)
		}
	}
	return &failure{exit: exitNotReady, code: codeUnready, message: "not ready: " + nameList(names), shown: true, silent: true}
}

// fittingStatus is the table where a terminal of that width has room for it, the table without its empty columns where
// that fits, and else a line per daemon. Width 0 is no terminal, and gets the whole table.
func fittingStatus(t ui.Theme, doc output.Status, width int) string {
	whole := statusText(t, doc)
	if width == 0 || len(doc.Daemons) == 0 || fits(whole, width) {
		return whole
	}
	if narrower := t.Table(ui.Informative(statusTable(t, doc))); fits(narrower, width) {
		return narrower
	}
	var b strings.Builder
	for _, s := range doc.Daemons {
		b.WriteString(statusLine(t, s) + "\n")
	}
	return b.String()
}

func fits(text string, width int) bool {
	for line := range strings.Lines(text) {
		if ui.Width(strings.TrimSuffix(line, "\n")) > width {
			return false
		}
	}
	return true
}

func statusText(t ui.Theme, doc output.Status) string {
	heading, rows := statusTable(t, doc)
	if len(rows) == 0 {
		return "the manifest has no daemons, and none runs\n"
	}
	return t.Table(heading, rows)
}

func statusTable(t ui.Theme, doc output.Status) (heading []string, rows [][]string) {
	rows = make([][]string, 0, len(doc.Daemons))
	for _, s := range doc.Daemons {
		rows = append(rows, []string{
			ui.Plain(s.Daemon), stateWord(t, s), orDash(string(s.Health)), uptime(s), fmt.Sprint(s.Restarts), orDash(ui.Exit(s.LastExit)),
			orDash(shortDigest(s.Digest)), upToDate(t, s), notes(s, doc.Time),
		})
	}
	return []string{"DAEMON", "STATE", "HEALTH", "UPTIME", "RESTARTS", "LAST EXIT", "IMAGE", "UP TO DATE", "NOTES"}, rows
}

// stateWord is ready, or why not.
func stateWord(t ui.Theme, s deploy.Status) string {
	switch {
	case s.Ready:
		return t.Green("ready")
	case s.NotReady == deploy.NotReadyStarting, s.NotReady == deploy.NotReadySettling:
		return t.Yellow(string(s.NotReady))
	}
	return t.Red(string(s.NotReady))
}

func uptime(s deploy.Status) string {
	if s.State != deploy.Running {
		return "-"
	}
	if s.UptimeSeconds < 10 {
		return fmt.Sprintf("%ds", s.UptimeSeconds)
	}
	return ui.Duration(time.Duration(s.UptimeSeconds) * time.Second)
}

// shortDigest is what tells one image from another at a glance: the first twelve digits.
func shortDigest(digest string) string {
	if i := strings.LastIndex(digest, ":"); i >= 0 {
		digest = digest[i+1:]
	}
	return digest[:min(12, len(digest))]
}

func upToDate(t ui.Theme, s deploy.Status) string {
	switch s.UpToDate {
	case deploy.UpToDateYes:
		return "yes"
	case deploy.UpToDateNo:
		return t.Yellow("no")
	}
	return string(s.UpToDate)
}

// notes is what else a person wants to know.
func notes(s deploy.Status, now time.Time) string {
	var out []string
	note := func(when bool, format string, args ...any) {
		if when {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	note(!s.NextStart.IsZero() && s.NextStart.After(now), "next start in %s", ui.Duration(s.NextStart.Sub(now)))
	note(s.ByHand, "stopped by hand")
	note(s.Message != "", "%s", ui.Plain(s.Message))
	note(s.Unfinished, "last update not confirmed")
	note(s.Renamed != "", "renamed to %s", ui.Plain(s.Renamed))
	note(len(s.Duplicates) > 0, "%s that should not exist", ui.Count(len(s.Duplicates), "further instance"))
	note(slices.ContainsFunc(s.Causes, func(c deploy.Cause) bool { return c.Path == deploy.CauseManifest }), "not in the manifest")
	if t := s.Commands; t != nil {
		note(t.LastPolledAt.IsZero(), "has not asked for commands")
		note(!t.LastPolledAt.IsZero(), "asked for commands %s ago", ui.Duration(max(0, now.Sub(t.LastPolledAt))))
		note(t.InFlight > 0, "%s in flight", ui.Count(int(t.InFlight), "command"))
		note(t.Pending > 0, "%s waiting", ui.Count(int(t.Pending), "command"))
	}
	note(s.Node != "", "on %s", s.Node)
	return strings.Join(out, ", ")
}
