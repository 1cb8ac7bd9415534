package docker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// model is an engine that does steps in memory. A container's state is what an inspection would tell.
type model struct {
	t   *testing.T
	all []member
}

func (m *model) find(id string) *member {
	for i := range m.all {
		if m.all[i].id == id {
			return &m.all[i]
		}
	}
	m.t.Fatalf("a step is about %s, which is not there", id)
	return nil
}

func (m *model) do(s step) {
	switch s.op {
	case opRename, opAside:
		for _, other := range m.all {
			if other.name == s.name && other.id != s.id {
				m.t.Fatalf("%s: the name is taken by %s", s, other.id)
			}
		}
		m.find(s.id).name = s.name
	case opHold:
		m.find(s.id).noPolicy = true
	case opRelease:
		m.find(s.id).noPolicy = false
	case opStop, opEnd:
		m.find(s.id).running = false
	case opStart:
		c := m.find(s.id)
		c.started, c.running = true, true
	case opRemove:
		m.find(s.id)
		m.all = slices.DeleteFunc(m.all, func(c member) bool { return c.id == s.id })
	}
	running := 0
	for _, c := range m.all {
		if c.running {
			running++
		}
	}
	if running > 1 {
		m.t.Errorf("after %s two run", s)
	}
}

func (m *model) family() family { return newFamily("d", "s-d", slices.Clone(m.all)) }

// String prints the containers sorted by name.
func (m *model) String() string {
	var out []string
	for _, c := range m.all {
		text := c.id + "=" + c.name
		for word, is := range map[string]bool{"+running": c.running, "!policy": c.noPolicy, "?unstarted": !c.started} {
			if is {
				text += " " + word
			}
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func current(id, name string) member {
	return member{id: id, name: name, created: 1, started: true, running: true}
}

func prepared(id, name string) member { return member{id: id, name: name, created: 2} }

func kept(id string) member {
	return member{id: id, name: "s-d.previous", created: 0, started: true, noPolicy: true}
}

// TestEveryKill breaks every change off after each of its steps, and heals.
func TestEveryKill(t *testing.T) {
	c, n, k := current("c", "s-d"), prepared("n", "s-d.next"), kept("k")
	stopped := c
	stopped.running = false
	tests := map[string]struct {
		from   []member
		steps  func(family) []step
		healed []string // by the number of steps taken; the last goes for all further ones
	}{
		"replace and keep": {
			[]member{c, n}, func(f family) []step { return f.replacement("n", "s-d.next", true) },
			[]string{"c=s-d +running", "c=s-d +running", "c=s-d +running", "c=s-d +running", "c=s-d +running",
				"c=s-d.previous !policy, n=s-d +running"},
		},
		"replace and drop": {
			[]member{c, n}, func(f family) []step { return f.replacement("n", "s-d.next", false) },
			[]string{"c=s-d +running", "c=s-d +running", "c=s-d +running", "c=s-d +running", "c=s-d +running", "n=s-d +running"},
		},
		"replace what is unfinished": {
			[]member{c, n, k}, func(f family) []step { return f.replacement("n", "s-d.next", true) },
			[]string{"c=s-d +running, k=s-d.previous !policy", "c=s-d +running, k=s-d.previous !policy",
				"c=s-d +running, k=s-d.previous !policy", "c=s-d +running, k=s-d.previous !policy",
				"c=s-d +running, k=s-d.previous !policy", "k=s-d.previous !policy, n=s-d +running"},
		},
		"create":               {[]member{prepared("n", "s-d")}, func(f family) []step { return f.replacement("n", "s-d", true) }, []string{"", "n=s-d +running"}},
		"undo":                 {[]member{c, k}, family.undoing, []string{"c=s-d +running, k=s-d.previous !policy", "c=s-d, k=s-d.previous !policy", "c=s-d, k=s-d.previous", "k=s-d +running"}},
		"undo what died":       {[]member{stopped, k}, family.undoing, []string{"c=s-d, k=s-d.previous !policy", "c=s-d, k=s-d.previous !policy", "c=s-d, k=s-d.previous", "k=s-d +running"}},
		"commit":               {[]member{c, k}, family.confirming, []string{"c=s-d +running, k=s-d.previous !policy", "c=s-d +running"}},
		"remove":               {[]member{c, k}, family.ending, []string{"c=s-d +running, k=s-d.previous !policy", "c=s-d, k=s-d.previous !policy", "k=s-d +running", "k=s-d +running", ""}},
		"a name given by hand": {[]member{current("c", "mine")}, family.healing, []string{"c=mine +running"}},
		"replace what was renamed": {
			[]member{current("c", "mine"), n}, func(f family) []step { return f.replacement("n", "s-d.next", true) },
			[]string{"c=mine +running", "c=s-d +running", "c=s-d +running", "c=s-d +running", "c=s-d +running",
				"c=s-d.previous !policy, n=s-d +running"},
		},
		"stopped by hand": {[]member{stopped}, family.healing, []string{"c=s-d"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			first := &model{t: t, all: slices.Clone(test.from)}
			steps := test.steps(first.family())
			for taken := range len(steps) + 1 {
				m := &model{t: t, all: slices.Clone(test.from)}
				for _, s := range steps[:taken] {
					m.do(s)
				}
				left := m.String()
				for _, s := range m.family().healing() {
					m.do(s)
				}
				want := test.healed[min(taken, len(test.healed)-1)]
				if m.String() != want {
					t.Errorf("after %v\n left: %s\nhealed: %s\n  want: %s", steps[:taken], left, m, want)
				}
				if again := m.family().healing(); len(again) > 0 {
					t.Errorf("after %v: healing does not end: %v", steps[:taken], again)
				}
			}
		})
	}
}

// TestUndoFromAnywhere undoes a replacement that was broken off after each of its steps.
func TestUndoFromAnywhere(t *testing.T) {
	from := []member{current("c", "s-d"), prepared("n", "s-d.next")}
	steps := (&model{t: t, all: slices.Clone(from)}).family().replacement("n", "s-d.next", true)
	for taken := range len(steps) + 1 {
		m := &model{t: t, all: slices.Clone(from)}
		for _, s := range steps[:taken] {
			m.do(s)
		}
		for _, s := range m.family().undoing() {
			m.do(s)
		}
		if m.String() != "c=s-d +running" {
			t.Errorf("undone after %v: %s", steps[:taken], m)
		}
	}
}

// TestUndoGoesOn takes an undo up again after each of its steps, as after an interrupt.
func TestUndoGoesOn(t *testing.T) {
	from := []member{current("c", "s-d"), kept("k")}
	steps := (&model{t: t, all: slices.Clone(from)}).family().undoing()
	for taken := range len(steps) + 1 {
		m := &model{t: t, all: slices.Clone(from)}
		for _, s := range steps[:taken] {
			m.do(s)
		}
		for _, s := range m.family().undoing() {
			m.do(s)
		}
		if m.String() != "k=s-d +running" {
			t.Errorf("undone after %v: %s", steps[:taken], m)
		}
	}
}

// TestReplacementGoesOn takes a replacement up again after each of its steps, as after an engine's restart.
func TestReplacementGoesOn(t *testing.T) {
	for _, keep := range []bool{true, false} {
		from := []member{current("c", "s-d"), prepared("n", "s-d.next")}
		steps := (&model{t: t, all: slices.Clone(from)}).family().replacement("n", "s-d.next", keep)
		want := "n=s-d +running"
		if keep {
			want = "c=s-d.previous !policy, " + want
		}
		for taken := range len(steps) {
			m := &model{t: t, all: slices.Clone(from)}
			for _, s := range steps[:taken] {
				m.do(s)
			}
			for _, s := range m.family().replacement("n", "s-d.next", keep) {
				m.do(s)
			}
			if m.String() != want {
				t.Errorf("keep=%v, taken up again after %v: %s", keep, steps[:taken], m)
			}
		}
	}
}

func TestReplacementRemovesDuplicates(t *testing.T) {
	m := &model{t: t, all: []member{current("c", "s-d"), prepared("n", "s-d.next")}}
	m.all = append(m.all, member{id: "x", name: "copy", started: true})
	f := m.family()
	if len(f.duplicates) != 1 || f.current.id != "c" {
		t.Fatalf("duplicates %v, current %v", f.duplicates, f.current)
	}
	if got := fmt.Sprint(f.replacement("n", "s-d.next", true)[:2]); got != "[stop x remove x]" {
		t.Errorf("first steps: %s", got)
	}
}
