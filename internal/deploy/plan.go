package deploy

// Action is what a plan does with one daemon.
type Action string

// The actions.
const (
	Create    Action = "create"
	Update    Action = "update"
	Unchanged Action = "unchanged"
	Delete    Action = "delete"
)

// Plan is what has to happen so that the target looks like the manifest. It is data: Apply executes exactly it.
type Plan struct {
	Stack   string   `json:"stack"`
	Changes []Change `json:"changes"` // sorted by daemon; never null
	// KeptData and DeletedData are the places of local resources that no daemon uses once the plan is done.
	KeptData    []Data `json:"keptData,omitempty"`
	DeletedData []Data `json:"deletedData,omitempty"`
}

// Change is what a plan does with one daemon, and why.
type Change struct {
	Daemon string  `json:"daemon"`
	Action Action  `json:"action"`
	Causes []Cause `json:"causes,omitempty"`
	// Resume says, of an unchanged daemon, that its last update was never confirmed: what runs is what should run, and
	// Apply only waits until it is ready and then drops the kept previous instance, or goes back to it.
	Resume bool `json:"resume,omitempty"`
	// Blocked is why the change cannot be made at all (the name is taken), or why it cannot be told whether there is one
	// (the registry does not answer); Apply turns it into a verdict.
	Blocked string   `json:"blocked,omitempty"`
	problem *Problem // that Blocked is about
}

// Cause is one difference between what runs and what should.
type Cause struct {
	// Path is a field path as in the manifest, or one of the Cause… words.
	Path string `json:"path"`
	// Kind tells an empty value from none. It is empty for causes that are not a difference of two values.
	Kind   CauseKind `json:"kind,omitempty"`
	Old    string    `json:"old,omitempty"`
	New    string    `json:"new,omitempty"`
	Secret bool      `json:"secret,omitempty"` // then Old and New are empty
}

// CauseKind is how a value differs.
type CauseKind string

// The kinds of difference.
const (
	Added   CauseKind = "added"
	Removed CauseKind = "removed"
	Changed CauseKind = "changed"
)

// The causes that are no field of the manifest. A changed image has the field's path, also when only its content changed.
const (
	CauseImage      = "image"
	CauseState      = "state"      // it does not run: stopped, paused, never started, gone, or in back-off
	CauseName       = "name"       // renamed by hand
	CauseDuplicates = "duplicates" // instances of it that should not exist
	CauseUnfinished = "unfinished" // its last update was not confirmed
	CauseForced     = "forced"     // --force-recreate
	CauseManifest   = "manifest"   // it is not in the manifest
	CauseRecord     = "record"     // what it was made from is not recorded on it, or not readable
	CauseUnresolved = "unresolved" // of a status: what the image stands for now could not be found out; New says why
)

// PlanOptions narrows or widens what a plan does.
type PlanOptions struct {
	Only          []string // the daemons it is about; empty is the whole stack
	NoPrune       bool     // keep daemons that are not in the manifest
	ForceRecreate bool     // update what is unchanged, too
	Adopt         bool     // replace a stack that shares no daemon with the manifest
}

// Empty says that there is nothing to do: no object of the target has to be touched, and nothing to be waited for.
func (p Plan) Empty() bool {
	for _, c := range p.Changes {
		if c.Action != Unchanged || c.Resume {
			return false
		}
	}
	return len(p.DeletedData) == 0
}
