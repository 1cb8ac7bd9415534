package wire

import (
	"encoding/json"
	"fmt"
)

// Code is an error's stable name.
type Code string

// The codes that a manager answers with.
const (
	Unauthorized           Code = "UNAUTHORIZED"
	Forbidden              Code = "FORBIDDEN"
	DeploymentNotFound     Code = "DEPLOYMENT_NOT_FOUND"
	InvalidCommand         Code = "INVALID_COMMAND"
	CommandNotFound        Code = "COMMAND_NOT_FOUND"
	CommandTargetNotFound  Code = "COMMAND_TARGET_NOT_FOUND"
	CommandTargetAmbiguous Code = "COMMAND_TARGET_AMBIGUOUS"
	NoCommandTargets       Code = "NO_COMMAND_TARGETS"
	CommandTargetIDInvalid Code = "COMMAND_TARGET_ID_INVALID"
	InvalidStateTransition Code = "INVALID_STATE_TRANSITION"
	LeaseNotFound          Code = "LEASE_NOT_FOUND"
	KVOperationFailed      Code = "KV_OPERATION_FAILED"      // the store fails; try again
	StorageOperationFailed Code = "STORAGE_OPERATION_FAILED" // the bodies' store fails; try again
	GenericError           Code = "GENERIC_ERROR"            // what is not for others to see

	// Ours alone, where upstream has none.
	TokenNotFound Code = "TOKEN_NOT_FOUND"
	InvalidToken  Code = "INVALID_TOKEN"     // a token that cannot be minted as asked
	InvalidInput  Code = "INVALID_INPUT"     // a request of our own API that cannot be done
	TooMany       Code = "TOO_MANY_REQUESTS" // the token's rate, or all long polls, are used up
)

// The codes that a receiver answers a command with.
const (
	UnknownCommand  Code = "UNKNOWN_COMMAND"
	HandlerTimeout  Code = "HANDLER_TIMEOUT"
	HandlerError    Code = "HANDLER_ERROR"
	InvalidEnvelope Code = "INVALID_ENVELOPE" // and StorageOperationFailed
)

// Error is an error as the manager answers it.
type Error struct {
	Code           Code           `json:"code"`
	Message        string         `json:"message"`
	Context        map[string]any `json:"context,omitempty"` // keys in snake_case
	Hint           string         `json:"hint,omitempty"`
	Retryable      bool           `json:"retryable"`
	Internal       bool           `json:"internal"`
	HTTPStatusCode int            `json:"httpStatusCode,omitempty"`
	Source         *Error         `json:"source,omitempty"`
}

// Error is the message alone.
func (e *Error) Error() string { return e.Message }

// The HTTP statuses; a code that is not here has 500.
var statuses = map[Code]int{
	Unauthorized:           401,
	Forbidden:              403,
	DeploymentNotFound:     404,
	InvalidCommand:         400,
	CommandNotFound:        404,
	CommandTargetNotFound:  404,
	CommandTargetAmbiguous: 409,
	NoCommandTargets:       422,
	CommandTargetIDInvalid: 400,
	InvalidStateTransition: 400,
	LeaseNotFound:          404,
	TokenNotFound:          404,
	InvalidToken:           400,
	InvalidInput:           400,
	TooMany:                429,
}

var retryable = map[Code]bool{KVOperationFailed: true, StorageOperationFailed: true, TooMany: true}

// NewError is an error with the status of its code; context comes in pairs of a key and a value.
func NewError(code Code, message string, context ...any) *Error {
	e := &Error{Code: code, Message: message, Retryable: retryable[code], HTTPStatusCode: 500}
	if status, ok := statuses[code]; ok {
		e.HTTPStatusCode = status
	}
	for i := 0; i+1 < len(context); i += 2 {
		if e.Context == nil {
			e.Context = map[string]any{}
		}
		e.Context[context[i].(string)] = context[i+1]
	}
	return e
}

// ReadError is the error in an answer with the given HTTP status. Where the body is no such error, only the status is known.
func ReadError(status int, body []byte) *Error {
	e := &Error{}
	if err := json.Unmarshal(body, e); err != nil || e.Code == "" {
		e = &Error{Code: GenericError, Message: fmt.Sprintf("the manager answered with HTTP status %d", status)}
	}
	e.HTTPStatusCode = status
	return e
}
