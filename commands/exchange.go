package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

const (
	// The pauses between two status requests, where the manager does not hold them.
	firstPause = 500 * time.Millisecond
	maxPause   = 5 * time.Second
	pauseSteps = 1.5
)

// Create sends a command and gives its id, without waiting for the result. Parameters above 150,000 bytes are uploaded.
func (c *Client) Create(ctx context.Context, r Request) (id string, err error) {
	created, err := c.create(ctx, r)
	if err != nil {
		return "", err
	}
	if created.StorageUpload == nil {
		return created.CommandID, nil
	}
	if err := c.transfers.Put(ctx, created.StorageUpload.PutRequest, r.Params); err != nil {
		return "", &Error{Code: CodeStorageFailed, Message: "cannot upload the parameters: " + err.Error(), CommandID: created.CommandID,
			State: PendingUpload, Retryable: true, cause: err}
	}
	var completed wire.UploadCompleteResponse
	_, err = c.call(ctx, http.MethodPost, c.at(created.CommandID, "upload-complete"), wire.UploadCompleteRequest{Size: int64(len(r.Params))}, &completed, 0)
	return created.CommandID, of(err, CodeCreationFailed, created.CommandID)
}

func (c *Client) create(ctx context.Context, r Request) (wire.CreateResponse, error) {
	message := wire.CreateRequest{DeploymentID: c.deployment, Command: r.Command, Params: body(r.Params)}
	if !r.Deadline.IsZero() {
		message.Deadline = wire.At(r.Deadline)
	}
	if r.IdempotencyKey != "" {
		message.IdempotencyKey = &r.IdempotencyKey
	}
	if r.Target != "" {
		message.TargetResourceID = &r.Target
	}
	var created wire.CreateResponse
	_, err := c.call(ctx, http.MethodPost, c.base, message, &created, 0)
	return created, of(err, CodeCreationFailed, "")
}

func body(params []byte) wire.Body {
	if params == nil {
		params = []byte("null")
	}
	if size := int64(len(params)); size > wire.InlineMax {
		return wire.Body{Mode: wire.Storage, Size: &size}
	}
	return wire.InlineBody(params)
}

// Get gives a command's status.
func (c *Client) Get(ctx context.Context, id string) (Status, error) {
	s, _, err := c.status(ctx, id, 0)
	return s, err
}

// Wait waits until a command is done, well or not. It asks again where the manager cannot be reached for a moment. When ctx
// ends before, the error says where the command stood; the command goes on.
func (c *Client) Wait(ctx context.Context, id string) (Status, error) {
	pause := firstPause
	last := Status{ID: id}
	for {
		s, held, err := c.status(ctx, id, outbound.HeldFor)
		switch {
		case err == nil && s.State.Terminal():
			return s, nil
		case ctx.Err() != nil:
			return last, timedOut(ctx, last, err)
		case err != nil && !passes(err):
			return last, err
		case err == nil:
			last = s
		}
		if held {
			continue
		}
		if !outbound.Sleep(ctx, pause) {
			return last, timedOut(ctx, last, err)
		}
		pause = min(time.Duration(float64(pause)*pauseSteps), maxPause)
	}
}

// timedOut is the end of a wait by its context. err is what the last request ended with, where that failed.
func timedOut(ctx context.Context, last Status, err error) error {
	message := "the command was not done in time"
	if last.State != "" {
		message += "; it is " + string(last.State)
	}
	if err != nil && !errors.Is(err, ctx.Err()) {
		message += "; last: " + err.Error()
	}
	return &Error{Code: CodeTimeout, Message: message, CommandID: last.ID, State: last.State, Retryable: true, cause: ctx.Err()}
}

// status asks for a command's status; held says that the manager kept the request waiting while there was nothing new.
func (c *Client) status(ctx context.Context, id string, wait time.Duration) (s Status, held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, outbound.RequestTimeout)
	defer cancel()
	began := time.Now()
	var answer wire.StatusResponse
	header, err := c.call(ctx, http.MethodGet, c.at(id), nil, &answer, wait)
	if err != nil {
		return Status{}, false, of(err, CodeStatusFailed, id)
	}
	return statusOf(answer), outbound.Held(header, time.Since(began), answer.State.Terminal()), nil
}

func statusOf(a wire.StatusResponse) Status {
	s := Status{ID: a.CommandID, State: State(a.State), Attempt: a.Attempt, Target: a.Target.ResourceID, response: a.Response}
	if r := a.Response; r != nil && r.Status == wire.StatusError && a.State == wire.Failed {
		s.Failure = &Failure{CommandID: a.CommandID, Code: r.Code, Message: r.Message, Details: r.Details}
	}
	return s
}

// at is the URL of a command.
func (c *Client) at(segments ...string) *url.URL {
	u := *c.base
	for _, s := range segments {
		u.RawPath = u.EscapedPath() + "/" + url.PathEscape(s)
		u.Path += "/" + s
	}
	return &u
}

// call makes one request and reads the message that answers it. An error has no code where the manager was not reached.
func (c *Client) call(ctx context.Context, method string, u *url.URL, message, answer any, wait time.Duration) (http.Header, error) {
	var text []byte
	if message != nil {
		var err error
		if text, err = json.Marshal(message); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	outbound.Prefer(request.Header, wait)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, unreached(u, err)
	}
	defer response.Body.Close()
	content, err := outbound.ReadAll(response.Body, outbound.MaxAnswer)
	if err != nil {
		return nil, unreached(u, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, answered(response.StatusCode, content)
	}
	if err := wire.Unmarshal(content, answer); err != nil {
		return nil, &Error{Code: CodeMalformed, Message: "the manager's answer is not one of the protocol: " + err.Error(), cause: err}
	}
	return response.Header, nil
}

func unreached(u *url.URL, err error) *Error {
	err = outbound.Bare(err)
	return &Error{Message: fmt.Sprintf("cannot reach the manager at %s: %v", u.Host, err), cause: err}
}

// of says what an error of call was about. That the manager was not reached may pass for a status, which changes nothing.
func of(err error, unreached, id string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.CommandID = id
	if e.Code == "" {
		e.Code, e.Retryable = unreached, unreached == CodeStatusFailed
	}
	return e
}
