package deploy

import (
	"slices"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/workload"
)

// Status is what there is to say of one daemon at one moment. Its JSON form is part of the output people write scripts
// against: fields are added, never renamed or removed.
type Status struct {
	Daemon string `json:"daemon"`
	State  State  `json:"state"` // gone also for a daemon of the manifest that does not exist
	Health Health `json:"health,omitempty"`
	// Ready says that it runs, passes its health check if it has one, and has done so for long enough to be believed.
	Ready bool `json:"ready"`
	// NotReady is why it is not, in one word.
	NotReady NotReady `json:"notReady,omitempty"`

	Since         time.Time `json:"since,omitzero"`          // when it came into its state, by the runtime's clock, where that is known
	UptimeSeconds int64     `json:"uptimeSeconds,omitempty"` // while it runs
	Restarts      int       `json:"restarts"`                // by the runtime, since the instance was made
	LastExit      *Exit     `json:"lastExit,omitempty"`
	NextStart     time.Time `json:"nextStart,omitzero"` // estimate, while in back-off
	ByHand        bool      `json:"stoppedByHand,omitempty"`
	Probe         *Probe    `json:"probe,omitempty"` // last health check, where the runtime tells
	// Reason and Message are why the runtime cannot start it, where it knows.
	Reason  Reason `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	// UpToDate says whether what it was made from is what the manifest says. What happened to it since is not in it: see
	// the state, Renamed and Duplicates.
	UpToDate UpToDate `json:"upToDate"`
	Causes   []Cause  `json:"causes,omitempty"` // why it is not up to date
	// Unfinished says that its last update was not confirmed, and Renamed and Duplicates what a person did: another name,
	// further instances. The next up puts all three right.
	Unfinished bool     `json:"unfinished,omitempty"`
	Renamed    string   `json:"renamed,omitempty"`
	Duplicates []string `json:"duplicates,omitempty"`

	// Commands is how it takes commands; nil where it takes none, and where the manager was not asked.
	Commands *Commands `json:"commands,omitempty"`

	Instance string `json:"instance,omitempty"`
	Image    string `json:"image,omitempty"`  // reference, as the manifest gave it
	Digest   string `json:"digest,omitempty"` // of what runs
	Source   string `json:"source,omitempty"` // where it was applied from
	Version  string `json:"version,omitempty"`
	Node     string `json:"node,omitempty"`
}

// Commands is what a manager tells of a daemon that takes commands.
type Commands struct {
	LastPolledAt time.Time `json:"lastPolledAt,omitzero"` // absent: it has not asked for commands
	Pending      int64     `json:"pending"`               // commands that wait for it
	InFlight     int64     `json:"inFlight"`              // commands that it has
}

// NotReady is a word for why a daemon is not ready.
type NotReady string

// The words.
const (
	NotReadyMissing   NotReady = "missing"      // no instance
	NotReadyCreated   NotReady = "not-started"  // made and never started
	NotReadyBackOff   NotReady = "back-off"     // it ended; the runtime will start it again
	NotReadyStopped   NotReady = "stopped"      // it ended for good, or was stopped
	NotReadyPaused    NotReady = "paused"       // frozen by hand
	NotReadyProblem   NotReady = "cannot-start" // see reason
	NotReadyStarting  NotReady = "starting"     // its health check has not passed yet
	NotReadyUnhealthy NotReady = "unhealthy"    // its health check fails
	NotReadySettling  NotReady = "settling"     // it runs, and not yet for long enough
)

// UpToDate says whether a daemon is what the manifest says.
type UpToDate string

// The answers. Unknown is the answer where there is no usable manifest to compare with, or no telling what an image
// stands for now.
const (
	UpToDateYes     UpToDate = "yes"
	UpToDateNo      UpToDate = "no"
	UpToDateUnknown UpToDate = "unknown"
)

// StatusOf says how every daemon is that exists or, when the manifest is known, should exist; sorted by name. A daemon
// that should not exist is not up to date, with the cause CauseManifest. Without a known manifest ws says nothing.
func StatusOf(o Observed, ws []workload.Workload, known bool, now time.Time) []Status {
	if !known {
		ws = nil
	}
	manifest := map[string]workload.Workload{}
	for _, w := range ws {
		manifest[w.Daemon] = w
	}
	out := make([]Status, 0, len(o.Daemons)+len(ws))
	for _, d := range o.Daemons {
		w, listed := manifest[d.Daemon]
		delete(manifest, d.Daemon)
		settle := d.Settle
		if listed {
			settle = w.Settle
		}
		s := statusOf(d, settle, now)
		switch {
		case !known:
			s.UpToDate = UpToDateUnknown
		case !listed:
			s.UpToDate, s.Causes = UpToDateNo, []Cause{{Path: CauseManifest}}
		default:
			s.compare(SpecCauses(w, d, o.Images), o.unresolved(w))
		}
		out = append(out, s)
	}
	for name, w := range manifest {
		out = append(out, Status{Daemon: name, State: Gone, NotReady: NotReadyMissing, UpToDate: UpToDateNo, Image: w.Image})
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Daemon, b.Daemon) })
	return out
}

// statusOf says how a daemon is, leaving out how it compares.
func statusOf(d Daemon, settle time.Duration, now time.Time) Status {
	s := Status{
		Daemon: d.Daemon, State: d.State, Health: d.Health,
		Since: since(d.Observation), Restarts: d.Restarts, LastExit: d.LastExit, ByHand: d.ByHand, Probe: d.Probe,
		Unfinished: d.Unfinished, Renamed: d.Renamed, Duplicates: d.Duplicates,
		Instance: d.Instance, Image: d.Image, Digest: d.Digest, Source: d.Source, Version: d.Version, Node: d.Node,
	}
	s.NotReady = notReady(d.Observation, settle, now)
	s.Ready = s.NotReady == ""
	if d.State == Running && !d.StartedAt.IsZero() {
		s.UptimeSeconds = max(0, int64(now.Sub(d.StartedAt).Seconds()))
	}
	if d.State == BackOff {
		s.NextStart = d.NextStart
	}
	if d.Problem != nil {
		s.Reason, s.Message = d.Problem.Reason, d.Problem.Error()
	}
	return s
}

// compare records the differences from the manifest, and why some may not be known.
func (s *Status) compare(causes []Cause, unresolved *Problem) {
	s.UpToDate, s.Causes = UpToDateYes, causes
	switch {
	case len(causes) > 0:
		s.UpToDate = UpToDateNo
	case unresolved != nil:
		s.UpToDate, s.Causes = UpToDateUnknown, []Cause{{Path: CauseUnresolved, New: unresolved.Error()}}
	}
}

// notReady judges one look, "" is ready. Of a running instance Proven has the last word.
func notReady(o Observation, settle time.Duration, now time.Time) NotReady {
	switch {
	case o.State == Gone || o.State == "":
		return NotReadyMissing
	case o.Problem != nil:
		return NotReadyProblem
	case o.State == Created:
		return NotReadyCreated
	case o.State == BackOff:
		return NotReadyBackOff
	case o.State == Stopped:
		return NotReadyStopped
	case o.State == Paused:
		return NotReadyPaused
	case o.Health == Starting:
		return NotReadyStarting
	case o.Health == Unhealthy:
		return NotReadyUnhealthy
	case !Proven(o, now, settle):
		return NotReadySettling
	}
	return ""
}

// since is when an instance came into its state, as far as its runs tell.
func since(o Observation) time.Time {
	switch {
	case o.State == Running:
		return o.StartedAt
	case (o.State == Stopped || o.State == BackOff) && o.LastExit != nil:
		return o.LastExit.At
	}
	return time.Time{}
}
