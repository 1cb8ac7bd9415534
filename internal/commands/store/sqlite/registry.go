package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/alienplatform/alien-go/internal/commands/store"
)

// registry is deployments and tokens in memory, as they are in the file.
type registry struct {
	mu          sync.RWMutex
	deployments map[string]store.Deployment
	tokens      map[string]store.Token
	hashes      map[string]string // to token ids
}

func (r *registry) load(c conn) error {
	r.deployments, r.tokens, r.hashes = map[string]store.Deployment{}, map[string]store.Token{}, map[string]string{}
	deployments, err := all(c, scanDeployment, "SELECT id, name, created, daemons FROM deployments")
	if err != nil {
		return err
	}
	for _, d := range deployments {
		r.deployments[d.ID] = d
	}
	tokens, err := all(c, scanToken, "SELECT json FROM tokens")
	for _, t := range tokens {
		r.keep(t)
	}
	return err
}

func scanDeployment(r *row) (store.Deployment, error) {
	d := store.Deployment{ID: r.text(), Name: r.text(), Created: fromMillis(r.int())}
	return d, json.Unmarshal(r.bytes(), &d.Daemons)
}

func scanToken(r *row) (t store.Token, err error) { return t, json.Unmarshal(r.bytes(), &t) }

func (r *registry) keep(t store.Token) {
	r.forget(t.ID)
	r.tokens[t.ID] = t
	r.hashes[t.Hash] = t.ID
	if t.OldHash != "" {
		r.hashes[t.OldHash] = t.ID
	}
}

func (r *registry) forget(id string) {
	if t, ok := r.tokens[id]; ok {
		delete(r.hashes, t.Hash)
		delete(r.hashes, t.OldHash)
		delete(r.tokens, id)
	}
}

// afterwards does f with the registry locked, once the transaction is durable.
func (s *Store) afterwards(t *tx, f func()) {
	t.after = append(t.after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	})
}

// PutDeployment implements store.Store.
func (s *Store) PutDeployment(ctx context.Context, d store.Deployment) (store.Deployment, error) {
	err := s.writeAlone(ctx, func(t *tx) error {
		if existing, err := s.Deployment(ctx, d.ID); err == nil {
			d.Created = existing.Created
		}
		daemons, err := json.Marshal(d.Daemons)
		if err != nil {
			return err
		}
		if err := t.exec(putDeployment, d.ID, d.Name, millis(d.Created), string(daemons)); err != nil {
			return err
		}
		s.afterwards(t, func() { s.deployments[d.ID] = d })
		return s.deleteTokens(t, func(token store.Token) bool {
			return token.DeploymentID == d.ID && token.TargetResourceID != "" && !slices.Contains(d.Daemons, token.TargetResourceID)
		})
	})
	return d, err
}

func (s *Store) deleteTokens(t *tx, which func(store.Token) bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, token := range s.tokens {
		if !which(token) {
			continue
		}
		if err := t.exec(deleteToken, id); err != nil {
			return err
		}
		s.afterwards(t, func() { s.forget(id) })
	}
	return nil
}

// Deployment implements store.Store.
func (r *registry) Deployment(_ context.Context, id string) (store.Deployment, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return found(r.deployments, id)
}

func found[T any](m map[string]T, id string) (T, error) {
	v, ok := m[id]
	if !ok {
		return v, store.ErrNotFound
	}
	return v, nil
}

// Deployments implements store.Store.
func (r *registry) Deployments(context.Context) ([]store.Deployment, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.SortedFunc(maps.Values(r.deployments), func(a, b store.Deployment) int { return strings.Compare(a.ID, b.ID) }), nil
}

// DeleteDeployment implements store.Store.
func (s *Store) DeleteDeployment(ctx context.Context, id string) (blobs []string, err error) {
	err = s.writeAlone(ctx, func(t *tx) error {
		if _, err := s.Deployment(ctx, id); err != nil {
			return refused{err}
		}
		var err error
		blobs, err = all(t.conn, text, withBlobs, id)
		if err != nil {
			return err
		}
		for _, query := range []string{removeBodiesOf, removeOf, removeKeysOf, deletePolls, deleteDeployment} {
			if err := t.exec(query, id); err != nil {
				return err
			}
		}
		s.afterwards(t, func() { delete(s.deployments, id) })
		return s.deleteTokens(t, func(token store.Token) bool { return token.DeploymentID == id })
	})
	return blobs, err
}

// PutToken implements store.Store.
func (s *Store) PutToken(ctx context.Context, token store.Token) error {
	text, err := json.Marshal(token)
	if err != nil {
		return err
	}
	return s.writeAlone(ctx, func(t *tx) error {
		if token.DeploymentID != "" { // it may have gone since the token was made
			if _, err := s.Deployment(ctx, token.DeploymentID); err != nil {
				return refused{err}
			}
		}
		s.afterwards(t, func() { s.keep(token) })
		return t.exec(putToken, token.ID, string(text))
	})
}

// Token implements store.Store.
func (r *registry) Token(_ context.Context, id string) (store.Token, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return found(r.tokens, id)
}

// TokenOf implements store.Store.
func (r *registry) TokenOf(_ context.Context, hash string) (store.Token, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id, err := found(r.hashes, hash)
	if err != nil {
		return store.Token{}, err
	}
	return found(r.tokens, id)
}

// Tokens implements store.Store.
func (r *registry) Tokens(_ context.Context, deployment string) ([]store.Token, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []store.Token
	for _, t := range r.tokens {
		if deployment == "" || t.DeploymentID == deployment {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b store.Token) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

// DeleteToken implements store.Store.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return s.writeAlone(ctx, func(t *tx) error {
		if _, err := s.Token(ctx, id); err != nil {
			return refused{err}
		}
		s.afterwards(t, func() { s.forget(id) })
		return t.exec(deleteToken, id)
	})
}

// PutPolls implements store.Store.
func (s *Store) PutPolls(ctx context.Context, polls []store.Poll) error {
	return s.write(ctx, func(t *tx) error {
		for _, p := range polls {
			if err := t.exec(putPoll, p.Deployment, p.Target, millis(p.At)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Polls implements store.Store.
func (s *Store) Polls(ctx context.Context) (polls []store.Poll, err error) {
	poll := func(r *row) (store.Poll, error) {
		return store.Poll{Deployment: r.text(), Target: r.text(), At: fromMillis(r.int())}, nil
	}
	err = s.read(ctx, func(c conn) error {
		polls, err = all(c, poll, "SELECT deployment, target, at FROM polls")
		return err
	})
	return polls, err
}
