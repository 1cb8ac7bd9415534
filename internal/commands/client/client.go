// Package client speaks the manager's own API for the command line: deployments, tokens, the list of commands. Commands
// themselves are sent with the public package commands.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Client talks to one manager. What the manager refuses is a *wire.Error; every other error says that it cannot be reached, or
// does not speak the API.
type Client struct {
	Base string // without /v1
	Key  string // token that authorizes
	HTTP *http.Client
}

// Deployment gives a registered deployment. With a time since it waits, up to wait, until every daemon has asked for commands
// then or later; the answer may come before.
func (c Client) Deployment(ctx context.Context, id string, since time.Time, wait time.Duration) (api.Deployment, error) {
	var d api.Deployment
	query := url.Values{}
	if !since.IsZero() {
		query.Set(api.QueryPolledSince, since.UTC().Format(time.RFC3339Nano))
	}
	err := c.call(ctx, http.MethodGet, path(api.PathDeployment, id)+suffix(query), nil, &d, wait)
	return d, err
}

// Register registers a deployment and its daemons, in place of what was registered under its id.
func (c Client) Register(ctx context.Context, id string, p api.PutDeployment) (api.Deployment, error) {
	var d api.Deployment
	err := c.call(ctx, http.MethodPut, path(api.PathDeployment, id), p, &d, 0)
	return d, err
}

// Mint makes a token; its answer is the only one that holds the secret.
func (c Client) Mint(ctx context.Context, m api.MintToken) (api.MintedToken, error) {
	var t api.MintedToken
	err := c.call(ctx, http.MethodPost, api.PathTokens, m, &t, 0)
	return t, err
}

// Tokens lists the tokens of a deployment, of all deployments where the id is empty.
func (c Client) Tokens(ctx context.Context, deployment string) ([]api.Token, error) {
	query := url.Values{}
	if deployment != "" {
		query.Set(api.QueryDeployment, deployment)
	}
	var t api.Tokens
	err := c.call(ctx, http.MethodGet, api.PathTokens+suffix(query), nil, &t, 0)
	return t.Tokens, err
}

// Rotate gives a token a new secret; the old one works for grace more.
func (c Client) Rotate(ctx context.Context, id string, grace time.Duration) (api.MintedToken, error) {
	seconds := int64(grace.Seconds())
	var t api.MintedToken
	err := c.call(ctx, http.MethodPost, path(api.PathRotate, id), api.RotateToken{GraceSeconds: &seconds}, &t, 0)
	return t, err
}

// Revoke ends a token at once.
func (c Client) Revoke(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, path(api.PathToken, id), nil, nil, 0)
}

// Commands lists the newest commands of a deployment; an empty state is every state, a limit of 0 the manager's own.
func (c Client) Commands(ctx context.Context, deployment, state string, limit int) (api.Commands, error) {
	query := url.Values{api.QueryDeployment: {deployment}}
	if state != "" {
		query.Set(api.QueryState, state)
	}
	if limit > 0 {
		query.Set(api.QueryLimit, strconv.Itoa(limit))
	}
	var l api.Commands
	err := c.call(ctx, http.MethodGet, wire.PathCommands+suffix(query), nil, &l, 0)
	return l, err
}

// path fills in the one part of a pattern that is in braces.
func path(pattern, id string) string {
	before, rest, _ := strings.Cut(pattern, "{")
	_, after, _ := strings.Cut(rest, "}")
	return before + url.PathEscape(id) + after
}

func suffix(query url.Values) string {
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// call makes one request. answer may be nil.
func (c Client) call(ctx context.Context, method, path string, message, answer any, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, outbound.RequestTimeout)
	defer cancel()
	var text []byte
	if message != nil {
		var err error
		if text, err = json.Marshal(message); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.Base, "/")+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.Key)
	if message != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	outbound.Prefer(request.Header, wait)
	response, err := c.HTTP.Do(request)
	if err != nil {
		return fmt.Errorf("cannot reach the manager at %s: %w", outbound.Redact(c.Base), outbound.Bare(err))
	}
	defer response.Body.Close()
	body, err := outbound.ReadAll(response.Body, outbound.MaxAnswer)
	switch {
	case err != nil:
		return fmt.Errorf("cannot read what the manager at %s answers: %w", outbound.Redact(c.Base), err)
	case response.StatusCode/100 != 2:
		return wire.ReadError(response.StatusCode, body)
	case answer == nil:
		return nil
	}
	if err := wire.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("what answers at %s is not a manager of this kind: %w", outbound.Redact(c.Base), err)
	}
	return nil
}
