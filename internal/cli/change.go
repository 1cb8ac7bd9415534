package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// change is one up, down or restart: where, and under which warnings.
type change struct {
	kind     output.Kind
	stack    string
	target   output.Target
	warnings []manifest.Finding
	began    time.Time
}

// run shows the progress of a change and ends it: result on standard output, verdicts on standard error.
func (ch change) run(ctx context.Context, d *deps, c *common, apply func(func(deploy.Event)) (deploy.Report, error)) error {
	r := d.reporter(c)
	answered := context.AfterFunc(ctx, func() {
		r.Event(deploy.Event{Time: d.now(), Kind: deploy.KindInterrupt, Message: "interrupted: finishing or undoing what has begun; once more ends at once"})
	})
	report, err := apply(r.Event)
	answered()
	r.Close()
	return ch.finish(ctx, d, c, report, err)
}

// finish prints how a change ended. The exit code follows from the report: from what was seen at the end.
func (ch change) finish(ctx context.Context, d *deps, c *common, report deploy.Report, err error) error {
	if err == nil {
		err = outcomeError(report)
	}
	took := d.now().Sub(ch.began)
	doc := ch.document(report, took)
	var f *failure
	if err != nil {
		f = asFailure(ctx, err)
		doc.Error = f.toOutput()
	}
	if c.format() == output.Text {
		d.printVerdicts(c, report)
	}
	// Without anything done or planned there is no result, only the error.
	if f == nil || len(report.Plan.Changes) > 0 {
		if err := d.print(c, doc, func(t ui.Theme) string { return ch.summary(t, report, took) }); err != nil {
			return err
		}
	}
	if f == nil {
		return nil
	}
	g := *f
	g.shown = len(report.Plan.Changes) > 0
	return &g
}

func (ch change) document(r deploy.Report, took time.Duration) output.Change {
	return output.Change{
		Head: output.NewHead(ch.kind), Stack: ch.stack, Target: ch.target, Plan: listed(r.Plan), Daemons: daemonResults(r),
		Findings: ch.warnings, TookSeconds: seconds(took), KeptData: r.Data,
	}
}

// listed makes an empty plan an empty list for programs.
func listed(p deploy.Plan) deploy.Plan {
	if p.Changes == nil {
		p.Changes = []deploy.Change{}
	}
	return p
}

func daemonResults(r deploy.Report) []output.DaemonResult {
	results := make([]output.DaemonResult, 0, len(r.Daemons))
	for _, x := range r.Daemons {
		results = append(results, output.DaemonResult{
			Daemon: x.Daemon, Action: x.Action, Outcome: x.Outcome, TookSeconds: seconds(x.Took),
			Restarts: x.Final.Restarts, State: x.Final.State, Verdict: x.Verdict,
		})
	}
	return results
}

// seconds at the precision of a millisecond: more digits would only be noise.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// outcomeError is the error that a report amounts to, nil where every daemon ended as it should.
func outcomeError(r deploy.Report) error {
	by := map[ending][]string{}
	var undone []string
	for _, x := range r.Daemons {
		by[endingOf(x)] = append(by[endingOf(x)], x.Daemon)
		if x.Outcome == deploy.OutcomeRolledBack {
			undone = append(undone, x.Daemon)
		}
	}
	and := ""
	if len(undone) > 0 {
		and = "; rolled back: " + nameList(undone)
	}
	switch {
	case len(by[interrupted]) > 0:
		return &failure{exit: exitInterrupted, code: string(deploy.Interrupted), message: "interrupted before " + nameList(by[interrupted]) + and,
			hint: "run the command again to go on"}
	case len(by[unready]) > 0:
		return &failure{exit: exitNotReady, code: codeUnready, message: "not ready: " + nameList(by[unready]) + and}
	case len(by[timedOut]) > 0:
		return &failure{exit: exitTimeout, code: codeTimeout, message: "timed out waiting for " + nameList(by[timedOut]) + and,
			hint: "raise --timeout, or look at alien daemon logs"}
	case len(by[stillThere]) > 0:
		return &failure{exit: exitFailed, code: string(deploy.OperationFailed), message: "cannot remove " + nameList(by[stillThere])}
	}
	return nil
}

// ending is how one daemon ended, as far as the exit code goes.
type ending int

const (
	well ending = iota
	interrupted
	unready
	timedOut
	stillThere
)

func endingOf(x deploy.DaemonReport) ending {
	switch x.Outcome {
	case deploy.OutcomeInterrupted:
		return interrupted
	case deploy.OutcomeTimedOut:
		return timedOut
	case deploy.OutcomeRolledBack:
		if x.Verdict != nil && x.Verdict.Progressing() {
			return timedOut
		}
		return unready
	case deploy.OutcomeFailed:
		if x.Action == deploy.Delete {
			return stillThere
		}
		return unready
	}
	return well
}

func nameList(names []string) string { return strings.Join(names, ", ") }

func (d *deps) printVerdicts(c *common, r deploy.Report) {
	theme := d.theme(c, d.streams.Err)
	for _, x := range r.Daemons {
		if x.Verdict != nil {
			_, _ = io.WriteString(d.streams.Err, theme.Verdict(*x.Verdict))
		}
	}
}

// summary is a change in one line, and a line for every place of data that was kept.
func (ch change) summary(t ui.Theme, r deploy.Report, took time.Duration) string {
	counts := map[string]int{}
	for _, x := range r.Daemons {
		counts[ch.word(x)]++
	}
	var parts []string
	for _, word := range []string{"created", "updated", "restarted", "unchanged", "started", "removed", "rolled back", "failed", "timed out", "interrupted"} {
		if n := counts[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing to do"}
	}
	s := fmt.Sprintf("%s: %s (%s)\n", t.Bold(ch.stack), strings.Join(parts, ", "), ui.Duration(took))
	for _, data := range r.Data {
		s += fmt.Sprintf("kept %s: data of resource %s; alien daemon down --delete-data removes it\n", data.Name, data.Resource)
	}
	return s
}

// word is how one daemon ended, in one of the words of a summary.
func (ch change) word(r deploy.DaemonReport) string {
	switch {
	case r.Outcome == deploy.OutcomeRolledBack:
		return "rolled back"
	case r.Outcome == deploy.OutcomeTimedOut:
		return "timed out"
	case r.Outcome != deploy.OutcomeReady:
		return string(r.Outcome)
	case ch.kind == output.KindRestart:
		return "restarted"
	case r.Action == deploy.Create:
		return "created"
	case r.Action == deploy.Update:
		return "updated"
	}
	return string(r.Action)
}

// begin are the circumstances of a change, recorded on what it makes.
func (d *deps) begin(lockTimeout time.Duration, file string) deploy.BeginOptions {
	return deploy.BeginOptions{LockTimeout: lockTimeout, Source: origin(file), Version: buildInfo().version}
}

// origin is where a manifest comes from: its path as given, the host and the user.
func origin(file string) string {
	if file == "" {
		return ""
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	name := "unknown user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("%s (%s@%s)", file, name, host)
}
