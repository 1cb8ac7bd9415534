package wire

// Paths of the endpoints below the manager's address, as patterns of net/http.
const (
	PathCommands       = "/v1/commands"
	PathCommand        = "/v1/commands/{commandId}"
	PathUploadComplete = "/v1/commands/{commandId}/upload-complete"
	PathResponse       = "/v1/commands/{commandId}/response"
	PathPayload        = "/v1/commands/{commandId}/payload"
	PathLeases         = "/v1/commands/leases"
	PathRelease        = "/v1/commands/leases/{leaseId}/release"
)

// The query of a signed response URL.
const (
	QueryResponseToken = "response_token"
	QueryExpires       = "expires" // seconds since 1970
)

// CreateRequest asks for a command to be run.
type CreateRequest struct {
	DeploymentID     string  `json:"deploymentId"`
	Command          string  `json:"command"`
	Params           Body    `json:"params"`
	Deadline         Time    `json:"deadline,omitzero"`
	IdempotencyKey   *string `json:"idempotencyKey,omitempty"`
	TargetResourceID *string `json:"targetResourceId,omitempty"` // nil: the only one there is
}

// What a sender does next.
const (
	NextUpload = "upload"
	NextPoll   = "poll"
)

// CreateResponse names the command that was made, or that the idempotency key stands for.
type CreateResponse struct {
	CommandID         string         `json:"commandId"`
	State             State          `json:"state"`
	InlineAllowedUpTo int64          `json:"inlineAllowedUpTo"`
	Next              string         `json:"next"`
	StorageUpload     *StorageUpload `json:"storageUpload,omitempty"` // only in PENDING_UPLOAD
}

func (r CreateResponse) check() error { return checkState(r.State) }

// StorageUpload is how the sender uploads large parameters.
type StorageUpload struct {
	PutRequest PresignedRequest `json:"putRequest"`
	ExpiresAt  Time             `json:"expiresAt"`
}

// UploadCompleteRequest says that the parameters, Size bytes, are there.
type UploadCompleteRequest struct {
	Size int64 `json:"size"`
}

// UploadCompleteResponse tells what that made of the command.
type UploadCompleteResponse struct {
	CommandID string `json:"commandId"`
	State     State  `json:"state"`
}

func (r UploadCompleteResponse) check() error { return checkState(r.State) }

// StatusResponse tells where a command stands. SUCCEEDED and FAILED come with the response.
type StatusResponse struct {
	CommandID string    `json:"commandId"`
	State     State     `json:"state"`
	Attempt   int64     `json:"attempt"` // from 1
	Target    Target    `json:"target"`
	Response  *Response `json:"response,omitempty"`
}

func (r StatusResponse) check() error { return checkState(r.State) }

// PayloadResponse is what is stored of a command.
type PayloadResponse struct {
	CommandID string    `json:"commandId"`
	Params    *Body     `json:"params,omitempty"`
	Response  *Response `json:"response,omitempty"`
}

// StorePayloadRequest replaces what is stored of a command.
type StorePayloadRequest struct {
	Params   *Body     `json:"params,omitempty"`
	Response *Response `json:"response,omitempty"`
}

// LeaseRequest asks for commands of one target.
type LeaseRequest struct {
	DeploymentID string `json:"deploymentId"`
	Target       Target `json:"target"`
	MaxLeases    *int64 `json:"maxLeases,omitempty"`    // nil: 1
	LeaseSeconds *int64 `json:"leaseSeconds,omitempty"` // nil: 60
}

// LeaseResponse holds the commands that the receiver now has; it may be empty.
type LeaseResponse struct {
	Leases []Lease `json:"leases"`
}

// Lease is one command, for a while.
type Lease struct {
	LeaseID        string   `json:"leaseId"`
	LeaseExpiresAt Time     `json:"leaseExpiresAt"`
	CommandID      string   `json:"commandId"`
	Attempt        int64    `json:"attempt"`
	Envelope       Envelope `json:"envelope"`
}

// Envelope is everything that a receiver needs to run a command.
type Envelope struct {
	Protocol         string           `json:"protocol"`
	DeploymentID     string           `json:"deploymentId"`
	Target           Target           `json:"target"`
	CommandID        string           `json:"commandId"`
	Attempt          int64            `json:"attempt"`
	Command          string           `json:"command"`
	Params           Body             `json:"params"`
	ResponseHandling ResponseHandling `json:"responseHandling"`
	Deadline         Time             `json:"deadline,omitzero"`
	TraceContext     *TraceContext    `json:"traceContext,omitempty"`
}

// ResponseHandling is where the response goes. URLs may be relative to the lease endpoint's.
type ResponseHandling struct {
	MaxInlineBytes       int64            `json:"maxInlineBytes"`
	SubmitResponseURL    string           `json:"submitResponseUrl"`
	StorageUploadRequest PresignedRequest `json:"storageUploadRequest"`
}

// TraceContext is W3C's, passed on to the handler as it is.
type TraceContext struct {
	Traceparent string `json:"traceparent"`
	Tracestate  string `json:"tracestate,omitempty"`
}

// ReleaseRequest gives a lease back; the path names it already.
type ReleaseRequest struct {
	LeaseID string `json:"leaseId"`
}

func checkState(s State) error {
	return oneOf("state", s, PendingUpload, Pending, Dispatched, Succeeded, Failed, Expired)
}
