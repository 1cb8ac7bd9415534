package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

// report asks for the medians of the samples.
type report struct{ measure.Samples }

func (r report) took(who string, n int, step string) time.Duration {
	return r.Took(measure.Key{Who: who, Size: n, What: step})
}

// ours is alien's time without a settle time, which no other has.
func (r report) ours(n int, step string) time.Duration {
	if t := r.took(hasty, n, step); t > 0 {
		return t
	}
	return r.took("alien", n, step)
}

// page is the report of what was measured.
func page(all measure.Samples) measure.Page {
	r := report{all}
	p := measure.Page{Name: "kubernetes", Title: "Kubernetes: alien, kubectl and helm",
		Intro: fmt.Sprintf(`
Written by %[1]smake bench-kubernetes%[1]s, which measures in turns, in one session, each step beginning at a random moment of a
second: medians of %[2]s. All of them make the same Deployments: one pod, strategy Recreate, one small static program without a
probe. The steps of kubectl are %[1]sapply%[1]s and %[1]swait --for=condition=Available%[1]s (%[1]srollout status%[1]s for an unchanged up and an
update), %[1]sget%[1]s and %[1]sdescribe%[1]s, %[1]sdelete%[1]s and %[1]swait --for=delete%[1]s of the pods; those of helm are %[1]sinstall%[1]s, %[1]supgrade%[1]s and %[1]suninstall%[1]s,
each with %[1]s--wait%[1]s, and %[1]sstatus%[1]s.

Before alien calls a daemon ready, it watches for 500 ms that it does not die at once. The others have no such time, so the
ratios of up and update are of alien with minReadySeconds 0, which has none either: the column hasty-alien. The column alien is
what a user waits who sets nothing. All times are in seconds.`,
			"`", r.rounds()),
		Sections: []measure.Section{{Table: r.times()}, {
			Title: "Peak memory",
			Text:  "The most memory that the program had resident in any of the steps.",
			Table: r.memory(),
		}},
	}
	if slices.Contains(r.Sizes(), 50) && r.took("kubectl", 50, up) > 0 && r.took("helm", 1, up) > 0 {
		p.Goals = r.goals()
	}
	return p
}

// rounds tells how many rounds the medians are of.
func (r report) rounds() string {
	of := func(n int) (rounds int) {
		for _, one := range r.Samples {
			if one.Key == (measure.Key{Who: "alien", Size: n, What: up}) {
				rounds++
			}
		}
		return rounds
	}
	text := ""
	for _, n := range r.Sizes() {
		if n == r.Sizes()[0] {
			text = strconv.Itoa(of(n))
		} else if of(n) != of(r.Sizes()[0]) {
			text += fmt.Sprintf(", of %d with %d daemons", of(n), n)
		}
	}
	return text
}

func (r report) times() measure.Table {
	t := measure.Table{Head: []string{"daemons", "step", "alien", hasty, "kubectl", "helm", "kubectl ÷ alien", "helm ÷ alien"}}
	for _, n := range r.Sizes() {
		for _, s := range steps {
			kubectl, helm := r.took("kubectl", n, s), r.took("helm", n, s)
			t.Rows = append(t.Rows, []string{strconv.Itoa(n), s, measure.Seconds(r.took("alien", n, s)), measure.Seconds(r.took(hasty, n, s)), measure.Seconds(kubectl), measure.Seconds(helm),
				measure.Ratio(kubectl, r.ours(n, s)), measure.Ratio(helm, r.ours(n, s))})
		}
	}
	return t
}

func (r report) memory() measure.Table {
	t := measure.Table{Head: []string{"daemons", "alien", "kubectl", "helm"}}
	for _, n := range r.Sizes() {
		t.Rows = append(t.Rows, []string{strconv.Itoa(n), measure.Bytes(r.Peak("alien", n)), measure.Bytes(r.Peak("kubectl", n)), measure.Bytes(r.Peak("helm", n))})
	}
	return t
}

func (r report) goals() []measure.Goal {
	faster := func(n int, step, whose, than string, factor float64) bool {
		return measure.Faster(r.ours(n, step), r.took(whose, n, than), factor)
	}
	goals := []measure.Goal{
		{What: "1: up not slower than kubectl", Reached: faster(1, up, "kubectl", up, 1)},
		{What: "50: up 1.8 × faster than kubectl", Reached: faster(50, up, "kubectl", up, 1.8)},
		{What: "1: up 1.8 × faster than helm", Reached: faster(1, up, "helm", up, 1.8)},
		{What: "50: unchanged up 2 × faster than helm upgrade", Reached: faster(50, unchanged, "helm", unchanged, 2)},
		{What: "50: unchanged up 5 × faster than kubectl apply and rollout status", Reached: faster(50, unchanged, "kubectl", unchanged, 5)},
	}
	for _, n := range r.Sizes() {
		goals = append(goals, measure.Goal{What: fmt.Sprintf("%d: status faster than kubectl get and describe", n), Reached: faster(n, status, "kubectl", status, 1)})
	}
	return goals
}
