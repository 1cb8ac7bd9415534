package process

import (
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// The roles of an instance. The supervisor records them and does not look at them.
const (
	roleNext     = "next"     // prepared, never started
	roleCurrent  = "current"  // the daemon
	rolePrevious = "previous" // kept, the rollback target
	roleRetired  = "retired"  // on its way out
)

// family is every instance of one daemon, each in its part. Between changes it has one member: current.
//
// Replacing an instance takes steps, and a kill can fall between any two of them. What it leaves, and what healing makes
// of it at the next Begin (C: the instance that ran, N: the new one, K: one kept by an earlier, unfinished update):
//
//	left by a kill after …             found                                      healed to
//	Prepare                            C, N next                                  C
//	Prepare of what did not exist      N next                                     nothing
//	putting C aside                    C previous and wanted, N next              C, not touched otherwise
//	making N current                   C previous and wanted, N never started     C, not touched otherwise
//	asking C to stop                   C previous and unwanted, N never started   C, stopped for sure and started again
//	starting N                         C previous and unwanted, N started         as it is: an unfinished update
//	any of these with nothing to keep  C retired in place of previous             C as above; once N has started, N
//	any of these with K kept           K previous, C retired                      C as above, and K still kept
//	Undo, ending N                     C previous, N stopped                      as it is: an unfinished update
//	Undo, starting C                   C previous and wanted, N stopped           C, not touched otherwise
//	Undo, removing N                   C previous and wanted                      C, not touched otherwise
//	Commit, Remove                     any of the above, or less                  as above; what is gone is gone
type family struct {
	daemon    string
	current   *member
	previous  *member  // kept beside current
	leftovers []member // never started, or on their way out
}

// member is one instance of a family.
type member struct {
	id, role string
	started  bool // at some time, or it was tried and failed: that one is kept for people to look at
	wanted   bool
	running  bool // has a process now
	broken   bool // its record is damaged: it can only be removed
}

func newMember(s supervisor.Status) member {
	return member{
		id: s.ID, role: s.Role, wanted: s.Wanted, running: s.PID != 0, broken: s.Role == "",
		started: s.Wanted || s.PID != 0 || s.Observation.State != deploy.Created || s.Observation.Problem != nil,
	}
}

// alive says that a member runs, or will by itself.
func (m member) alive() bool { return m.running || m.wanted }

// families sorts instances by daemon, each into its family.
func families(all []supervisor.Status) map[string]family {
	members := map[string][]member{}
	for _, s := range all {
		if s.Observation.State != deploy.Gone {
			members[s.Daemon] = append(members[s.Daemon], newMember(s))
		}
	}
	out := make(map[string]family, len(members))
	for daemon, list := range members {
		out[daemon] = newFamily(daemon, list)
	}
	return out
}

// newFamily gives every instance its part. The current one is the one that was ever started in that role, else what a
// change had put aside.
func newFamily(daemon string, members []member) family {
	f := family{daemon: daemon}
	var own, retired, unknown *member
	for _, m := range members {
		part := map[string]**member{roleCurrent: &own, rolePrevious: &f.previous, roleRetired: &retired, "": &unknown}[m.role]
		if part == nil || !m.started || *part != nil {
			f.leftovers = append(f.leftovers, m)
			continue
		}
		*part = &m
	}
	switch {
	case own != nil && !own.alive() && f.previous != nil && f.previous.alive():
		f.leftovers = append(f.leftovers, *own)
		f.current, f.previous = f.previous, nil // an update is being undone, and nearly is
	case own != nil:
		f.current = own
	case retired != nil:
		f.current, retired = retired, nil
	case f.previous != nil:
		f.current, f.previous = f.previous, nil
	default:
		f.current, unknown = unknown, nil
	}
	for _, m := range []*member{retired, unknown} {
		if m != nil {
			f.leftovers = append(f.leftovers, *m)
		}
	}
	return f
}

// aside says that the current instance has the role that a change gave it.
func (f family) aside() bool {
	return f.current != nil && (f.current.role == rolePrevious || f.current.role == roleRetired)
}

// kept says whether there is an instance to go back to.
func (f family) kept() bool { return f.previous != nil || f.aside() }

// op is one call to the supervisor.
type op string

// The calls that change a family.
const (
	opAssign op = "assign"
	opStop   op = "stop" // and want it no more
	opEnd    op = "end"  // stop, and kill at once where the context says that there is a hurry
	opStart  op = "start"
	opRemove op = "remove"
)

// step is an op on an instance.
type step struct {
	op   op
	id   string
	role string // the new one, for opAssign
}

// String prints a step in tests and errors.
func (s step) String() string { return strings.TrimSpace(string(s.op) + " " + s.id + " " + s.role) }

// replacement starts the instance fresh in place of the current one.
func (f family) replacement(fresh string, keep bool) []step {
	old := f.current
	switch {
	case old != nil && old.id == fresh: // an attempt before got this far
		return []step{{op: opStart, id: fresh}}
	case old == nil:
		return []step{{opAssign, fresh, roleCurrent}, {op: opStart, id: fresh}}
	case old.broken:
		return []step{{op: opRemove, id: old.id}, {opAssign, fresh, roleCurrent}, {op: opStart, id: fresh}}
	}
	role := roleRetired
	if keep && f.previous == nil {
		role = rolePrevious
	}
	if f.aside() {
		role = old.role // an attempt before got this far
	}
	steps := []step{{opAssign, old.id, role}, {opAssign, fresh, roleCurrent}, {op: opStop, id: old.id}, {op: opStart, id: fresh}}
	if role == roleRetired {
		steps = append(steps, step{op: opRemove, id: old.id})
	}
	return steps
}

// healing brings the family into its canonical form: the current instance in its own role, and running where a change of
// ours had stopped it; beside it at most a kept previous one.
func (f family) healing() []step {
	var steps []step
	for _, m := range f.leftovers {
		steps = append(steps, step{op: opRemove, id: m.id})
	}
	if f.aside() {
		steps = append(steps, f.current.revival()...)
	}
	return steps
}

// revival makes an instance that a change had put aside the current one again, and run. The role comes last: until then it
// says what is left to do. A member that has a process and is not wanted may be about to be stopped for a client that is
// dead, so it is stopped for sure before it is started.
func (m member) revival() []step {
	var steps []step
	if m.running && !m.wanted {
		steps = append(steps, step{op: opEnd, id: m.id})
	}
	if !m.wanted {
		steps = append(steps, step{op: opStart, id: m.id})
	}
	return append(steps, step{opAssign, m.id, roleCurrent})
}

// undoing drops the current instance in favour of the kept one, which runs again before anything is tidied up. Where the
// replacement had not got as far as starting the new one, the kept one is current already and healing is all there is to do.
func (f family) undoing() []step {
	if f.previous == nil || f.current == nil {
		return f.healing()
	}
	revival := f.previous.revival()
	start, rename := revival[:len(revival)-1], revival[len(revival)-1]
	steps := append([]step{{op: opEnd, id: f.current.id}}, start...)
	steps = append(steps, step{op: opRemove, id: f.current.id}, rename)
	for _, m := range f.leftovers {
		steps = append(steps, step{op: opRemove, id: m.id})
	}
	return steps
}

// confirming drops the kept instance.
func (f family) confirming() []step {
	if f.previous == nil {
		return nil
	}
	return []step{{op: opRemove, id: f.previous.id}}
}

// ending removes the whole family. What is only kept goes first: a kill in between must not bring it back.
func (f family) ending() []step {
	steps := []step{}
	for _, m := range f.leftovers {
		steps = append(steps, step{op: opRemove, id: m.id})
	}
	for _, m := range []*member{f.previous, f.current} {
		if m != nil {
			steps = append(steps, step{op: opRemove, id: m.id})
		}
	}
	return steps
}
