package process

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Members of families, for tables: id, role, and what it does.
func cur(id string) member {
	return member{id: id, role: roleCurrent, started: true, wanted: true, running: true}
}
func next(id string) member { return member{id: id, role: roleNext} }

func (m member) as(role string) member { m.role = role; return m }
func (m member) stopped() member       { m.wanted, m.running = false, false; return m }
func (m member) stopping() member      { m.wanted = false; return m }

func words(steps []step) string {
	var out []string
	for _, s := range steps {
		out = append(out, s.String())
	}
	return strings.Join(out, ", ")
}

// TestHealing holds the table above family: what a kill leaves, and what becomes of it.
func TestHealing(t *testing.T) {
	for _, c := range []struct {
		left    string
		members []member
		current string
		kept    string
		steps   string
	}{
		{"nothing", []member{cur("C")}, "C", "", ""},
		{"Prepare", []member{cur("C"), next("N")}, "C", "", "remove N"},
		{"Prepare of what did not exist", []member{next("N")}, "", "", "remove N"},
		{"putting C aside", []member{cur("C").as(rolePrevious), next("N")}, "C", "", "remove N, assign C current"},
		{"making N current", []member{cur("C").as(rolePrevious), next("N").as(roleCurrent)}, "C", "", "remove N, assign C current"},
		{"asking C to stop", []member{cur("C").as(rolePrevious).stopping(), next("N").as(roleCurrent)}, "C", "",
			"remove N, end C, start C, assign C current"},
		{"stopping C", []member{cur("C").as(rolePrevious).stopped(), next("N").as(roleCurrent)}, "C", "",
			"remove N, start C, assign C current"},
		{"starting N", []member{cur("C").as(rolePrevious).stopped(), cur("N")}, "N", "C", ""},
		{"a start of N that failed", []member{cur("C").as(rolePrevious).stopped(), cur("N").stopped()}, "N", "C", ""},
		{"stopping C, nothing to keep", []member{cur("C").as(roleRetired).stopped(), next("N").as(roleCurrent)}, "C", "",
			"remove N, start C, assign C current"},
		{"starting N, nothing to keep", []member{cur("C").as(roleRetired).stopped(), cur("N")}, "N", "", "remove C"},
		{"stopping C, K kept", []member{cur("K").as(rolePrevious).stopped(), cur("C").as(roleRetired).stopped(), next("N").as(roleCurrent)},
			"C", "K", "remove N, start C, assign C current"},
		{"starting N, K kept", []member{cur("K").as(rolePrevious).stopped(), cur("C").as(roleRetired).stopped(), cur("N")}, "N", "K", "remove C"},
		{"Undo, ending N", []member{cur("C").as(rolePrevious).stopped(), cur("N").stopped()}, "N", "C", ""},
		{"Undo, starting C", []member{cur("C").as(rolePrevious), cur("N").stopped()}, "C", "", "remove N, assign C current"},
		{"Undo, removing N", []member{cur("C").as(rolePrevious)}, "C", "", "assign C current"},
		{"a damaged record", []member{{id: "B", started: true, broken: true}}, "B", "", ""},
		{"a damaged record beside one", []member{cur("C"), {id: "B", started: true, broken: true}}, "C", "", "remove B"},
	} {
		t.Run(c.left, func(t *testing.T) {
			backward := slices.Clone(c.members)
			slices.Reverse(backward)
			for _, members := range [][]member{c.members, backward} {
				f := newFamily("api", members)
				if got := idOf(f.current); got != c.current {
					t.Errorf("current is %q, want %q", got, c.current)
				}
				if got := idOf(f.previous); got != c.kept {
					t.Errorf("kept is %q, want %q", got, c.kept)
				}
				if got := words(f.healing()); got != c.steps {
					t.Errorf("healing: %s, want %s", got, c.steps)
				}
			}
		})
	}
}

func idOf(m *member) string {
	if m == nil {
		return ""
	}
	return m.id
}

func TestSteps(t *testing.T) {
	kept := newFamily("api", []member{cur("K").as(rolePrevious).stopped(), cur("C")})
	one := newFamily("api", []member{cur("C")})
	for _, c := range []struct{ what, got, want string }{
		{"create", words(family{}.replacement("N", false)), "assign N current, start N"},
		{"update", words(one.replacement("N", true)), "assign C previous, assign N current, stop C, start N"},
		{"update of what was not ready", words(one.replacement("N", false)), "assign C retired, assign N current, stop C, start N, remove C"},
		{"update beside a kept one", words(kept.replacement("N", true)), "assign C retired, assign N current, stop C, start N, remove C"},
		{"start once more", words(one.replacement("C", true)), "start C"},
		{"undo", words(kept.undoing()), "end C, start K, remove C, assign K current"},
		{"undo of nothing", words(one.undoing()), ""},
		{"commit", words(kept.confirming()), "remove K"},
		{"commit of nothing", words(one.confirming()), ""},
		{"remove", words(kept.ending()), "remove K, remove C"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestKilledAnywhere kills each list of steps between any two, heals, and finds one instance that runs, alone and as the
// current one: the supervisor's side is played by a few lines.
func TestKilledAnywhere(t *testing.T) {
	starts := map[string][]member{
		"one":    {cur("C"), next("N")},
		"kept":   {cur("K").as(rolePrevious).stopped(), cur("C"), next("N")},
		"nobody": {next("N")},
	}
	for name, members := range starts {
		for _, keep := range []bool{true, false} {
			f := newFamily("api", members)
			steps := f.replacement("N", keep)
			for n := range len(steps) + 1 {
				t.Run(fmt.Sprintf("%s, keep %t, after %d steps", name, keep, n), func(t *testing.T) {
					w := world{}
					for _, m := range members {
						w[m.id] = m
					}
					w.play(t, steps[:n])
					w.play(t, newFamily("api", w.members()).healing())
					g := newFamily("api", w.members())
					if len(g.healing()) != 0 || name != "nobody" && (g.current == nil || !g.current.alive() || g.current.role != roleCurrent) {
						t.Errorf("healed to %+v, with %s to do", w, words(g.healing()))
					}
				})
			}
		}
	}
}

// world is what a supervisor has, by id.
type world map[string]member

func (w world) members() []member {
	var out []member
	for _, m := range w {
		out = append(out, m)
	}
	return out
}

func (w world) play(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		m := w[s.id]
		switch s.op {
		case opAssign:
			m.role = s.role
		case opStop, opEnd:
			m.wanted, m.running = false, false
		case opStart:
			for _, other := range w {
				if other.alive() && other.id != m.id {
					t.Fatalf("%s is started beside %s", m.id, other.id)
				}
			}
			m.wanted, m.running, m.started = true, true, true
		case opRemove:
			delete(w, s.id)
			continue
		}
		w[s.id] = m
	}
}
