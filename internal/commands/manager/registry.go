package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func invalid(format string, args ...any) error {
	return wire.NewError(wire.InvalidInput, fmt.Sprintf(format, args...))
}

func (m *Manager) putDeployment(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return err
	}
	var request api.PutDeployment
	if err := m.readBody(w, r, &request); err != nil {
		return err
	}
	d := store.Deployment{ID: r.PathValue("deploymentId"), Name: request.Name, Created: m.Now(), Daemons: []string{}}
	for _, daemon := range request.Daemons {
		d.Daemons = append(d.Daemons, daemon.ID)
	}
	if err := checkDaemons(d.Daemons); err != nil {
		return err
	}
	d, err := m.Store.PutDeployment(r.Context(), d)
	if err != nil {
		return err
	}
	m.revoked(d.ID) // the tokens of daemons that are no longer in it
	m.Log.Info("deployment registered", "deployment", d.ID, "daemons", d.Daemons)
	return m.answerDeployment(r.Context(), w, d)
}

func checkDaemons(ids []string) error {
	seen := map[string]bool{}
	for _, id := range ids {
		switch {
		case id == "" || strings.Contains(id, ":") || id == wire.Operator:
			return invalid("'%s' is not a daemon's id: it is not empty, has no ':' and is not '%s'", id, wire.Operator)
		case seen[id]:
			return invalid("Daemon '%s' is named twice", id)
		}
		seen[id] = true
	}
	return nil
}

func (m *Manager) answerDeployment(ctx context.Context, w http.ResponseWriter, d store.Deployment) error {
	described, err := m.describe(ctx, d)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, described)
}

// describe is a deployment with what its daemons do now.
func (m *Manager) describe(ctx context.Context, d store.Deployment) (api.Deployment, error) {
	counts, err := m.Store.Counts(ctx, d.ID)
	described := api.Deployment{DeploymentID: d.ID, Name: d.Name, CreatedAt: wire.At(d.Created), ServerTime: wire.At(m.Now()), Daemons: []api.Daemon{}}
	for _, id := range d.Daemons {
		daemon := api.Daemon{ID: id, ResourceType: wire.Daemon, Pending: counts[id].Pending, InFlight: counts[id].InFlight}
		if last := m.polls.of(d.ID, id); !last.IsZero() {
			daemon.LastPolledAt = wire.At(last)
		}
		described.Daemons = append(described.Daemons, daemon)
	}
	return described, err
}

func (m *Manager) getDeployment(w http.ResponseWriter, r *http.Request, who caller) error {
	id := r.PathValue("deploymentId")
	if err := who.check(read, id, wire.Target{}); err != nil {
		return err
	}
	var since time.Time
	if asked := r.URL.Query().Get(api.QueryPolledSince); asked != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, asked); err != nil {
			return invalid("%s is not a time of RFC 3339", api.QueryPolledSince)
		}
	}
	d, err := m.Store.Deployment(r.Context(), id)
	if err != nil {
		return deploymentNotFound(err, id)
	}
	hold, done := m.hold(w, r)
	defer done()
	if hold != nil && !since.IsZero() {
		err := m.until(hold, polledKey(id), false, m.whileValid(r, who, func() (bool, error) { return m.allPolled(d, since), nil }))
		if err != nil {
			return err
		}
	}
	return m.answerDeployment(r.Context(), w, d)
}

func (m *Manager) allPolled(d store.Deployment, since time.Time) bool {
	for _, id := range d.Daemons {
		if m.polls.of(d.ID, id).Before(since) {
			return false
		}
	}
	return true
}

func (m *Manager) listDeployments(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return err
	}
	all, err := m.Store.Deployments(r.Context())
	list := api.Deployments{Deployments: []api.Deployment{}}
	for _, d := range all {
		described, failed := m.describe(r.Context(), d)
		err = errors.Join(err, failed)
		list.Deployments = append(list.Deployments, described)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, list)
}

func (m *Manager) deleteDeployment(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return err
	}
	id := r.PathValue("deploymentId")
	blobs, err := m.Store.DeleteDeployment(r.Context(), id)
	if err != nil {
		return deploymentNotFound(err, id)
	}
	m.removeBlobs(r.Context(), blobs)
	m.polls.forget(id)
	m.revoked(id)
	m.Log.Info("deployment removed", "deployment", id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (m *Manager) mintToken(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return err
	}
	var request api.MintToken
	if err := m.readBody(w, r, &request); err != nil {
		return err
	}
	now := m.Now()
	if err := m.checkMint(r.Context(), request, now); err != nil {
		return err
	}
	secret := newSecret(request.Kind)
	token := api.Token{
		ID: newID("tok_", now), Kind: request.Kind, DeploymentID: request.DeploymentID, TargetResourceID: request.TargetResourceID,
		Name: request.Name, CreatedAt: wire.At(now), ExpiresAt: request.ExpiresAt,
	}
	if err := m.Store.PutToken(r.Context(), store.Token{Token: token, Hash: hashOf(secret)}); err != nil {
		return deploymentNotFound(err, request.DeploymentID)
	}
	m.Log.Info("token minted", "token", token.ID, "kind", token.Kind, "deployment", token.DeploymentID, "target", token.TargetResourceID)
	return answer(w, http.StatusCreated, api.MintedToken{Token: token, Secret: secret})
}

func (m *Manager) checkMint(ctx context.Context, request api.MintToken, now time.Time) error {
	refuse := func(message string) error { return wire.NewError(wire.InvalidToken, message) }
	if _, ok := prefixes[request.Kind]; !ok {
		return refuse("kind is admin, sender or receiver")
	}
	if !request.ExpiresAt.IsZero() && !request.ExpiresAt.After(now) {
		return refuse("expiresAt is not in the future")
	}
	if request.Kind == api.Admin {
		if request.DeploymentID != "" || request.TargetResourceID != "" {
			return refuse("An admin token is of no deployment and no daemon")
		}
		return nil
	}
	if request.Kind == api.Sender && request.TargetResourceID != "" {
		return refuse("A sender token is of no single daemon")
	}
	d, err := m.Store.Deployment(ctx, request.DeploymentID)
	if err != nil {
		return deploymentNotFound(err, request.DeploymentID)
	}
	if request.Kind == api.Receiver {
		if _, err := resolve(d, &request.TargetResourceID); err != nil || request.TargetResourceID == wire.Operator {
			return refuse(fmt.Sprintf("'%s' is not a registered daemon of deployment '%s'", request.TargetResourceID, d.ID))
		}
	}
	return nil
}

func (m *Manager) listTokens(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return err
	}
	all, err := m.Store.Tokens(r.Context(), r.URL.Query().Get(api.QueryDeployment))
	if err != nil {
		return err
	}
	list := api.Tokens{Tokens: []api.Token{}}
	for _, t := range all {
		list.Tokens = append(list.Tokens, t.Token)
	}
	return answer(w, http.StatusOK, list)
}

// token is the one that a request names, which only an admin may do.
func (m *Manager) token(r *http.Request, who caller) (store.Token, error) {
	if err := who.check(administer, "", wire.Target{}); err != nil {
		return store.Token{}, err
	}
	id := r.PathValue("tokenId")
	t, err := m.Store.Token(r.Context(), id)
	return t, tokenNotFound(err, id)
}

func tokenNotFound(err error, id string) error {
	return notFound(err, wire.TokenNotFound, "Token", "token_id", id)
}

func (m *Manager) getToken(w http.ResponseWriter, r *http.Request, who caller) error {
	t, err := m.token(r, who)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, t.Token)
}

func (m *Manager) revokeToken(w http.ResponseWriter, r *http.Request, who caller) error {
	t, err := m.token(r, who)
	if err != nil {
		return err
	}
	if err := m.Store.DeleteToken(r.Context(), t.ID); err != nil {
		return tokenNotFound(err, t.ID)
	}
	m.rates.forget(t.ID)
	m.revoked(t.DeploymentID)
	m.Log.Info("token revoked", "token", t.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

const graceMax = 24 * 60 * 60 // seconds

func (m *Manager) rotateToken(w http.ResponseWriter, r *http.Request, who caller) error {
	t, err := m.token(r, who)
	if err != nil {
		return err
	}
	var request api.RotateToken
	if r.ContentLength != 0 {
		if err := m.readBody(w, r, &request); err != nil {
			return err
		}
	}
	now, grace := m.Now(), int64(0)
	if request.GraceSeconds != nil {
		grace = *request.GraceSeconds
	}
	if grace > graceMax {
		return invalid("graceSeconds is more than %d", graceMax)
	}
	secret := newSecret(t.Kind)
	t.OldHash, t.OldUntil = t.Hash, now.Add(time.Duration(grace)*time.Second)
	t.Hash, t.RotatedAt = hashOf(secret), wire.At(now)
	if err := m.Store.PutToken(r.Context(), t); err != nil {
		return tokenNotFound(err, t.ID)
	}
	m.revoked(t.DeploymentID)
	m.Log.Info("token rotated", "token", t.ID)
	return answer(w, http.StatusOK, api.MintedToken{Token: t.Token, Secret: secret})
}
