// Package commands sends commands to the daemons of a deployment, by way of a manager, and waits for their results.
//
//	c, err := commands.New(commands.Options{ManagerURL: "http://127.0.0.1:8080", DeploymentID: "edge", Token: token})
//	if err != nil {
//		return err
//	}
//	greeted, err := commands.Invoke[Greeted](ctx, c, "greet", Greeting{Name: "Ada"})
//
// It speaks the protocol "arc.v1", also with managers that are not this project's, and needs nothing but the standard
// library. The other end is the package receiver.
package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Options say where commands go.
type Options struct {
	ManagerURL   string // without /v1
	DeploymentID string
	Token        string // one that may send to the deployment
	// Client makes the requests; nil is a client of its own. Its Timeout must not be below 30 seconds.
	Client *http.Client
	// AllowLocalStorage lets results be read from files of this machine, where the manager says that they are there.
	AllowLocalStorage bool
}

// Client sends commands to one deployment. It may be used by several goroutines at once.
type Client struct {
	base       *url.URL // of the commands
	deployment string
	token      string
	http       *http.Client
	transfers  outbound.Transfers
}

// New makes a client. It contacts nothing; what is wrong with the options is an *Error with CodeConfigInvalid.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.ManagerURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, &Error{Code: CodeConfigInvalid, Message: "ManagerURL is not an http or https URL"}
	case o.DeploymentID == "":
		return nil, &Error{Code: CodeConfigInvalid, Message: "DeploymentID is empty"}
	case o.Token == "":
		return nil, &Error{Code: CodeConfigInvalid, Message: "Token is empty"}
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+wire.PathCommands, ""
	return &Client{
		base: u, deployment: o.DeploymentID, token: o.Token, http: o.Client,
		transfers: outbound.Transfers{HTTP: o.Client, AllowLocal: o.AllowLocalStorage},
	}, nil
}

// Request is a command to be sent.
type Request struct {
	Command string
	Params  []byte // by convention JSON; nil is the JSON null
	// Target is the daemon; empty is the only one of the deployment that takes commands.
	Target string
	// Deadline is when the command expires if it is not done; zero is never.
	Deadline time.Time
	// IdempotencyKey makes sending the same command to the same target again, within a day, mean the first one.
	IdempotencyKey string
}

// State is where a command stands.
type State string

// The states. The last three never change.
const (
	PendingUpload State = "PENDING_UPLOAD"
	Pending       State = "PENDING"    // waits for the daemon
	Dispatched    State = "DISPATCHED" // the daemon has it
	Succeeded     State = "SUCCEEDED"
	Failed        State = "FAILED"
	Expired       State = "EXPIRED"
)

// Terminal says whether the state never changes any more.
func (s State) Terminal() bool { return s == Succeeded || s == Failed || s == Expired }

// Status is where a command stands.
type Status struct {
	ID      string
	State   State
	Attempt int64  // from 1: how often it was delivered
	Target  string // the daemon
	// Failure is the daemon's answer in the state Failed.
	Failure  *Failure
	response *wire.Response
}

// Invoke sends a command with JSON parameters and waits for its JSON result, until ctx ends. A command that the daemon
// answers with an error is a *Failure; every other error is an *Error.
func Invoke[Out any](ctx context.Context, c *Client, command string, in any, with ...func(*Request)) (Out, error) {
	var out Out
	params, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("cannot write the parameters of %s: %w", command, err)
	}
	r := Request{Command: command, Params: params}
	for _, w := range with {
		w(&r)
	}
	result, err := c.Invoke(ctx, r)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(result, &out); err != nil {
		return out, &Error{Code: CodeDecodingFailed, Message: "the result is not what was expected: " + err.Error(), State: Succeeded, cause: err}
	}
	return out, nil
}

// Invoke sends a command and waits for its result, until ctx ends.
func (c *Client) Invoke(ctx context.Context, r Request) (result []byte, err error) {
	id, err := c.Create(ctx, r)
	if err != nil {
		return nil, err
	}
	return c.Result(ctx, id)
}

// Result waits for a command's result, until ctx ends; the command goes on after that.
func (c *Client) Result(ctx context.Context, id string) ([]byte, error) {
	s, err := c.Wait(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.Output(ctx, s)
}

// Output gives the result of a command that is done.
func (c *Client) Output(ctx context.Context, s Status) ([]byte, error) {
	failed := func(code, message string, cause error) ([]byte, error) {
		return nil, &Error{Code: code, Message: message, CommandID: s.ID, State: s.State, Retryable: code == CodeStorageFailed, cause: cause}
	}
	switch {
	case !s.State.Terminal():
		return failed(CodeDecodingFailed, "the command is not done yet", nil)
	case s.State == Expired:
		return failed(CodeExpired, "the command's deadline passed before it was done", nil)
	case s.Failure != nil:
		return nil, s.Failure
	case s.response == nil || s.response.Status != wire.StatusSuccess:
		return failed(CodeDecodingFailed, "the manager says that the command is done, and not how", nil)
	}
	body := s.response.Body
	if body.Mode == wire.Inline {
		content, err := body.Content()
		if err != nil {
			return failed(CodeDecodingFailed, err.Error(), err)
		}
		return content, nil
	}
	if body.Get == nil {
		return failed(CodeDecodingFailed, "the result is in storage, and the manager does not say how to get it", nil)
	}
	content, err := c.transfers.Get(ctx, *body.Get)
	if err != nil {
		return failed(CodeStorageFailed, "cannot get the result: "+err.Error(), err)
	}
	return content, nil
}
