package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Repository is where a reference leads at its registry, with a login.
type Repository struct {
	ref    name.Reference
	puller *remote.Puller
}

// Connect prepares requests; nothing is sent yet. Trying again is the caller's to do, and to tell of.
func Connect(ref Reference, login authn.Authenticator) (*Repository, error) {
	target, err := name.ParseReference(ref.Named.String())
	if err != nil {
		return nil, &deploy.Problem{Reason: deploy.ImageInvalid, Message: "cannot read image reference " + ref.Text, Err: err}
	}
	puller, err := remote.NewPuller(
		remote.WithAuth(login),
		remote.WithTransport(careful{remote.DefaultTransport, target.Context().RegistryStr()}),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes(),
		remote.WithUserAgent("alien"),
	)
	if err != nil {
		return nil, err
	}
	return &Repository{target, puller}, nil
}

// Get fetches what the reference leads to: an image's manifest, or an index.
func (r *Repository) Get(ctx context.Context) (*remote.Descriptor, error) {
	return r.puller.Get(ctx, r.ref)
}

// Manifest fetches the manifest of that digest.
func (r *Repository) Manifest(ctx context.Context, digest v1.Hash) (*remote.Descriptor, error) {
	return r.puller.Get(ctx, r.ref.Context().Digest(digest.String()))
}

// Blob gives the content of that digest, which is fetched when it is read.
func (r *Repository) Blob(ctx context.Context, digest v1.Hash) (v1.Layer, error) {
	return r.puller.Layer(ctx, r.ref.Context().Digest(digest.String()))
}

// Digest asks what the reference stands for now. Not every registry answers the shorter question.
func (r *Repository) Digest(ctx context.Context) (string, error) {
	desc, err := r.puller.Head(ctx, r.ref)
	if err == nil {
		return desc.Digest.String(), nil
	}
	full, err := r.Get(ctx)
	if err != nil {
		return "", err
	}
	return full.Digest.String(), nil
}

// Ask asks the registry for the digest of a reference, and waits for the answer as long as patience lasts. loginErr is
// why there is no login, if that went wrong. Where the registry does not tell, the error is a *deploy.Problem.
func (h Host) Ask(ctx context.Context, ref Reference, login authn.Authenticator, loginErr error, patience time.Duration) (string, error) {
	from, err := Connect(ref, login)
	if err != nil {
		return "", err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	digest, err := from.Digest(asking)
	if err == nil || ctx.Err() != nil {
		return digest, ctx.Err()
	}
	why := h.Classify(ref, Said(err)).Problem(ref, loginErr)
	return "", Unanswered(ref, asking.Err() != nil, patience, why)
}

// careful speaks plain HTTP only to registries on this machine, as Docker does: a login would be open to read otherwise.
// Its errors are told in words alone, which keeps go-containerregistry from trying again by itself.
type careful struct {
	inner    http.RoundTripper
	registry string
}

// RoundTrip sends a request.
func (c careful) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && req.URL.Host == c.registry && !loopback(c.registry) {
		return nil, errors.New("plain HTTP is for registries on this machine only")
	}
	answer, err := c.inner.RoundTrip(req)
	if err != nil {
		return nil, errors.New(err.Error())
	}
	return answer, nil
}

func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Said adds the status to what a registry said: its words alone do not always tell.
func Said(err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("%w (HTTP %d)", err, answer.StatusCode)
	}
	return err
}
