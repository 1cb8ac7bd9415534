package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []int64
		want   int64
	}{{nil, 0}, {[]int64{3}, 3}, {[]int64{9, 1, 5}, 5}, {[]int64{4, 1, 3, 2}, 2}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: got %d, want %d", c.values, got, c.want)
		}
	}
}

// event is one of a container, at a millisecond.
func event(action events.Action, id, daemon string, ms int64) events.Message {
	return events.Message{
		Action: action, TimeNano: ms * int64(time.Millisecond),
		Actor: events.Actor{ID: id, Attributes: map[string]string{"daemon": daemon}},
	}
}

func TestGaps(t *testing.T) {
	seen := []events.Message{
		event(events.ActionDie, "old-a", "a", 10),
		event(events.ActionDie, "old-b", "b", 20),
		event(events.ActionStart, "new-b", "b", 90),
		event(events.ActionStart, "new-a", "a", 50),
		event(events.ActionDie, "c", "c", 60),
		event(events.ActionStart, "c", "c", 70), // restarted, not replaced
		event(events.ActionStart, "d", "d", 80), // new
	}
	want := []time.Duration{70 * time.Millisecond, 40 * time.Millisecond}
	if got := gaps(seen, "daemon"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
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
		if got := less(c.ours, c.theirs, c.factor); got != c.want {
			t.Errorf("%s against %s × %.2f: got %t", c.ours, c.theirs, c.factor, got)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := result{rounds: 1, Version: 12 * time.Millisecond, Machine: []string{"a machine"}, samples: map[key][]sample{
		{"alien", 50, up}:       {{took: 7 * time.Second, maxRSS: 20 << 20}},
		{"compose", 50, up}:     {{took: 14 * time.Second, maxRSS: 80 << 20}},
		{"floor", 50, up}:       {{took: 6 * time.Second}},
		{"alien", 50, update}:   {{took: 8 * time.Second, gap: 90 * time.Millisecond}},
		{"compose", 50, update}: {{took: 28 * time.Second, gap: 900 * time.Millisecond}},
	}}
	got := r.markdown()
	for _, want := range []string{
		"| 50 | up | 7.000 | 14.000 | 6.000 | 2.00 | 1.08 |\n", "| 50 | 0.090 | 0.900 | – |\n", "| 50 | 20MiB | 80MiB |\n",
		"| 50: up 1.7 × faster than compose | yes |\n", "| 50: unchanged up 4 × faster than compose's | **no** |\n",
		"takes 12.0 ms", "- a machine\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWriteChangesOneVariable(t *testing.T) {
	texts := map[step]string{}
	for _, s := range []step{up, unchanged, update} {
		file := filepath.Join(t.TempDir(), "file.yaml")
		if err := write(file, "daemons:\n", "image", s, 2); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[s] = string(text)
	}
	if texts[up] != texts[unchanged] {
		t.Errorf("an unchanged up differs:\n%s\n%s", texts[up], texts[unchanged])
	}
	if want := strings.ReplaceAll(texts[up], `"1"`, `"2"`); texts[update] != want || want == texts[up] {
		t.Errorf("got %s, want %s", texts[update], want)
	}
}
