package commands

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// The codes of an Error.
const (
	CodeConfigInvalid    = "COMMAND_CLIENT_CONFIG_INVALID" // of New's options
	CodeManagerHTTP      = "MANAGER_HTTP_ERROR"            // the manager answered with an error
	CodeCreationFailed   = "COMMAND_CREATION_FAILED"       // the manager could not be reached to create a command
	CodeStatusFailed     = "COMMAND_STATUS_FAILED"         // or to ask for its status
	CodeMalformed        = "MALFORMED_RESPONSE"            // the manager's answer is not one of the protocol
	CodeExpired          = "COMMAND_EXPIRED"               // the deadline passed before the command was done
	CodeDecodingFailed   = "RESPONSE_DECODING_FAILED"      // the command is done, and its result cannot be read
	CodeStorageFailed    = "STORAGE_OPERATION_FAILED"      // a large body could not be moved
	CodeTimeout          = "COMMAND_TIMEOUT"               // the context's deadline passed while waiting; the command goes on
	CodeDeploymentFailed = "DEPLOYMENT_COMMAND_ERROR"      // of a Failure
)

// Error is why there is no result, where the daemon has not answered that itself.
type Error struct {
	Code      string // one of the Code constants
	Message   string
	CommandID string // where the command exists
	State     State  // of the command, as last seen
	Status    int    // HTTP status of CodeManagerHTTP
	// ManagerCode is the manager's own code of CodeManagerHTTP, such as COMMAND_TARGET_NOT_FOUND.
	ManagerCode string
	Retryable   bool
	cause       error
}

// Error begins with the code.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap gives the cause: the context's error of CodeTimeout, for example.
func (e *Error) Unwrap() error { return e.cause }

// Failure is a command that the daemon answered with an error.
type Failure struct {
	CommandID string
	Code      string // HANDLER_ERROR, HANDLER_TIMEOUT, UNKNOWN_COMMAND, or the handler's own
	Message   string
	Details   string
}

// Error has the code and the message.
func (f *Failure) Error() string { return f.Code + ": " + f.Message }

// answered is the error that an answer other than 2xx amounts to.
func answered(status int, body []byte) *Error {
	e := wire.ReadError(status, body)
	return &Error{
		Code: CodeManagerHTTP, Status: status, ManagerCode: string(e.Code), Retryable: outbound.Transient(status),
		Message: fmt.Sprintf("%s (%d %s)", e.Message, status, http.StatusText(status)),
	}
}

// passes says whether the failure of a status request may pass.
func passes(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Retryable
}
