// Package wire is the commands protocol "arc.v1" as it goes over HTTP: its constants, the JSON shapes of its requests and
// answers, and its error codes. The manager, the public receiver and the public sender all speak through it. It is pure and
// needs the standard library only.
package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The protocol's constants.
const (
	Protocol    = "arc.v1"
	InlineMax   = 150_000       // bytes; larger results go to storage
	ResponseTTL = 2 * time.Hour // life of the credentials for a response, and the most that a verifier accepts
	TransferTTL = time.Hour     // life of the other signed URLs

	DefaultMaxLeases    = 1
	DefaultLeaseSeconds = 60

	Operator = "operator" // the reserved target
)

// State is where a command stands.
type State string

// The states. The last three are terminal: they never change.
const (
	PendingUpload State = "PENDING_UPLOAD"
	Pending       State = "PENDING"
	Dispatched    State = "DISPATCHED"
	Succeeded     State = "SUCCEEDED"
	Failed        State = "FAILED"
	Expired       State = "EXPIRED"
)

// Terminal says whether the state never changes any more.
func (s State) Terminal() bool { return s == Succeeded || s == Failed || s == Expired }

// TargetType is the kind of resource that runs a command.
type TargetType string

// The target types.
const (
	Worker    TargetType = "worker"
	Container TargetType = "container"
	Daemon    TargetType = "daemon"
)

// Target is the resource of a deployment that runs a command.
type Target struct {
	ResourceID   string     `json:"resourceId"`
	ResourceType TargetType `json:"resourceType"`
}

func (t Target) check() error {
	return oneOf("resourceType", t.ResourceType, Worker, Container, Daemon)
}

// Operation is what a presigned request does.
type Operation string

// The operations.
const (
	Put    Operation = "put"
	Get    Operation = "get"
	Delete Operation = "delete"
)

// PresignedRequest moves a large body. Its URL is as good as a token: never log it.
type PresignedRequest struct {
	Backend    Backend   `json:"backend"`
	Expiration Time      `json:"expiration"`
	Operation  Operation `json:"operation"`
	Path       string    `json:"path"` // of the object, for people
}

func (p PresignedRequest) check() error { return oneOf("operation", p.Operation, Put, Get, Delete) }

// The types of a backend.
const (
	HTTP  = "http"
	Local = "local"
)

// Backend says how a presigned request is made: over HTTP (URL, Method, Headers) or on a file of the same machine (FilePath,
// Operation).
type Backend struct {
	Type      string
	URL       string
	Method    string
	Headers   map[string]string
	FilePath  string
	Operation Operation
}

type httpBackend struct {
	Type    string            `json:"type"`
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
}

type localBackend struct {
	Type      string    `json:"type"`
	FilePath  string    `json:"filePath"`
	Operation Operation `json:"operation"`
}

// MarshalJSON writes the fields of the backend's type, and no others.
func (b Backend) MarshalJSON() ([]byte, error) {
	if b.Type == Local {
		return json.Marshal(localBackend{b.Type, b.FilePath, b.Operation})
	}
	headers := b.Headers
	if headers == nil {
		headers = map[string]string{}
	}
	return json.Marshal(httpBackend{b.Type, b.URL, b.Method, headers})
}

// UnmarshalJSON takes one of the two types.
func (b *Backend) UnmarshalJSON(data []byte) error {
	return variant(data, "type", map[string]func() error{
		HTTP: func() error {
			var h httpBackend
			err := decode(data, &h)
			*b = Backend{Type: HTTP, URL: h.URL, Method: h.Method, Headers: h.Headers}
			return errors.Join(err, oneOf("method", h.Method, "PUT", "GET", "DELETE"))
		},
		Local: func() error {
			var l localBackend
			err := decode(data, &l)
			*b = Backend{Type: Local, FilePath: l.FilePath, Operation: l.Operation}
			return errors.Join(err, oneOf("operation", l.Operation, Put, Get, Delete))
		},
	})
}

// The modes of a body.
const (
	Inline  = "inline"
	Storage = "storage"
)

// Body is the content of parameters or of a result: within the message (InlineBase64), or elsewhere (Size, Get, Put).
type Body struct {
	Mode         string
	InlineBase64 string
	Size         *int64            // bytes, nil where unknown
	Get          *PresignedRequest // how to fetch it
	PutUsed      bool              // it was uploaded with the request that the envelope carried
}

type inlineBody struct {
	Mode         string `json:"mode"`
	InlineBase64 string `json:"inlineBase64"`
}

type storageBody struct {
	Mode    string            `json:"mode"`
	Size    *int64            `json:"size" wire:"optional"`
	Get     *PresignedRequest `json:"storageGetRequest,omitempty"`
	PutUsed bool              `json:"storagePutUsed,omitempty"`
}

// InlineBody carries content within the message.
func InlineBody(content []byte) Body {
	return Body{Mode: Inline, InlineBase64: base64.StdEncoding.EncodeToString(content)}
}

// StoredBody stands for size bytes that were uploaded.
func StoredBody(size int64) Body { return Body{Mode: Storage, Size: &size, PutUsed: true} }

// Content decodes an inline body.
func (b Body) Content() ([]byte, error) {
	if b.Mode != Inline {
		return nil, errors.New("the body is not inline")
	}
	content, err := base64.StdEncoding.Strict().DecodeString(b.InlineBase64)
	if err != nil || strings.ContainsAny(b.InlineBase64, "\r\n") { // which the decoder skips

		return nil, errors.New("inlineBase64 is not standard base64 with padding")
	}
	return content, nil
}

// MarshalJSON writes the fields of the body's mode, and no others.
func (b Body) MarshalJSON() ([]byte, error) {
	if b.Mode == Storage {
		return json.Marshal(storageBody{b.Mode, b.Size, b.Get, b.PutUsed})
	}
	return json.Marshal(inlineBody{b.Mode, b.InlineBase64})
}

// UnmarshalJSON takes one of the two modes.
func (b *Body) UnmarshalJSON(data []byte) error {
	return variant(data, "mode", map[string]func() error{
		Inline: func() error {
			var i inlineBody
			err := decode(data, &i)
			*b = Body{Mode: Inline, InlineBase64: i.InlineBase64}
			return err
		},
		Storage: func() error {
			var s storageBody
			err := decode(data, &s)
			*b = Body{Mode: Storage, Size: s.Size, Get: s.Get, PutUsed: s.PutUsed}
			return err
		},
	})
}

// The statuses of a response.
const (
	StatusSuccess = "success"
	StatusError   = "error"
)

// Response is how a command ended: with a body, or with an error's code, message and perhaps details.
type Response struct {
	Status        string
	Body          Body
	Code, Message string
	Details       string
}

type successResponse struct {
	Status   string `json:"status"`
	Response Body   `json:"response"`
}

type errorResponse struct {
	Status  string `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

// SuccessResponse ends a command well.
func SuccessResponse(b Body) Response { return Response{Status: StatusSuccess, Body: b} }

// ErrorResponse ends a command with an error.
func ErrorResponse(code, message string) Response {
	return Response{Status: StatusError, Code: code, Message: message}
}

// State is what the response makes of a command.
func (r Response) State() State {
	if r.Status == StatusSuccess {
		return Succeeded
	}
	return Failed
}

// MarshalJSON writes the fields of the response's status, and no others.
func (r Response) MarshalJSON() ([]byte, error) {
	if r.Status == StatusSuccess {
		return json.Marshal(successResponse{r.Status, r.Body})
	}
	return json.Marshal(errorResponse{StatusError, r.Code, r.Message, r.Details})
}

// UnmarshalJSON takes one of the two statuses.
func (r *Response) UnmarshalJSON(data []byte) error {
	return variant(data, "status", map[string]func() error{
		StatusSuccess: func() error {
			var s successResponse
			err := decode(data, &s)
			*r = SuccessResponse(s.Response)
			return err
		},
		StatusError: func() error {
			var e errorResponse
			err := decode(data, &e)
			*r = Response{Status: StatusError, Code: e.Code, Message: e.Message, Details: e.Details}
			return err
		},
	})
}

// Time is a point in time, RFC 3339. It is written in UTC with the suffix Z, which upstream's clients insist on; any offset
// is read.
type Time struct{ time.Time }

// At is t as it goes over the wire: in UTC, without the parts of a second below the millisecond.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON writes it in UTC.
func (t Time) MarshalJSON() ([]byte, error) { return t.UTC().MarshalJSON() }

func oneOf[T ~string](field string, got T, allowed ...T) error {
	for _, a := range allowed {
		if got == a {
			return nil
		}
	}
	return fmt.Errorf("%s: %q is none of %q", field, string(got), allowed)
}
