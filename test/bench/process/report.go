package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// report asks for the medians of the samples.
type report struct {
	measure.Samples
	daemons int // that the supervisor was measured with
}

func (r report) took(who string, n int, what string) time.Duration {
	return r.Took(measure.Key{Who: who, Size: n, What: what})
}

// sizes are the numbers of daemons that the steps were measured with.
func (r report) sizes() []int {
	return slices.DeleteFunc(r.Sizes(), func(n int) bool { return r.took(process, n, up) == 0 })
}

// page is the report of what was measured.
func (r report) page() measure.Page {
	p := measure.Page{Name: "process", Title: "The process runtime: alien without Docker, alien on Docker and docker compose",
		Intro: fmt.Sprintf(`
Written by %[1]smake bench-process%[1]s, which measures alien on its embedded process runtime, alien on Docker and docker compose
in turns, in one session: medians of %[2]d. The floor is a program that does nothing but call the Docker engine. Each daemon is
one small static program without a health check, and none has a settle time, so that the times are those of the start alone.
The image is there already. The process runtime begins without a supervisor: the time of an up contains its start. All times
are in seconds.`, "`", r.rounds()),
		Sections: []measure.Section{{Table: r.times()}, {
			Title: "The supervisor",
			Text: fmt.Sprintf("With %d daemons at which nothing happens it has %s resident, and in %s uses %.1f ms of processor time.",
				r.daemons, measure.Bytes(r.Peak(process, r.daemons)), idleTime, 1000*r.took(process, r.daemons, idle).Seconds()),
		}},
	}
	if sizes := r.sizes(); r.daemons == kept && slices.Contains(sizes, 1) && slices.Contains(sizes, 50) && r.took(withCompose, 50, up) > 0 {
		p.Goals = r.goals()
	}
	return p
}

// rounds is how often the steps were done; the supervisor is measured once.
func (r report) rounds() int {
	return slices.DeleteFunc(slices.Clone(r.Samples), func(s measure.Sample) bool { return !slices.Contains(steps, s.What) }).Rounds()
}

func (r report) times() measure.Table {
	t := measure.Table{Head: []string{"daemons", "step", "process", "docker", "floor", "compose", "docker ÷ process", "floor ÷ process", "compose ÷ process"}}
	for _, n := range r.sizes() {
		for _, s := range steps {
			ours, engine, least, theirs := r.took(process, n, s), r.took(docker, n, s), r.took(bareEngine, n, s), r.took(withCompose, n, s)
			t.Rows = append(t.Rows, []string{strconv.Itoa(n), s, measure.Seconds(ours), measure.Seconds(engine), measure.Seconds(least), measure.Seconds(theirs),
				measure.Ratio(engine, ours), measure.Ratio(least, ours), measure.Ratio(theirs, ours)})
		}
	}
	return t
}

func (r report) goals() []measure.Goal {
	var all []measure.Goal
	add := func(reached bool, what string) { all = append(all, measure.Goal{What: what, Reached: reached}) }
	add(measure.Faster(r.took(process, 1, up), r.took(docker, 1, up), 5), "1: up in a fifth of its time on Docker")
	add(measure.Faster(r.took(process, 50, up), r.took(withCompose, 50, up), 10), "50: up in a tenth of compose's time")
	for _, n := range r.sizes() {
		for _, s := range []string{unchanged, status} {
			add(measure.Faster(r.took(process, n, s), r.took(docker, n, s), 1), fmt.Sprintf("%d: %s not slower than on Docker", n, s))
		}
	}
	add(r.Peak(process, kept) < 20e6, "the supervisor of 100 daemons below 20 MB")
	add(r.took(process, kept, idle) < idleTime/200, "and below half a percent of a processor when nothing happens")
	return all
}
