package deploy

import (
	"time"
)

// provenAfter is how long a daemon that has been restarted before must have run to be believed at one look: runtimes
// that restart a crashing process wait up to a minute between runs, but count a run of ten seconds as a recovery too.
const provenAfter = 10 * time.Second

// origin says where the instance under judgement comes from, and so what its past means.
type origin int

const (
	made    origin = iota // new: all its restarts are failures of this start
	revived               // started again by us: only what comes from now on counts
	found                 // it ran before, and may have proved itself already
)

// rules are what a start is judged by.
type rules struct {
	origin  origin
	settle  time.Duration
	allowed int  // exits that are tolerated
	checked bool // there is a health check, and it has to pass

	deadline time.Time     // when waiting ends; zero is never
	timeout  time.Duration // what the deadline was made of, for the message

	only     string          // the instance that it is about, where that is known; of others nothing is said
	replaced map[string]bool // instances that are on their way out; what is still heard of them says nothing
	before   Observation     // of a revived instance: its last look before
}

// judge decides, from what is observed, whether a daemon became ready. It is pure: time is told to it.
type judge struct {
	rules
	last     Observation
	seen     bool
	running  time.Time // since when, by our clock, the present run has been seen running; zero while it does not run
	ended    bool      // the present run has ended, and is counted
	ends     int       // runs that ended
	baseline int       // restarts that are not this start's
	probes   int       // probes that failed
	exit     *Exit     // the last one known: a look at the next run may not tell it any more
}

// decision is what a judge says: ready, a verdict, or neither, and then when to ask again at the latest.
type decision struct {
	ready   bool
	verdict *Verdict
	until   time.Time // zero: only news can change anything
}

// observe takes in one look, made at the time given by our clock. It answers false for a look that says nothing about
// the instance under judgement.
func (j *judge) observe(o Observation, at time.Time) bool {
	if j.stale(o) {
		return false
	}
	switch {
	case !j.seen || o.Instance != j.last.Instance:
		j.begin(o)
	case otherRun(j.last, o):
		if !j.ended {
			j.ends++ // it ended unseen
		}
		j.ended, j.running = false, time.Time{}
	case o.Restarts != j.last.Restarts:
		j.running = time.Time{} // some runtimes count the restart while they still show the run before
	}
	if (o.State == BackOff || o.State == Stopped) && !j.ended {
		j.ends++
		j.ended = true
	}
	j.follow(o, at)
	return true
}

// begin turns to another instance: the first one, or one that the runtime put in its place.
func (j *judge) begin(o Observation) {
	j.baseline = 0
	if !j.seen && (j.origin == revived || j.origin == found && !crashing(o)) {
		j.baseline = o.Restarts
	}
	j.seen, j.ended, j.running = true, false, time.Time{}
}

// follow keeps what later looks are compared with.
func (j *judge) follow(o Observation, at time.Time) {
	switch {
	case o.State != Running:
		j.running = time.Time{}
	case j.running.IsZero():
		j.running = at
	}
	if o.LastExit != nil && (j.exit == nil || !unknown(o.LastExit)) {
		j.exit = understood(o.LastExit, j.exit)
	}
	if p := o.Probe; p != nil && p.Code != 0 && (j.last.Probe == nil || !j.last.Probe.At.Equal(p.At)) {
		j.probes++
	}
	j.last = o
}

// stale says that a look is about an instance, or a run, from before this start.
func (j *judge) stale(o Observation) bool {
	if j.replaced[o.Instance] || j.only != "" && o.Instance != j.only {
		return true
	}
	if j.seen { // a fresh look may have overtaken the stream
		return o.Instance == j.last.Instance && !o.StartedAt.IsZero() && o.StartedAt.Before(j.last.StartedAt)
	}
	if o.State == Gone {
		return true // what was there before the one that we wait for
	}
	if j.origin != revived || o.Instance != j.before.Instance {
		return false
	}
	return !o.StartedAt.After(j.before.StartedAt) || o.ByHand // the stop was ours
}

// decide says how things stand.
func (j *judge) decide(now time.Time) decision {
	if v := j.failure(); v != nil {
		return decision{verdict: v}
	}
	if j.ready(now) {
		return decision{ready: true}
	}
	if !j.deadline.IsZero() && !now.Before(j.deadline) {
		return decision{verdict: j.timedOut()}
	}
	until := j.deadline
	if settled := j.running.Add(j.settle); !j.running.IsZero() && now.Before(settled) && (until.IsZero() || settled.Before(until)) {
		until = settled
	}
	return decision{until: until}
}

// failures counts the runs that ended. What was seen ending is exact where nothing was missed; the runtime's own count
// is the floor where something was.
func (j *judge) failures() int { return max(j.ends, j.last.Restarts-j.baseline) }

func (j *judge) ready(now time.Time) bool {
	if j.last.State != Running || !j.healthy() {
		return false
	}
	if j.origin == found && j.failures() == 0 && trusted(j.last, now, j.settle) {
		return true
	}
	return !now.Before(j.running.Add(j.settle))
}

func (j *judge) healthy() bool {
	return j.last.Health == Healthy || j.last.Health == NoCheck && !j.checked
}

// Proven says, from one look, that an instance is ready and has been since before: it runs, is healthy where that is
// known, and has run for the settle time.
func Proven(o Observation, now time.Time, settle time.Duration) bool {
	healthy := o.Health == Healthy || o.Health == NoCheck
	return o.State == Running && o.Problem == nil && healthy && !o.StartedAt.IsZero() && now.Sub(o.StartedAt) >= settle
}

// trusted is Proven, for what cannot be taken back or is not looked at again: one that was restarted must have run
// longer, lest one caught between two crashes is believed.
func trusted(o Observation, now time.Time, settle time.Duration) bool {
	if o.Restarts > 0 {
		settle = max(settle, provenAfter)
	}
	return Proven(o, now, settle)
}

// otherRun says that the same instance was started again between two looks.
func otherRun(a, b Observation) bool {
	return !a.StartedAt.IsZero() && !b.StartedAt.IsZero() && !a.StartedAt.Equal(b.StartedAt)
}

// crashing says that an instance waits for its next start after a run so short that its restarts are one series.
func crashing(o Observation) bool {
	return o.State == BackOff && o.LastExit != nil && o.LastExit.At.Sub(o.StartedAt) < provenAfter
}
