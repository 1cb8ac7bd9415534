package measure

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if code, yes := Launched(); yes {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestPeakIsTheProgramsOwn holds that a big benchmark does not make what it measures look big.
func TestPeakIsTheProgramsOwn(t *testing.T) {
	ballast := make([]byte, 256<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	used, err := Program{Path: "/bin/sh", Env: []string{"GREETING=hello"}}.Run(t.Context(), "-c", "echo $GREETING; echo there >&2")
	if err != nil {
		t.Fatal(err)
	}
	if used.Said != "hello\nthere\n" {
		t.Errorf("said %q", used.Said)
	}
	if used.Took <= 0 || used.Peak <= 0 || used.Peak > 64<<20 {
		t.Errorf("took %s and %s of memory, while the benchmark holds 256MiB", used.Took, Bytes(used.Peak))
	}
	if own, err := PeakOf(os.Getpid()); err != nil || own < 256<<20 {
		t.Errorf("own peak: %s, %v", Bytes(own), err)
	}
	runtime.KeepAlive(ballast)
}

func TestFailureShowsWhatTheProgramWrote(t *testing.T) {
	_, err := Program{Path: "/bin/sh"}.Run(t.Context(), "-c", "echo no luck; exit 3")
	if err == nil || !strings.Contains(err.Error(), "no luck") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if _, err := (Program{Path: "/no/such/program"}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []int64
		want   int64
	}{{nil, 0}, {[]int64{3}, 3}, {[]int64{9, 1, 5}, 5}, {[]int64{4, 1, 3, 2}, 2}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v: got %d, want %d", c.values, got, c.want)
		}
	}
}

func TestGoalsNeedBothSides(t *testing.T) {
	for _, c := range []struct {
		ours, theirs time.Duration
		factor       float64
		want         bool
	}{
		{time.Second, 2 * time.Second, 1.7, true},
		{time.Second, 1600 * time.Millisecond, 1.7, false},
		{1100 * time.Millisecond, time.Second, 1 / 1.15, true},
		{1200 * time.Millisecond, time.Second, 1 / 1.15, false},
		{0, time.Second, 1, false}, // not measured
	} {
		if got := Faster(c.ours, c.theirs, c.factor); got != c.want {
			t.Errorf("%s against %s × %.2f: got %t", c.ours, c.theirs, c.factor, got)
		}
	}
}

func TestSamplesAreKeptOverRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "samples")
	one := Sample{Key: Key{"alien", 1, "up"}, Took: time.Second, Peak: 5}
	two := Sample{Key: Key{"alien", 10, "up"}, Took: 3 * time.Second, Peak: 7}
	three := Sample{Key: Key{"alien", 10, "down"}, Took: 2 * time.Second, Peak: 9}
	if _, err := (Samples{one}).Keep(file); err != nil {
		t.Fatal(err)
	}
	all, err := Samples{two, three, two}.Keep(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Samples{one, two, three, two}); !slices.Equal(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
	if got := all.Sizes(); !slices.Equal(got, []int{1, 10}) {
		t.Errorf("sizes %v", got)
	}
	if got := all.Peak("alien", 10); got != 9 {
		t.Errorf("peak %d", got)
	}
	if got := all.Rounds(); got != 1 {
		t.Errorf("rounds %d", got)
	}
	if apart, err := (Samples{one}).Keep(""); err != nil || !slices.Equal(apart, Samples{one}) {
		t.Errorf("kept nowhere: %v, %v", apart, err)
	}
}

func TestPublishWritesPageAndIndex(t *testing.T) {
	docs := t.TempDir()
	for _, p := range []Page{
		{Name: "docker", Title: "Docker", Intro: "\nHow.", Goals: []Goal{{"fast", true}, {"small", false}},
			Sections: []Section{{Title: "Times", Text: "In seconds.", Table: Table{[]string{"step", "alien"}, [][]string{{"up", "1.5"}, {"down", "–"}}}}}},
		{Name: "commands", Title: "Commands", Intro: "What.", Versions: []string{"a server"}},
	} {
		if err := p.Publish(docs); err != nil {
			t.Fatal(err)
		}
	}
	page := read(t, filepath.Join(docs, "benchmarks", "docker.md"))
	want := "# Docker\n\nHow.\n\n## Times\n\nIn seconds.\n\n| step | alien |\n|---|--:|\n| up | 1.5 |\n| down | – |\n\n" +
		"## What we set out to reach\n\n| goal | reached |\n|---|---|\n| fast | yes |\n| small | **no** |\n\n## The machine\n\n- "
	if !strings.HasPrefix(page, want) {
		t.Errorf("got\n%s\nwant\n%s", page, want)
	}
	index := read(t, filepath.Join(docs, "benchmarks.md"))
	for _, want := range []string{"| [Docker](benchmarks/docker.md) | 1 of 2 | ", "| [Commands](benchmarks/commands.md) | 0 of 0 | ", "; a server |\n"} {
		if !strings.Contains(index, want) {
			t.Errorf("no %q in\n%s", want, index)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
