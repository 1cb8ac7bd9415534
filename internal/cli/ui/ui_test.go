package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0ms", 40 * time.Millisecond: "40ms", 449 * time.Millisecond: "0.4s", 9990 * time.Millisecond: "9.9s", 12 * time.Second: "12s",
		185 * time.Second: "3m05s", 130 * time.Minute: "2h10m", 123 * time.Hour: "5d3h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 3_400_000: "3.4 MB", 5e15: "5000.0 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly", 7, "exactly"},
		{"too long", 4, "too…"},
		{"日本語", 4, "日…"},
		{"\x1b[31mred and long\x1b[0m", 4, "\x1b[31mred…\x1b[0m"},
		{"\x1b[31mred\x1b[0m", 3, "\x1b[31mred\x1b[0m"},
		{"no terminal", 0, "no terminal"},
	}
	for _, tt := range tests {
		got := Fit(tt.text, tt.width)
		if got != tt.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
		if tt.width > 0 && Width(got) > tt.width {
			t.Errorf("%q takes %d columns of %d", got, Width(got), tt.width)
		}
	}
}

func TestPlainDisarms(t *testing.T) {
	tests := map[string]string{
		"text\twith tab": "text\twith tab", "bell\a": `bell\x07`, "clear\x1b[2J": `clear\x1b[2J`, "bad\xffbyte": "bad\uFFFDbyte", "c1\u009b2J": `c1\x9b2J`,
	}
	for text, want := range tests {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestKeepColors(t *testing.T) {
	tests := map[string]string{
		"\x1b[1;31mred\x1b[0m done": "\x1b[1;31mred\x1b[0m done",
		"\x1b[2Jgone":               `\x1b[2Jgone`,
		"\x1b]0;title\a":            `\x1b]0;title\x07`,
		"cut \x1b[":                 `cut \x1b[`,
		"half \x1b[31":              `half \x1b[31`,
	}
	for text, want := range tests {
		if got := KeepColors(text); got != want {
			t.Errorf("KeepColors(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestTableIgnoresColoursInWidths(t *testing.T) {
	theme := Theme{Color: true}
	got := theme.Table([]string{"A", "B"}, [][]string{{theme.Red("long cell"), "x"}, {"s", "y"}})
	want := "\x1b[1mA          B\x1b[0m\n\x1b[31mlong cell\x1b[0m  x\ns          y\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInformativeColumns(t *testing.T) {
	heading, rows := Informative([]string{"A", "B", "C", "D"}, [][]string{{"x", "-", "", "-"}, {"", "-", "", "y"}})
	if diff := cmp.Diff([]string{"A", "D"}, heading); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{{"x", "-"}, {"", "y"}}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestNamesKeepTheirColour(t *testing.T) {
	theme := Theme{Color: true}
	first, again := theme.Name("api", "api |"), theme.Name("api", "api |")
	if first != again || first == "api |" {
		t.Errorf("the same name is %q and %q", first, again)
	}
	if got := (Theme{}).Name("api", "api |"); got != "api |" {
		t.Errorf("without colours it is %q", got)
	}
}

func TestVerdict(t *testing.T) {
	got := Theme{}.Verdict(deploy.Verdict{
		Daemon: "api", Reason: deploy.UnhealthyNow, Message: "it is not healthy", Restarts: 2, Hint: "look at the probe",
		Exit: &deploy.Exit{Code: 137, Signal: "SIGKILL", OOM: true}, Probe: &deploy.Probe{Code: 1, Output: "connection refused\r\nto \x1b[2Jdb\n"},
		Logs: []string{"starting", "dying\a"},
	})
	want := strings.Join([]string{
		"✗ api UNHEALTHY: it is not healthy",
		"  exit:     SIGKILL (out of memory)",
		"  restarts: 2",
		"  probe:    code 1",
		"    │ connection refused",
		`    │ to \x1b[2Jdb`,
		"  logs:     last 2 lines",
		"    │ starting",
		`    │ dying\x07`,
		"  hint:     look at the probe",
		"  more:     alien explain UNHEALTHY",
		"",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExit(t *testing.T) {
	tests := []struct {
		exit *deploy.Exit
		want string
	}{
		{nil, ""}, {&deploy.Exit{}, "code 0"}, {&deploy.Exit{Code: 3}, "code 3"}, {&deploy.Exit{Code: -1}, "code unknown"},
		{&deploy.Exit{Code: 143, Signal: "SIGTERM"}, "SIGTERM"}, {&deploy.Exit{Code: 137, OOM: true}, "code 137 (out of memory)"},
	}
	for _, tt := range tests {
		if got := Exit(tt.exit); got != tt.want {
			t.Errorf("Exit(%+v) = %q, want %q", tt.exit, got, tt.want)
		}
	}
}

func TestFindings(t *testing.T) {
	findings := []manifest.Finding{
		{Code: "FIELD_UNKNOWN", Severity: manifest.Error, Message: "what", Hint: "do this", Location: manifest.Location{File: "a.yaml", Line: 2, Column: 3, Path: "x"}},
		{Code: "NOT_DEPLOYED", Severity: manifest.Warning, Message: "that", Target: "kubernetes", Location: manifest.Location{File: "a.yaml"}},
	}
	want := "a.yaml:2:3: x: what; do this [FIELD_UNKNOWN]\nwarning: a.yaml: that (kubernetes) [NOT_DEPLOYED]\n"
	if diff := cmp.Diff(want, Theme{}.Findings(findings, false)); diff != "" {
		t.Error(diff)
	}
	if got := Tally(findings); got != "1 error, 1 warning" {
		t.Errorf("Tally = %q", got)
	}
}

func TestFindingsShowTheLine(t *testing.T) {
	stack, findings := manifest.Load(manifest.Options{Path: "-", Stdin: strings.NewReader("name: edge\nreplicas: 3\n")})
	got := Theme{}.Findings(findings, true)
	if !strings.Contains(got, "2 | replicas: 3\n    | ^\n") {
		t.Errorf("no excerpt of the line, of stack %v, in:\n%s", stack, got)
	}
}

func TestPlanIsColoured(t *testing.T) {
	p := deploy.Plan{Changes: []deploy.Change{{Daemon: "api", Action: deploy.Create}, {Daemon: "db", Action: deploy.Delete}}}
	if got := (Theme{}).Plan(p); got != p.String() {
		t.Errorf("without colours it is not the plan's own text:\n%s", got)
	}
	got := Theme{Color: true}.Plan(p)
	for _, want := range []string{"\x1b[32m+ api", "\x1b[31m- db"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%q", want, got)
		}
	}
}

func TestWrap(t *testing.T) {
	got := Wrap("one two  three\nfour", 8)
	if want := "one two\nthree\nfour"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNarrow holds that what people read is wrapped to a terminal, and that what a daemon wrote is left as it is.
func TestNarrow(t *testing.T) {
	theme := Theme{Width: 36}
	log := strings.Repeat("x y ", 20)
	got := theme.Verdict(deploy.Verdict{
		Daemon: "api", Reason: deploy.CrashLoop, Message: "it exited three times in a row during its start", Logs: []string{log},
		Hint: "let it start by hand and look at what it needs",
	}) + theme.Findings([]manifest.Finding{
		{Code: "FIELD_UNKNOWN", Severity: manifest.Error, Message: "there is no field of that name", Hint: "do this", Location: manifest.Location{File: "a.yaml", Line: 2, Column: 3, Path: "x"}},
	}, false) + theme.Failure("the manifest was refused and that was it", "CODE", "look at what it said before this line")
	want := `✗ api CRASH_LOOP: it exited three
  times in a row during its start
  logs:     last 1 line
    │ ` + log + `
  hint:     let it start by hand and
            look at what it needs
  more:     alien explain CRASH_LOOP
a.yaml:2:3: x: there is no field
  of that name; do this
  [FIELD_UNKNOWN]
error: the manifest was refused
  and that was it [CODE]
hint: look at what it said before
  this line
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRedraw(t *testing.T) {
	if got, want := Redraw(2, []string{"a"}), "\x1b[2A\ra\x1b[K\n\x1b[J"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
