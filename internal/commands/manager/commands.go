package manager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func (m *Manager) createCommand(w http.ResponseWriter, r *http.Request, who caller) error {
	var request wire.CreateRequest
	if err := m.readBody(w, r, &request); err != nil {
		return err
	}
	now := m.Now()
	c, err := m.newCommand(r.Context(), request, who, now)
	if err != nil {
		return err
	}
	if err := m.promote(&c); err != nil {
		return err
	}
	made, existing, err := m.Store.Create(r.Context(), c, now.Add(-keyLife))
	if c.Blobs && (err != nil || existing) {
		m.removeBlobs(r.Context(), []string{c.ID})
	}
	if err != nil {
		return deploymentNotFound(err, c.Deployment)
	}
	answered := wire.CreateResponse{CommandID: made.ID, State: made.State, InlineAllowedUpTo: wire.InlineMax, Next: wire.NextPoll}
	if !existing {
		m.created(made)
		if made.State == wire.PendingUpload {
			expires := now.Add(wire.TransferTTL)
			answered.Next = wire.NextUpload
			answered.StorageUpload = &wire.StorageUpload{PutRequest: m.signer.blob(wire.Put, m.base(r), made.ID, partParams, expires), ExpiresAt: wire.At(expires)}
		}
	}
	return answer(w, http.StatusOK, answered)
}

func (m *Manager) created(c store.Command) {
	m.metrics.created.Add(1)
	m.alarm.at(c.Deadline)
	m.Log.Debug("command created", "command", c.ID, "deployment", c.Deployment, "target", c.Target.ResourceID, "state", c.State)
	if c.State == wire.Pending {
		m.waits.wakeOne(queueKey(c.Deployment, c.Target.ResourceID))
	}
}

// newCommand checks what is asked for, in the protocol's order.
func (m *Manager) newCommand(ctx context.Context, request wire.CreateRequest, who caller, now time.Time) (store.Command, error) {
	if who.token.Kind != api.Admin { // others do not learn which deployments there are
		if err := who.check(create, request.DeploymentID, wire.Target{}); err != nil {
			return store.Command{}, err
		}
	}
	deployment, err := m.Store.Deployment(ctx, request.DeploymentID)
	if err != nil {
		return store.Command{}, deploymentNotFound(err, request.DeploymentID)
	}
	if err := checkCommand(request, now); err != nil {
		return store.Command{}, err
	}
	target, err := resolve(deployment, request.TargetResourceID)
	if err != nil {
		return store.Command{}, err
	}
	if err := who.check(create, deployment.ID, target); err != nil {
		return store.Command{}, err
	}
	params := request.Params
	upload := params.Mode == wire.Storage
	if upload {
		if err := m.checkUpload(params); err != nil {
			return store.Command{}, err
		}
		params = wire.StoredBody(*params.Size)
	}
	return store.Command{
		ID: newID("cmd_", now), Deployment: deployment.ID, Target: target, Name: request.Command, Key: request.IdempotencyKey,
		Life: state.New(upload, request.Deadline.Time), Created: now, Params: &params,
	}, nil
}

func checkCommand(request wire.CreateRequest, now time.Time) error {
	switch {
	case request.Command == "":
		return invalidCommand("The command has no name")
	case strings.Contains(request.Command, ":"):
		return invalidCommand("The command's name contains ':'")
	case !request.Deadline.IsZero() && !request.Deadline.After(now):
		return invalidCommand("The deadline is not in the future")
	}
	return nil
}

func invalidCommand(message string) error { return wire.NewError(wire.InvalidCommand, message) }

// checkUpload takes only what an upload URL is given for: smaller parameters would never be there.
func (m *Manager) checkUpload(params wire.Body) error {
	switch {
	case params.Size == nil || *params.Size <= wire.InlineMax:
		return invalidCommand(fmt.Sprintf("Parameters of %d bytes and less go inline; storage takes the size of larger ones", wire.InlineMax))
	case *params.Size > m.Limits.Blob:
		return invalidCommand(fmt.Sprintf("The parameters are larger than %d bytes", m.Limits.Blob))
	}
	return nil
}

// resolve finds the target: the one that is named, or the only one there is.
func resolve(d store.Deployment, named *string) (wire.Target, error) {
	if named == nil {
		switch len(d.Daemons) {
		case 0:
			return wire.Target{}, wire.NewError(wire.NoCommandTargets, fmt.Sprintf("Deployment '%s' has no daemon that takes commands", d.ID), "deployment_id", d.ID)
		case 1:
			return daemon(d.Daemons[0]), nil
		}
		return wire.Target{}, wire.NewError(wire.CommandTargetAmbiguous,
			fmt.Sprintf("Deployment '%s' has more than one daemon that takes commands: name one", d.ID), "deployment_id", d.ID, "candidates", d.Daemons)
	}
	switch id := *named; {
	case id == wire.Operator || slices.Contains(d.Daemons, id):
		return daemon(id), nil
	case strings.Contains(id, ":"):
		return wire.Target{}, wire.NewError(wire.CommandTargetIDInvalid, fmt.Sprintf("Target '%s' contains ':'", id), "target_resource_id", id)
	default:
		return wire.Target{}, wire.NewError(wire.CommandTargetNotFound,
			fmt.Sprintf("Deployment '%s' has no daemon '%s' that takes commands", d.ID, id), "deployment_id", d.ID, "target_resource_id", id)
	}
}

func daemon(id string) wire.Target { return wire.Target{ResourceID: id, ResourceType: wire.Daemon} }

// promote moves large inline parameters to a blob, so that envelopes stay small.
func (m *Manager) promote(c *store.Command) error {
	if c.Params.Mode != wire.Inline || len(c.Params.InlineBase64) <= wire.InlineMax*4/3+4 {
		return nil
	}
	content, err := c.Params.Content()
	if err != nil {
		return invalidCommand("params: " + err.Error())
	}
	size, err := m.Blobs.Put(c.ID, partParams, strings.NewReader(string(content)), int64(len(content)), func(commit func() error) error { return commit() })
	if err != nil {
		return m.blobError(err)
	}
	params := wire.StoredBody(size)
	c.Params, c.Blobs = &params, true
	return nil
}

func (m *Manager) commandStatus(w http.ResponseWriter, r *http.Request, who caller) error {
	id := r.PathValue("commandId")
	c, err := m.readable(r, who, id)
	if err != nil {
		return err
	}
	if !c.State.Terminal() {
		hold, done := m.hold(w, r)
		defer done()
		if hold != nil {
			err = m.until(hold, overKey(id), false, m.whileValid(r, who, func() (bool, error) {
				c, err = m.readable(r, who, id)
				return c.State.Terminal(), err
			}))
			if err != nil {
				return err
			}
		}
	}
	return answer(w, http.StatusOK, m.status(r, c))
}

// readable reads a command that the caller may read, and expires it where its deadline has come.
func (m *Manager) readable(r *http.Request, who caller, id string) (store.Command, error) {
	c, err := m.Store.Command(r.Context(), id)
	if err != nil {
		return c, commandNotFound(err, id)
	}
	if err := who.check(read, c.Deployment, c.Target); err != nil {
		return c, err
	}
	if now, copy := m.Now(), c.Life; copy.Expire(now) {
		if _, err := m.expireOne(r.Context(), id, now); err != nil {
			return c, commandNotFound(err, id)
		}
		c, err = m.Store.Command(r.Context(), id)
	}
	return c, commandNotFound(err, id)
}

// status is what senders see: a response only where the state says that there is one, and what is stored with a fresh URL.
func (m *Manager) status(r *http.Request, c store.Command) wire.StatusResponse {
	s := wire.StatusResponse{CommandID: c.ID, State: c.State, Attempt: c.Attempt, Target: c.Target}
	if c.State == wire.Succeeded || c.State == wire.Failed {
		s.Response = c.Response
	}
	if s.Response != nil && s.Response.Body.Mode == wire.Storage && s.Response.Body.PutUsed && s.Response.Body.Get == nil {
		filled := *s.Response
		get := m.signer.blob(wire.Get, m.base(r), c.ID, partResponse, m.Now().Add(wire.TransferTTL))
		filled.Body.Get = &get
		s.Response = &filled
	}
	return s
}

func (m *Manager) uploadComplete(w http.ResponseWriter, r *http.Request, who caller) error {
	id := r.PathValue("commandId")
	var request wire.UploadCompleteRequest
	if err := m.readBody(w, r, &request); err != nil {
		return err
	}
	c, err := m.Store.Change(r.Context(), id, func(c *store.Command) error {
		if err := who.check(create, c.Deployment, c.Target); err != nil {
			return err
		}
		params := wire.StoredBody(request.Size)
		c.Params = &params
		return c.Uploaded()
	})
	if err != nil {
		return transition(commandNotFound(err, id), c, "complete the upload")
	}
	m.waits.wakeOne(queueKey(c.Deployment, c.Target.ResourceID))
	return answer(w, http.StatusOK, wire.UploadCompleteResponse{CommandID: id, State: c.State})
}

func transition(err error, c store.Command, what string) error {
	if errors.Is(err, state.ErrTransition) {
		return wire.NewError(wire.InvalidStateTransition, fmt.Sprintf("Cannot %s of a command that is %s", what, c.State), "command_id", c.ID, "state", c.State)
	}
	return err
}

func (m *Manager) submitResponse(w http.ResponseWriter, r *http.Request, _ caller) error {
	id := r.PathValue("commandId")
	who, err := m.responder(r, id)
	if err != nil {
		return err
	}
	var response wire.Response
	if err := m.readBody(w, r, &response); err != nil {
		return err
	}
	counts := false
	c, err := m.Store.Change(r.Context(), id, func(c *store.Command) error {
		err := who.check(execute, c.Deployment, c.Target)
		if err != nil {
			return err
		}
		if counts, err = c.Respond(response.State()); counts {
			c.Response, c.Finished, c.ErrorCode = &response, m.Now(), response.Code
		}
		return err
	})
	if err != nil {
		return transition(commandNotFound(err, id), c, "take the response")
	}
	if counts {
		m.over(c)
		m.Log.Debug("command answered", "command", id, "state", c.State, "attempt", c.Attempt)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// responder is who submits a response: the holder of the token in the header, which decides alone where there is one, or of
// the signed URL.
func (m *Manager) responder(r *http.Request, id string) (caller, error) {
	if _, ok := r.Header["Authorization"]; ok {
		return m.authenticate(r)
	}
	query := r.URL.Query()
	if !query.Has(wire.QueryResponseToken) || !query.Has(wire.QueryExpires) {
		return caller{}, wire.NewError(wire.Unauthorized, "Send a token, or use the URL of the envelope")
	}
	expires, err := strconv.ParseInt(query.Get(wire.QueryExpires), 10, 64)
	if err != nil {
		return caller{}, rejection{http.StatusBadRequest, "expires is not a number"}
	}
	if !m.signer.validResponse(id, query.Get(wire.QueryResponseToken), expires, m.Now()) {
		return caller{}, wire.NewError(wire.Unauthorized, "The response URL is wrong or has expired")
	}
	return caller{signed: true}, nil
}

func (m *Manager) payload(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := m.readable(r, who, r.PathValue("commandId"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, wire.PayloadResponse{CommandID: c.ID, Params: c.Params, Response: c.Response})
}

// storePayload replaces what is stored; never the result of a command that is over.
func (m *Manager) storePayload(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return err
	}
	id := r.PathValue("commandId")
	var request wire.StorePayloadRequest
	if err := m.readBody(w, r, &request); err != nil {
		return err
	}
	c, err := m.Store.Change(r.Context(), id, func(c *store.Command) error {
		if c.State.Terminal() {
			return state.ErrTransition
		}
		c.Params, c.Response = cmp.Or(request.Params, c.Params), cmp.Or(request.Response, c.Response)
		return nil
	})
	if err != nil {
		return transition(commandNotFound(err, id), c, "store the payload")
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

const listMax = 1000

func (m *Manager) listCommands(w http.ResponseWriter, r *http.Request, who caller) error {
	query := r.URL.Query()
	deployment, limit := query.Get(api.QueryDeployment), 100
	if err := who.check(read, deployment, wire.Target{}); err != nil {
		return err
	}
	if _, err := m.Store.Deployment(r.Context(), deployment); err != nil {
		return deploymentNotFound(err, deployment)
	}
	if asked := query.Get(api.QueryLimit); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			return wire.NewError(wire.InvalidInput, "limit is not a number from 1")
		}
		limit = min(n, listMax)
	}
	found, err := m.Store.List(r.Context(), deployment, wire.State(query.Get(api.QueryState)), limit)
	if err != nil {
		return err
	}
	list := api.Commands{Commands: []api.Command{}}
	for _, c := range found {
		list.Commands = append(list.Commands, api.Command{
			CommandID: c.ID, DeploymentID: c.Deployment, Command: c.Name, State: c.State, Attempt: c.Attempt, Target: c.Target,
			CreatedAt: wire.Time{Time: c.Created}, FinishedAt: wire.Time{Time: c.Finished}, Deadline: wire.Time{Time: c.Deadline}, ErrorCode: c.ErrorCode,
		})
	}
	return answer(w, http.StatusOK, list)
}
