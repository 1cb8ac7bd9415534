package manager

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

const (
	leasesMax       = 1000             // in one answer
	leaseSecondsMax = 7 * 24 * 60 * 60 // a week
)

func (m *Manager) leaseCommands(w http.ResponseWriter, r *http.Request, who caller) error {
	var request wire.LeaseRequest
	if err := m.readBody(w, r, &request); err != nil {
		return err
	}
	if err := who.check(receive, request.DeploymentID, request.Target); err != nil {
		return err
	}
	if _, err := m.Store.Deployment(r.Context(), request.DeploymentID); err != nil {
		return deploymentNotFound(err, request.DeploymentID)
	}
	m.polled(request)
	hold, done := m.hold(w, r)
	defer done()
	var leased []store.Command
	key := queueKey(request.DeploymentID, request.Target.ResourceID)
	err := m.until(hold, key, true, m.whileValid(r, who, func() (found bool, err error) {
		leased, err = m.take(r.Context(), request)
		return len(leased) > 0, err
	}))
	if err != nil {
		return err
	}
	err = r.Context().Err() // nobody is there to run them
	if err == nil {
		err = m.answerLeases(w, r, leased)
	}
	if err != nil {
		m.giveBack(context.WithoutCancel(r.Context()), leased)
	}
	return err
}

func (m *Manager) polled(request wire.LeaseRequest) {
	m.polls.polled(request.DeploymentID, request.Target.ResourceID, m.Now())
	m.waits.wakeAll(polledKey(request.DeploymentID))
}

// take leases what there is for a target.
func (m *Manager) take(ctx context.Context, request wire.LeaseRequest) ([]store.Command, error) {
	limit, seconds := int64(wire.DefaultMaxLeases), int64(wire.DefaultLeaseSeconds)
	if request.MaxLeases != nil {
		limit = min(*request.MaxLeases, leasesMax)
	}
	if request.LeaseSeconds != nil {
		seconds = min(*request.LeaseSeconds, leaseSecondsMax)
	}
	if request.Target.ResourceType != wire.Daemon || limit == 0 { // there are no others
		return nil, nil
	}
	now := m.settle(ctx)
	until := now.Add(time.Duration(seconds) * time.Second)
	var expired []store.Command
	leased, err := m.Store.Lease(ctx, request.DeploymentID, request.Target.ResourceID, now, int(limit), func(c *store.Command) bool {
		if c.Lease(newLease(c.ID), now, until) {
			return true
		}
		if c.State == wire.Expired {
			c.Finished = now
			expired = append(expired, *c)
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	for _, c := range expired {
		m.over(c)
	}
	if len(leased) > 0 {
		m.alarm.at(until)
	}
	for _, c := range leased {
		m.metrics.leased(c.Attempt)
	}
	return leased, nil
}

// newLease names a lease: the command is in the name, so that giving it back needs no search.
func newLease(command string) string {
	return "lease_" + strings.TrimPrefix(command, "cmd_") + "_" + random(22)
}

// leased is the command in a lease's name.
func leased(lease string) (string, bool) {
	rest, ok := strings.CutPrefix(lease, "lease_")
	command, _, ok2 := strings.Cut(rest, "_")
	return "cmd_" + command, ok && ok2
}

// answerLeases writes to the connection before it returns; after an error nobody has got the leases.
func (m *Manager) answerLeases(w http.ResponseWriter, r *http.Request, leased []store.Command) error {
	response := wire.LeaseResponse{Leases: []wire.Lease{}}
	now := m.Now()
	for _, c := range leased {
		e, err := m.envelope(r, c, now)
		if err != nil {
			return err
		}
		response.Leases = append(response.Leases, wire.Lease{
			LeaseID: c.Holder, LeaseExpiresAt: wire.At(c.Until), CommandID: c.ID, Attempt: c.Attempt, Envelope: e,
		})
	}
	if err := answer(w, http.StatusOK, response); err != nil || len(leased) == 0 {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// envelope is what a receiver gets. URLs of this manager are relative to the lease endpoint, so that they work however the
// receiver reaches it.
func (m *Manager) envelope(r *http.Request, c store.Command, now time.Time) (wire.Envelope, error) {
	params, err := m.delivered(c, now)
	deadline := wire.Time{}
	if !c.Deadline.IsZero() {
		deadline = wire.At(c.Deadline)
	}
	return wire.Envelope{
		Protocol: wire.Protocol, DeploymentID: c.Deployment, Target: c.Target, CommandID: c.ID, Attempt: c.Attempt, Command: c.Name,
		Params: params, Deadline: deadline,
		ResponseHandling: wire.ResponseHandling{
			MaxInlineBytes:       wire.InlineMax,
			SubmitResponseURL:    m.signer.responsePath(c.ID, now),
			StorageUploadRequest: m.signer.blob(wire.Put, "../", c.ID, partResponse, now.Add(wire.ResponseTTL)),
		},
	}, err
}

// delivered is the parameters as a receiver gets them: what is small inline, what is stored with a URL to fetch it.
func (m *Manager) delivered(c store.Command, now time.Time) (wire.Body, error) {
	if c.Params == nil {
		return wire.InlineBody(nil), nil
	}
	if c.Params.Mode == wire.Inline {
		return *c.Params, nil
	}
	params := *c.Params
	if params.Size != nil && *params.Size >= 1 && *params.Size <= wire.InlineMax {
		if content, err := m.content(c.ID, *params.Size); err == nil {
			return wire.Body{Mode: wire.Inline, InlineBase64: base64.StdEncoding.EncodeToString(content)}, nil
		} // what is not there, or is larger than was said, the receiver finds out
	}
	get := m.signer.blob(wire.Get, "../", c.ID, partParams, now.Add(wire.TransferTTL))
	params.Get, params.PutUsed = &get, false
	return params, nil
}

func (m *Manager) content(id string, size int64) ([]byte, error) {
	blob, n, err := m.Blobs.Open(id, partParams)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if n > wire.InlineMax {
		return nil, fmt.Errorf("there are %d bytes, not %d", n, size)
	}
	return io.ReadAll(blob)
}

// giveBack releases leases that nobody got.
func (m *Manager) giveBack(ctx context.Context, leased []store.Command) {
	for _, c := range leased {
		if _, err := m.release(ctx, caller{signed: true}, c.Holder); err != nil {
			m.tell(ctx, "cannot give back a lease", err) // it runs out by itself
		}
	}
}

func (m *Manager) releaseLease(w http.ResponseWriter, r *http.Request, who caller) error {
	_, err := m.release(r.Context(), who, r.PathValue("leaseId"))
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// release gives a lease back; who has to be allowed to answer the command.
func (m *Manager) release(ctx context.Context, who caller, lease string) (store.Command, error) {
	id, ok := leased(lease)
	unknown := wire.NewError(wire.LeaseNotFound, fmt.Sprintf("Lease '%s' not found", lease), "lease_id", lease)
	if !ok {
		return store.Command{}, unknown
	}
	now := m.settle(ctx)
	c, err := m.Store.Change(ctx, id, func(c *store.Command) error {
		if err := c.Release(lease, now); err != nil {
			return err
		}
		return who.check(execute, c.Deployment, c.Target)
	})
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, state.ErrNoLease):
		return c, unknown
	case err != nil:
		return c, err
	}
	if c.State == wire.Pending {
		m.waits.wakeOne(queueKey(c.Deployment, c.Target.ResourceID))
	}
	return c, nil
}
