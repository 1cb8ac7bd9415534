package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

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

func TestPage(t *testing.T) {
	all := measure.Samples{
		{Key: measure.Key{Who: "alien", Size: 50, What: up}, Took: 7 * time.Second, Peak: 20 << 20},
		{Key: measure.Key{Who: "compose", Size: 50, What: up}, Took: 14 * time.Second, Peak: 80 << 20},
		{Key: measure.Key{Who: "floor", Size: 50, What: up}, Took: 6 * time.Second},
		{Key: measure.Key{Who: "alien", Size: 50, What: gap}, Took: 90 * time.Millisecond},
		{Key: measure.Key{Who: "compose", Size: 50, What: gap}, Took: 900 * time.Millisecond},
		{Key: measure.Key{Who: "alien", What: version}, Took: 12 * time.Millisecond},
	}
	got := page(all).Markdown()
	for _, want := range []string{
		"| 50 | up | 7.000 | 14.000 | 6.000 | 2.00 | 1.08 |\n", "| 50 | 0.090 | 0.900 | – |\n", "| 50 | 20MiB | 80MiB |\n",
		"| 50: up 1.7 × faster than compose | yes |\n", "| 50: unchanged up 4 × faster than compose's | **no** |\n",
		"takes 12.0 ms",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWriteChangesOneVariable(t *testing.T) {
	texts := map[string]string{}
	for _, s := range []string{up, unchanged, update} {
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
