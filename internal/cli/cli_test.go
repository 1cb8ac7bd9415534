package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func noon() time.Time { return time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC) }

func TestStatusText(t *testing.T) {
	at := noon()
	doc := output.Status{Time: at, Daemons: []deploy.Status{
		{Daemon: "api", State: deploy.Running, Health: deploy.Healthy, Ready: true, UptimeSeconds: 7210, UpToDate: deploy.UpToDateYes, Digest: "example.com/api@sha256:0123456789abcdef0123"},
		{Daemon: "cron", State: deploy.BackOff, NotReady: deploy.NotReadyBackOff, Restarts: 4, LastExit: &deploy.Exit{Code: 3}, NextStart: at.Add(12 * time.Second), UpToDate: deploy.UpToDateNo},
		{Daemon: "db", State: deploy.Stopped, NotReady: deploy.NotReadyStopped, ByHand: true, LastExit: &deploy.Exit{Code: 143, Signal: "SIGTERM"}, UpToDate: deploy.UpToDateUnknown, Renamed: "db-old"},
		{Daemon: "left", State: deploy.Running, Ready: true, UptimeSeconds: 3, UpToDate: deploy.UpToDateNo, Causes: []deploy.Cause{{Path: deploy.CauseManifest}}, Node: "node-1"},
		{Daemon: "new", State: deploy.Gone, NotReady: deploy.NotReadyMissing, UpToDate: deploy.UpToDateNo},
		{Daemon: "slow", State: deploy.Running, Health: deploy.Starting, NotReady: deploy.NotReadyStarting, UptimeSeconds: 12, UpToDate: deploy.UpToDateYes, Unfinished: true, Duplicates: []string{"a", "b"}},
		{Daemon: "wrong", State: deploy.Created, NotReady: deploy.NotReadyProblem, Reason: deploy.CommandNotFound, Message: "no \x1b[2Jsuch command", UpToDate: deploy.UpToDateYes},
	}}
	golden(t, "status.golden", statusText(ui.Theme{}, doc))
	golden(t, "status-colour.golden", statusText(ui.Theme{Color: true}, doc))
	var lines string
	for _, s := range doc.Daemons {
		lines += statusLine(ui.Theme{}, s) + "\n"
	}
	golden(t, "status-lines.golden", lines)
}

func TestOutcomeDecidesTheExitCode(t *testing.T) {
	progressing := &deploy.Verdict{Reason: deploy.StartTimeout}
	failing := &deploy.Verdict{Reason: deploy.StartTimeout, Failures: 1}
	r := func(name string, a deploy.Action, o deploy.Outcome, v *deploy.Verdict) deploy.DaemonReport {
		return deploy.DaemonReport{Daemon: name, Action: a, Outcome: o, Verdict: v}
	}
	tests := []struct {
		name    string
		daemons []deploy.DaemonReport
		exit    int
		message string
	}{
		{"nothing", nil, exitOK, ""},
		{"all well", []deploy.DaemonReport{r("a", deploy.Create, deploy.OutcomeReady, nil), r("b", deploy.Update, deploy.OutcomeStarted, nil), r("c", deploy.Delete, deploy.OutcomeRemoved, nil)}, exitOK, ""},
		{"failed", []deploy.DaemonReport{r("a", deploy.Create, deploy.OutcomeFailed, failing)}, exitNotReady, "not ready: a"},
		{"rolled back is still a failure", []deploy.DaemonReport{r("a", deploy.Update, deploy.OutcomeRolledBack, failing)}, exitNotReady, "not ready: a; rolled back: a"},
		{"too slow", []deploy.DaemonReport{r("a", deploy.Create, deploy.OutcomeTimedOut, progressing)}, exitTimeout, "timed out waiting for a"},
		{"too slow and rolled back", []deploy.DaemonReport{r("a", deploy.Update, deploy.OutcomeRolledBack, progressing)}, exitTimeout, "timed out waiting for a; rolled back: a"},
		{"a failure beats a time-out", []deploy.DaemonReport{r("a", deploy.Create, deploy.OutcomeTimedOut, progressing), r("b", deploy.Create, deploy.OutcomeFailed, failing)}, exitNotReady, "not ready: b"},
		{"an interrupt beats all", []deploy.DaemonReport{r("a", deploy.Create, deploy.OutcomeInterrupted, nil), r("b", deploy.Create, deploy.OutcomeFailed, failing)}, exitInterrupted, "interrupted before a"},
		{"not removed", []deploy.DaemonReport{r("a", deploy.Delete, deploy.OutcomeFailed, failing)}, exitFailed, "cannot remove a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := outcomeError(deploy.Report{Daemons: tt.daemons})
			if tt.exit == exitOK {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if f := plainFailure(err); f.exit != tt.exit || f.message != tt.message {
				t.Errorf("exit code %d, %q; want %d, %q", f.exit, f.message, tt.exit, tt.message)
			}
		})
	}
}

func TestSignalsHaveTheirOwnExitCodes(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(Interrupted(signal))
		for _, err := range []error{context.Canceled, errors.New("broken off"), &deploy.Problem{Reason: deploy.EngineUnreachable, Message: "gone"}} {
			if got := asFailure(ctx, err).exit; got != want {
				t.Errorf("%v after %v: exit code %d, want %d", err, signal, got, want)
			}
		}
		if got := asFailure(ctx, usagef("", "wrong")).exit; got != exitUsage {
			t.Errorf("wrong usage after %v: exit code %d", signal, got)
		}
	}
}

func TestEveryOwnCodeIsExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, c := range codes() {
		if explained[c.Code] {
			t.Errorf("%s is explained twice", c.Code)
		}
		explained[c.Code] = true
		if c.Summary == "" || c.Details == "" || c.Fix == "" {
			t.Errorf("%s is not explained whole: %+v", c.Code, c)
		}
	}
	for _, code := range []string{codeUsage, codeRefused, codeUnready, codeTimeout, codeChanges, string(deploy.OperationFailed), string(deploy.Interrupted)} {
		if !explained[code] {
			t.Errorf("%s is not explained", code)
		}
	}
}

func TestCodesAreTheirOwn(t *testing.T) {
	own := ownCodes()
	for _, other := range slices.Concat(manifest.Codes(), deploy.Reasons()) {
		if slices.ContainsFunc(own, func(c manifest.CodeInfo) bool { return c.Code == other.Code }) {
			t.Errorf("%s is another room's", other.Code)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"status", "restart", "up", "down"}
	for word, want := range map[string]string{"sttaus": `did you mean "status"?`, "donw": `did you mean "down"?`, "xyzzy": ""} {
		if got := didYouMean(word, known); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", word, got, want)
		}
	}
}

func lines(daemon string, seconds ...int) logStream {
	return func(yield func(deploy.LogLine, error) bool) {
		for _, s := range seconds {
			if !yield(deploy.LogLine{Daemon: daemon, Time: noon().Add(time.Duration(s) * time.Second)}, nil) {
				return
			}
		}
	}
}

func collect(t *testing.T, s iter.Seq2[deploy.LogLine, error], most int) []string {
	t.Helper()
	var got []string
	for l, err := range s {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.Daemon+l.Time.Format("05"))
		if len(got) == most {
			break
		}
	}
	return got
}

func TestLogsMergeByTime(t *testing.T) {
	streams := []logStream{lines("a", 1, 4, 5), lines("b", 2, 3, 6), lines("c")}
	want := []string{"a01", "b02", "b03", "a04", "a05", "b06"}
	if diff := cmp.Diff(want, collect(t, inOrder(t.Context(), streams), -1)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:2], collect(t, inOrder(t.Context(), streams), 2)); diff != "" {
		t.Error(diff)
	}
}

func TestFollowedLogsComeAsTheyCome(t *testing.T) {
	endless := func(yield func(deploy.LogLine, error) bool) {
		for yield(deploy.LogLine{Daemon: "e", Time: noon()}, nil) {
		}
	}
	if got := collect(t, asTheyCome(t.Context(), []logStream{endless, lines("a")}), 3); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	got := collect(t, asTheyCome(t.Context(), []logStream{lines("a", 1, 2), lines("b", 3)}), -1)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a01", "a02", "b03"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestColoursOnlyWhereWanted(t *testing.T) {
	tests := []struct {
		flag string
		env  map[string]string
		want bool
	}{
		{"always", map[string]string{"NO_COLOR": "1"}, true},
		{"never", nil, false},
		{"auto", nil, false}, // no terminal here
	}
	for _, tt := range tests {
		d := &deps{env: func(n string) (string, bool) { v, ok := tt.env[n]; return v, ok }}
		if got := d.theme(&common{color: tt.flag}, &bytes.Buffer{}).Color; got != tt.want {
			t.Errorf("--color %s with %v: %v", tt.flag, tt.env, got)
		}
	}
}

func TestTargetOf(t *testing.T) {
	kubernetesOnly := &manifest.Stack{Platforms: []manifest.Platform{manifest.Kubernetes}}
	both := &manifest.Stack{}
	tests := []struct {
		flag  string
		stack *manifest.Stack
		want  manifest.Platform
	}{
		{"", nil, manifest.Local}, {"", both, manifest.Local}, {"", kubernetesOnly, manifest.Kubernetes},
		{"local", kubernetesOnly, manifest.Local}, {"aws", both, manifest.AWS},
	}
	for _, tt := range tests {
		if got := (&common{platform: tt.flag}).platformOf(tt.stack); got != tt.want {
			t.Errorf("-p %q: %s, want %s", tt.flag, got, tt.want)
		}
	}
}

func TestRenamedStackKeepsAGivenIdentity(t *testing.T) {
	c := &common{stack: "preview"}
	got := c.rename(&manifest.Stack{Name: "edge", Deployment: manifest.Deployment{ID: "edge", Name: "given"}})
	want := manifest.Deployment{ID: "preview", Name: "given"}
	if got.Name != "preview" || got.Deployment != want {
		t.Errorf("got %s %+v", got.Name, got.Deployment)
	}
}

func TestStatusFitsItsTerminal(t *testing.T) {
	doc := output.Status{Time: noon(), Daemons: []deploy.Status{
		{Daemon: "api", State: deploy.Running, Ready: true, UptimeSeconds: 72, UpToDate: deploy.UpToDateYes, Digest: "sha256:0123456789abcdef"},
		{Daemon: "db", State: deploy.Gone, NotReady: deploy.NotReadyMissing, UpToDate: deploy.UpToDateNo},
	}}
	whole := statusText(ui.Theme{}, doc)
	tests := []struct {
		width int
		want  string
	}{
		{0, whole},
		{100, whole},
		{70, "DAEMON  STATE    UPTIME  RESTARTS  IMAGE         UP TO DATE\napi     ready    1m12s   0         0123456789ab  yes\ndb      missing  -       0         -             no\n"},
		{40, "api: ready\ndb: missing, not up to date\n"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, fittingStatus(ui.Theme{}, doc, tt.width)); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", tt.width, diff)
		}
	}
}

// TestHabitsNameWhatExists: a hint that names a command or a flag that is none would be worse than no hint.
func TestHabitsNameWhatExists(t *testing.T) {
	root := NewReference().Root
	flags := allFlags(root)
	for word, habit := range commandHabits() {
		found, _, err := root.Find(append([]string{"daemon"}, strings.Fields(habit)[0]))
		if err != nil || found.Name() != strings.Fields(habit)[0] {
			t.Errorf("%s: there is no command %s", word, habit)
		}
		if same, _, err := root.Find([]string{"daemon", word}); err == nil && same.Name() == word {
			t.Errorf("%s is a command of its own", word)
		}
	}
	for word, habit := range flagHabits() {
		if flags[word] != nil {
			t.Errorf("%s is a flag of its own", word)
		}
		_, rest, named := strings.Cut(habit, "--")
		if flag, _, _ := strings.Cut(rest, " "); named && flags[flag] == nil {
			t.Errorf("%s: there is no flag %s", word, flag)
		}
	}
}
