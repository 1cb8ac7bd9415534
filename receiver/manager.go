package receiver

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

// The codes of a ManagerError.
const (
	CodeUnauthorized = "COMMAND_RECEIVER_UNAUTHORIZED"     // the token is not, or no longer, valid
	CodeRejected     = "COMMAND_RECEIVER_REQUEST_REJECTED" // the manager refuses this receiver's requests
	CodeMalformed    = "SERIALIZATION_FAILED"              // the manager's answer is not one of the protocol
)

// ManagerError is an answer of the manager after which there is no use in asking again.
type ManagerError struct {
	Code   string
	Status int // HTTP status
	Reason string
}

// Error begins with the code.
func (e *ManagerError) Error() string { return e.Code + ": " + e.Reason }

// retryable is a failure that may pass.
type retryable struct{ error }

// Unwrap gives the cause.
func (r retryable) Unwrap() error { return r.error }

// manager talks to the manager's lease endpoints.
type manager struct {
	http  *http.Client
	token *tokenSource
	config
}

// polled is what a lease request brought.
type polled struct {
	leases []wire.Lease
	base   *url.URL // the URL that answered; relative ones in envelopes refer to it
	// held says that the manager kept the request waiting, as it was asked to.
	held bool
}

// lease asks for up to free commands. The error is retryable, or ends the receiver.
func (m *manager) lease(ctx context.Context, free int64) (polled, error) {
	ctx, cancel := context.WithTimeout(ctx, outbound.RequestTimeout)
	defer cancel()
	began := time.Now()
	answer, err := m.post(ctx, m.leases, wire.LeaseRequest{
		DeploymentID: m.deployment, Target: m.target, MaxLeases: &free, LeaseSeconds: &m.leaseSeconds,
	}, outbound.HeldFor)
	if err != nil {
		return polled{}, err
	}
	defer answer.Body.Close()
	if err := judge(answer.StatusCode); err != nil {
		return polled{}, err
	}
	body, err := outbound.ReadAll(answer.Body, outbound.MaxAnswer)
	if err != nil {
		return polled{}, retryable{fmt.Errorf("cannot read the manager's answer: %w", outbound.Bare(err))}
	}
	leases, err := decodeLeases(body)
	if err != nil {
		return polled{}, &ManagerError{Code: CodeMalformed, Status: answer.StatusCode, Reason: "the manager's answer is not a list of leases: " + err.Error()}
	}
	return polled{leases: leases, base: answer.Request.URL, held: outbound.Held(answer.Header, time.Since(began), len(leases) > 0)}, nil
}

// decodeLeases reads the answer to a lease request.
func decodeLeases(body []byte) ([]wire.Lease, error) {
	var answer wire.LeaseResponse
	err := wire.Unmarshal(body, &answer)
	return answer.Leases, err
}

// judge tells the answers to a lease request apart.
func judge(status int) error {
	switch {
	case status/100 == 2:
		return nil
	case outbound.Transient(status):
		return retryable{fmt.Errorf("the manager answered %d %s", status, http.StatusText(status))}
	case status == http.StatusUnauthorized:
		return &ManagerError{Code: CodeUnauthorized, Status: status, Reason: "the manager does not accept the token (401)"}
	}
	return &ManagerError{Code: CodeRejected, Status: status, Reason: fmt.Sprintf("the manager answered %d %s", status, http.StatusText(status))}
}

// release gives a lease back, so that its command is delivered again.
func (m *manager) release(ctx context.Context, lease string) error {
	ctx, cancel := context.WithTimeout(ctx, outbound.RequestTimeout)
	defer cancel()
	answer, err := m.post(ctx, below(m.leases, lease, "release"), wire.ReleaseRequest{LeaseID: lease}, 0)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if !delivered(answer.StatusCode) {
		return fmt.Errorf("the manager answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return nil
}

// delivered says whether an answer means that there is nothing more to tell: it was taken, or another one's was.
func delivered(status int) bool {
	return status/100 == 2 || status == http.StatusConflict || status == http.StatusGone
}

// post sends a message with the token, and once more where the token was refused and its file has another one now.
func (m *manager) post(ctx context.Context, u *url.URL, message any, wait time.Duration) (*http.Response, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	bearer, err := m.token.get()
	if err != nil {
		return nil, err
	}
	answer, err := m.send(ctx, u, body, bearer, wait)
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		return answer, err
	}
	another, ok, err := m.token.again(bearer)
	if !ok && err == nil {
		return answer, nil
	}
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	return m.send(ctx, u, body, another, wait)
}

func (m *manager) send(ctx context.Context, u *url.URL, body []byte, bearer string, wait time.Duration) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	request.Header.Set("Content-Type", "application/json")
	outbound.Prefer(request.Header, wait)
	answer, err := m.http.Do(request)
	if err != nil {
		return nil, retryable{errors.Join(errors.New("cannot reach the manager"), outbound.Bare(err))}
	}
	return answer, nil
}
