package rootfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/alienplatform/alien-go/internal/local/oci"
)

// repository is where a reference leads at its registry, with a login.
type repository struct {
	ref    name.Reference
	puller *remote.Puller
}

// connect prepares requests; nothing is sent yet. Trying again is ours to do, and to tell of.
func connect(ref oci.Reference, login types.AuthConfig) (*repository, error) {
	target, err := name.ParseReference(ref.Named.String())
	if err != nil {
		return nil, wrong("its reference cannot be read: %v", err)
	}
	puller, err := remote.NewPuller(
		remote.WithAuth(authenticator(login)),
		remote.WithTransport(careful{remote.DefaultTransport, target.Context().RegistryStr()}),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes(),
		remote.WithUserAgent("alien"),
	)
	if err != nil {
		return nil, err
	}
	return &repository{target, puller}, nil
}

func authenticator(login types.AuthConfig) authn.Authenticator {
	if login == (types.AuthConfig{}) {
		return authn.Anonymous
	}
	return authn.FromConfig(authn.AuthConfig{
		Username:      login.Username,
		Password:      login.Password,
		Auth:          login.Auth,
		IdentityToken: login.IdentityToken,
		RegistryToken: login.RegistryToken,
	})
}

func (r *repository) manifest(ctx context.Context, digest v1.Hash) (*remote.Descriptor, error) {
	return r.puller.Get(ctx, r.ref.Context().Digest(digest.String()))
}

func (r *repository) blob(ctx context.Context, digest v1.Hash) (v1.Layer, error) {
	return r.puller.Layer(ctx, r.ref.Context().Digest(digest.String()))
}

// digest asks what the reference stands for now. Not every registry answers the shorter question.
func (r *repository) digest(ctx context.Context) (string, error) {
	desc, err := r.puller.Head(ctx, r.ref)
	if err == nil {
		return desc.Digest.String(), nil
	}
	full, err := r.puller.Get(ctx, r.ref)
	if err != nil {
		return "", err
	}
	return full.Digest.String(), nil
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

// said adds the status to what a registry said: its words alone do not always tell.
func said(err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("%w (HTTP %d)", err, answer.StatusCode)
	}
	return err
}
