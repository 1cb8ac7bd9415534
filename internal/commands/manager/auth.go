package manager

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// right is what a request wants to do.
type right string

const (
	create     right = "create commands"
	read       right = "read commands"
	receive    right = "lease commands"
	execute    right = "answer commands"
	administer right = "administer"
)

// caller is who makes a request: the holder of a token, or of a signed URL for one command.
type caller struct {
	token  store.Token
	signed bool
	seen   uint64 // the revocations before the token was looked at
}

// may says whether the caller has a right on a target of a deployment.
func (c caller) may(what right, deployment string, target wire.Target) bool {
	if target.ResourceID == wire.Operator && what == create {
		return false // takes a capability that this manager does not mint
	}
	if c.signed {
		return what == execute
	}
	own := c.token.DeploymentID == deployment
	switch c.token.Kind {
	case api.Admin:
		return true
	case api.Sender:
		return own && (what == create || what == read)
	case api.Receiver:
		return own && (what == receive || what == execute) && target == wire.Target{ResourceID: c.token.TargetResourceID, ResourceType: wire.Daemon}
	}
	return false
}

func (c caller) forbidden(what right) error {
	return wire.NewError(wire.Forbidden, fmt.Sprintf("This %s token may not %s here", c.token.Kind, what))
}

// check is may as an error.
func (c caller) check(what right, deployment string, target wire.Target) error {
	if !c.may(what, deployment, target) {
		return c.forbidden(what)
	}
	return nil
}

// authenticate finds out who makes a request, by its Authorization header, and lets nobody make too many.
func (m *Manager) authenticate(r *http.Request) (caller, error) {
	who, err := m.identify(r)
	if err == nil && !m.rates.allow(who.token.ID) {
		err = wire.NewError(wire.TooMany, "Too many requests with this token; try again later")
	}
	return who, err
}

func (m *Manager) identify(r *http.Request) (caller, error) {
	secret, ok := bearer(r)
	if !ok {
		return caller{}, wire.NewError(wire.Unauthorized, "Send a token: Authorization: Bearer TOKEN")
	}
	seen, hash := m.revocations.Load(), hashOf(secret)
	token, err := m.Store.TokenOf(r.Context(), hash)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return caller{}, err
	}
	if err != nil || !works(token, hash, m.Now()) {
		return caller{}, wire.NewError(wire.Unauthorized, "The token is not known, is revoked or has expired")
	}
	return caller{token: token, seen: seen}, nil
}

// whileValid looks on behalf of a caller for as long as its token is valid: a request may be held for longer than that.
func (m *Manager) whileValid(r *http.Request, who caller, look func() (bool, error)) func() (bool, error) {
	return func() (bool, error) {
		if who.seen != m.revocations.Load() {
			var err error
			if who, err = m.identify(r); err != nil {
				return false, err
			}
		}
		return look()
	}
}

// revoked has the requests that are held for a deployment's daemons look whether their tokens are still valid.
func (m *Manager) revoked(deployment string) {
	m.revocations.Add(1)
	m.waits.wakeBelow(queueKey(deployment, ""))
}

// bearer is the token of a request; with the scheme Basic it is the password.
func bearer(r *http.Request) (string, bool) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token, token != ""
	}
	_, password, ok := r.BasicAuth()
	return password, ok && password != ""
}

func works(t store.Token, hash string, now time.Time) bool {
	if !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt.Time) {
		return false
	}
	current := subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hash)) == 1
	old := subtle.ConstantTimeCompare([]byte(t.OldHash), []byte(hash)) == 1
	return current || old && now.Before(t.OldUntil)
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

var prefixes = map[api.Kind]string{api.Admin: api.PrefixAdmin, api.Sender: api.PrefixSender, api.Receiver: api.PrefixReceiver}

// newSecret is a token's prefix and 160 random bits.
func newSecret(kind api.Kind) string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // it never fails
	return prefixes[kind] + hex.EncodeToString(b)
}

// FirstAdmin mints an admin token where there is none, and gives its secret; "" where there is one. keep gets the secret before
// the token exists, so that none exists whose secret is lost.
func FirstAdmin(ctx context.Context, s store.Store, now time.Time, keep func(secret string) error) (string, error) {
	tokens, err := s.Tokens(ctx, "")
	if err != nil || slices.ContainsFunc(tokens, func(t store.Token) bool { return t.Kind == api.Admin }) {
		return "", err
	}
	secret := newSecret(api.Admin)
	if err := keep(secret); err != nil {
		return "", err
	}
	token := api.Token{ID: newID("tok_", now), Kind: api.Admin, Name: "made at the first start", CreatedAt: wire.At(now)}
	return secret, s.PutToken(ctx, store.Token{Token: token, Hash: hashOf(secret)})
}

// rates bounds the requests of each token. Only tokens that are known get here, so there are never more than those.
type rates struct {
	perSecond float64
	mu        sync.Mutex
	tokens    map[string]*rate.Limiter
}

func (r *rates) allow(token string) bool {
	if r.perSecond < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens == nil {
		r.tokens = map[string]*rate.Limiter{}
	}
	limiter, ok := r.tokens[token]
	if !ok {
		limiter = rate.NewLimiter(rate.Limit(r.perSecond), max(1, int(2*r.perSecond)))
		r.tokens[token] = limiter
	}
	return limiter.Allow()
}

func (r *rates) forget(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tokens, token)
}
