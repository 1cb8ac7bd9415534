package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// settle is for how long alien watches a daemon that has started before it calls it ready.
const settle = 500 * time.Millisecond

// report asks for the medians of the samples.
type report struct{ measure.Samples }

func (r report) took(who string, n int, what string) time.Duration {
	return r.Took(measure.Key{Who: who, Size: n, What: what})
}

// page is the report of what was measured.
func page(all measure.Samples) measure.Page {
	r := report{all}
	p := measure.Page{Name: "docker", Title: "Docker: alien, docker compose and the bare API",
		Intro: fmt.Sprintf(`
Written by %[1]smake bench-docker%[1]s, which measures alien against docker compose and against the floor in turns, in one
session: medians of %[2]d. The floor is a program that does nothing but call the engine, 4 calls at once. Each daemon is one
small static program without a health check. compose works as it does by itself, with a network of its own.

alien's times contain the settle time of %[3]d ms, for which it watches that a daemon which started does not die at once.
compose has no such time: it calls a service up as soon as its container runs. All times are in seconds.`,
			"`", r.Rounds(), settle.Milliseconds()),
		Sections: []measure.Section{{Table: r.times()}, {
			Title: "The gap in an update",
			Text:  "From the end of the old process to the start of the new one, median over the daemons, by the engine's events.",
			Table: r.gaps(),
		}, {
			Title: "Peak memory",
			Text:  "The most memory that the program had resident in any of the steps.",
			Table: r.memory(),
		}, {
			Title: "Start of the program",
			Text:  fmt.Sprintf("`alien version` takes %s ms.", measure.Milliseconds(r.took("alien", 0, version))),
		}},
	}
	if slices.Contains(r.sizes(), 50) && r.took("compose", 50, up) > 0 {
		p.Goals = r.goals()
	}
	return p
}

// sizes are the numbers of daemons; version has none.
func (r report) sizes() []int {
	return slices.DeleteFunc(r.Sizes(), func(n int) bool { return n == 0 })
}

func (r report) times() measure.Table {
	t := measure.Table{Head: []string{"daemons", "step", "alien", "compose", "floor", "compose ÷ alien", "alien ÷ (floor + settle)"}}
	for _, n := range r.sizes() {
		for _, s := range steps {
			t.Rows = append(t.Rows, r.row(n, s))
		}
	}
	return t
}

func (r report) row(n int, step string) []string {
	ours, theirs, least := r.took("alien", n, step), r.took("compose", n, step), r.took("floor", n, step)
	overFloor := measure.Ratio(0, 0)
	if least > 0 && (step == up || step == update) {
		overFloor = measure.Ratio(ours, least+settle)
	}
	return []string{strconv.Itoa(n), step, measure.Seconds(ours), measure.Seconds(theirs), measure.Seconds(least),
		measure.Ratio(theirs, ours), overFloor}
}

func (r report) gaps() measure.Table {
	t := measure.Table{Head: []string{"daemons", "alien", "compose", "floor"}}
	for _, n := range r.sizes() {
		t.Rows = append(t.Rows, []string{strconv.Itoa(n), measure.Seconds(r.took("alien", n, gap)),
			measure.Seconds(r.took("compose", n, gap)), measure.Seconds(r.took("floor", n, gap))})
	}
	return t
}

func (r report) memory() measure.Table {
	t := measure.Table{Head: []string{"daemons", "alien", "compose"}}
	for _, n := range r.sizes() {
		t.Rows = append(t.Rows, []string{strconv.Itoa(n), measure.Bytes(r.Peak("alien", n)), measure.Bytes(r.Peak("compose", n))})
	}
	return t
}

func (r report) goals() []measure.Goal {
	var all []measure.Goal
	add := func(reached bool, format string, args ...any) {
		all = append(all, measure.Goal{What: fmt.Sprintf(format, args...), Reached: reached})
	}
	for _, n := range r.sizes() {
		ours := func(what string) time.Duration { return r.took("alien", n, what) }
		theirs := func(what string) time.Duration { return r.took("compose", n, what) }
		add(measure.Faster(ours(up), r.took("floor", n, up)+settle, 1/1.15), "%d: up within 1.15 × (floor + settle)", n)
		add(measure.Faster(ours(status), theirs(status), 1), "%d: status not slower than compose ps", n)
		add(measure.Faster(ours(gap), theirs(gap), 1), "%d: gap shorter than compose's", n)
		add(r.Peak("alien", n) < r.Peak("compose", n), "%d: peak memory below compose's", n)
	}
	add(measure.Faster(r.took("alien", 50, up), r.took("compose", 50, up), 1.7), "50: up 1.7 × faster than compose")
	add(measure.Faster(r.took("alien", 50, unchanged), r.took("compose", 50, unchanged), 4), "50: unchanged up 4 × faster than compose's")
	add(r.took("alien", 0, version) < 20*time.Millisecond, "alien version under 20 ms")
	return all
}
