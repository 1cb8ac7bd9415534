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
	Changes []Change `json:"changes"` // sorted by daemon
	// KeptData and DeletedData are the places of local resources that no daemon of the plan uses any more.
	KeptData    []Data `json:"keptData,omitempty"`
	DeletedData []Data `json:"deletedData,omitempty"`
}

// Change is what a plan does with one daemon, and why.
type Change struct {
	Daemon string  `json:"daemon"`
	Action Action  `json:"action"`
	Causes []Cause `json:"causes,omitempty"`
	// Blocked is why the change cannot be made at all (the name is taken); Apply turns it into a verdict.
	Blocked string `json:"blocked,omitempty"`
}

// Cause is one difference between what runs and what should.
type Cause struct {
	Path   string `json:"path"` // a field path as in the manifest, or state, image, name
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Secret bool   `json:"secret,omitempty"` // then Old and New are empty
}
