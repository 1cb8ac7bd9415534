package docker

import (
	"slices"
	"strings"
)

// family is every container of one daemon, each in its part. Between changes it has one member: current.
//
// Replacing a container takes steps, and a kill can fall between any two of them. What it leaves, and what healing
// makes of it at the next Begin (C: the container that ran, N: the new one, K: one kept by an earlier, unfinished
// update; name .p is .previous, .r is .retired, .n is .next, no ending the daemon's own name):
//
//	left by a kill after …             found                                  healed to
//	Prepare                            C, N.n                                 C
//	Prepare of what did not exist      N never started                        nothing
//	renaming C                         C.p runs, N.n                          C, not touched otherwise
//	renaming N                         C.p runs, N never started              C, not touched otherwise
//	taking C's restart policy          C.p runs with policy no, N likewise    C, stopped for sure and started again
//	stopping C                         C.p stopped with policy no, N likewise C, started again
//	starting N                         C.p stopped with policy no, N started  as it is: an unfinished update
//	any of these with nothing to keep  C.r in place of C.p                    C as above; once N has started, N
//	any of these with K kept           K.p, and C.r in place of C.p           C as above, and K.p still kept
//	Undo, ending N                     C.p stopped with policy no, N stopped  as it is: an unfinished update
//	Undo, returning C's policy         C.p stopped, N stopped                 as it is: an unfinished update
//	Undo, starting C                   C.p runs, N stopped                    C, not touched otherwise
//	Undo, removing N                   C.p runs                               C, not touched otherwise
//	Commit, Remove                     any of the above, or less              as above; what is gone is gone
//
// A container whose restart policy is "no" may have been told to stop by a client that is dead, so it is stopped for
// sure before it is started: two engines' worth of stop requests must not end it afterwards.
type family struct {
	daemon string
	name   string // the name of the current container, when nobody renamed it

	current    *member
	previous   *member  // kept beside current
	leftovers  []member // never started, or on their way out
	duplicates []member // started beside current
}

// member is one container of a family.
type member struct {
	id, name string
	created  int64
	started  bool // at some time, or it was tried and failed: that one is kept for people to look at
	running  bool // now; in back-off too
	noPolicy bool // its restart policy is "no"; only known of members that healing looks at
}

// newFamily gives every container its part. The current one is the one that was ever started: under the daemon's own name,
// else under a name that a person gave it, else what a change had put aside.
func newFamily(daemon, name string, members []member) family {
	f := family{daemon: daemon, name: name}
	slices.SortFunc(members, func(a, b member) int { return int(b.created - a.created) })
	var own, retired *member
	var foreign []member
	for _, m := range members {
		switch {
		case m.name == name+nextSuffix || !m.started:
			f.leftovers = append(f.leftovers, m)
		case m.name == name:
			own = &m
		case m.name == name+previousSuffix:
			f.previous = &m
		case m.name == name+retiredSuffix:
			retired = &m
		default:
			foreign = append(foreign, m)
		}
	}
	switch {
	case own != nil && !own.running && f.previous != nil && f.previous.running:
		f.current, f.previous = f.previous, nil // an update is being undone, and nearly is
		f.leftovers = append(f.leftovers, *own)
	case own != nil:
		f.current = own
	case len(foreign) > 0:
		f.current, foreign = &foreign[0], foreign[1:]
	case retired != nil:
		f.current, retired = retired, nil
	default:
		f.current, f.previous = f.previous, nil
	}
	if retired != nil {
		f.leftovers = append(f.leftovers, *retired)
	}
	f.duplicates = foreign
	return f
}

// renamed is the name a person gave the current container, empty when nobody did.
func (f family) renamed() string {
	if f.current == nil || f.aside() || f.current.name == f.name {
		return ""
	}
	return f.current.name
}

// aside says that the current container bears the name that a change gave it.
func (f family) aside() bool {
	return f.current != nil && (f.current.name == f.name+previousSuffix || f.current.name == f.name+retiredSuffix)
}

// members lists the whole family, current first.
func (f family) members() []member {
	var all []member
	for _, m := range []*member{f.current, f.previous} {
		if m != nil {
			all = append(all, *m)
		}
	}
	return slices.Concat(all, f.duplicates, f.leftovers)
}

// op is one call to the engine.
type op string

// The calls that change a family.
const (
	opCreate  op = "create" // never a step of a list: it has more to say than an id
	opRename  op = "rename"
	opAside   op = "aside"   // rename, and stop what the engine cannot rename while it waits to start it again
	opHold    op = "hold"    // restart policy "no", and stop what cannot be told because it is just ending
	opRelease op = "release" // restart policy "unless-stopped"
	opStop    op = "stop"
	opEnd     op = "end" // stop, and kill at once where the context says that there is a hurry
	opStart   op = "start"
	opRemove  op = "remove"
)

// step is an op on a container.
type step struct {
	op   op
	id   string
	name string // the new name, for opRename and opAside
}

// String prints a step in tests and errors.
func (s step) String() string {
	return strings.TrimSpace(string(s.op) + " " + id12(s.id) + " " + s.name)
}

// replacement starts the container fresh, prepared under the name called, in place of the current one. All that can be done before the current
// one stops is done before.
func (f family) replacement(fresh, called string, keep bool) []step {
	var steps []step
	for _, m := range f.duplicates {
		steps = append(steps, step{op: opStop, id: m.id}, step{op: opRemove, id: m.id})
	}
	old := f.current
	if old != nil && old.id == fresh {
		steps = append(steps, step{op: opStart, id: fresh}) // an attempt before got this far
		for _, m := range f.leftovers {
			steps = append(steps, step{op: opRemove, id: m.id})
		}
		return steps
	}
	name := f.name + retiredSuffix
	if keep && f.previous == nil {
		name = f.name + previousSuffix
	}
	switch {
	case f.aside():
		name = old.name // an attempt before got this far
	case old != nil:
		steps = append(steps, step{opAside, old.id, name})
	}
	if called != f.name {
		steps = append(steps, step{opRename, fresh, f.name})
	}
	if old != nil {
		steps = append(steps, step{op: opHold, id: old.id}, step{op: opStop, id: old.id})
	}
	steps = append(steps, step{op: opStart, id: fresh})
	if old != nil && name == f.name+retiredSuffix {
		steps = append(steps, step{op: opRemove, id: old.id})
	}
	return steps
}

// replaced is the family once its replacement has been carried out.
func (f family) replaced(fresh string, keep bool) family {
	g := family{daemon: f.daemon, name: f.name, previous: f.previous}
	g.current = &member{id: fresh, name: f.name, started: true, running: true}
	if old := f.current; keep && g.previous == nil && old != nil {
		g.previous = &member{id: old.id, name: f.name + previousSuffix, started: true, noPolicy: true}
	}
	return g
}

// healing brings the family into its canonical form: the current container with its own restart policy, and running
// where a change of ours had stopped it; beside it at most a kept previous one. A name that a change gave it gives way to
// its own; one that a person gave it is a difference that the plan tells, and a replacement ends.
func (f family) healing() []step {
	var steps []step
	for _, m := range f.leftovers {
		steps = append(steps, step{op: opRemove, id: m.id})
	}
	if f.aside() {
		steps = append(steps, f.current.revival()...)
		steps = append(steps, step{opRename, f.current.id, f.name})
	}
	return steps
}

// revival makes a container that a change had put aside run again. The name comes last: until then it says what is left
// to do.
func (m member) revival() []step {
	var steps []step
	if m.running && !m.noPolicy {
		return nil
	}
	if m.running {
		steps = append(steps, step{op: opEnd, id: m.id})
	}
	if m.noPolicy {
		steps = append(steps, step{op: opRelease, id: m.id})
	}
	return append(steps, step{op: opStart, id: m.id})
}

// undoing drops the current container in favour of the kept one, which runs again before anything is tidied up. Where
// the replacement had not got as far as starting the new one, the kept one is current already and healing is all there
// is to do.
func (f family) undoing() []step {
	if f.previous == nil || f.current == nil {
		return f.healing()
	}
	steps := append([]step{{op: opEnd, id: f.current.id}}, f.previous.revival()...)
	steps = append(steps, step{op: opRemove, id: f.current.id})
	back := f
	back.current, back.previous = &member{id: f.previous.id, name: f.previous.name, started: true, running: true}, nil
	return append(steps, back.healing()...)
}

// kept says whether there is a container to go back to.
func (f family) kept() bool { return f.previous != nil || f.aside() }

// confirming drops the kept container.
func (f family) confirming() []step {
	if f.previous == nil {
		return nil
	}
	return []step{{op: opRemove, id: f.previous.id}}
}

// ending stops and removes the whole family.
func (f family) ending() []step {
	var steps []step
	for _, m := range f.members() {
		if m.started {
			steps = append(steps, step{op: opStop, id: m.id})
		}
		steps = append(steps, step{op: opRemove, id: m.id})
	}
	return steps
}

// again stops the current container and starts it.
func (f family) again() []step {
	if f.current == nil {
		return nil
	}
	return []step{{op: opStop, id: f.current.id}, {op: opStart, id: f.current.id}}
}
