// Package login finds the logins to registries that the user has on this machine.
package login

import (
	"fmt"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
)

// hubKey is the name that logins to Docker Hub are stored under.
const hubKey = "https://index.docker.io/v1/"

// Store finds the user's registry logins in the Docker configuration and its credential helpers.
type Store struct {
	dir string

	mu   sync.Mutex
	file *configfile.ConfigFile
}

// New reads the Docker configuration of a directory when it is first asked.
func New(dir string) *Store { return &Store{dir: dir} }

// For gives the login to the registry of that host; empty is anonymous. Where it cannot be found out, as with a broken
// credential helper, the error says why, and going on without one is right: most images are public.
func (l *Store) For(host string) (types.AuthConfig, error) {
	file, err := l.load()
	if err != nil {
		return types.AuthConfig{}, err
	}
	key := host
	if host == "docker.io" {
		key = hubKey
	}
	auth, err := file.GetAuthConfig(key)
	if err != nil {
		return types.AuthConfig{}, fmt.Errorf("cannot get the login for %s: %w", host, err)
	}
	return auth, nil
}

// Authenticator is For, for talking to the registry from here.
func (l *Store) Authenticator(host string) (authn.Authenticator, error) {
	auth, err := l.For(host)
	if auth == (types.AuthConfig{}) {
		return authn.Anonymous, err
	}
	return authn.FromConfig(authn.AuthConfig{
		Username:      auth.Username,
		Password:      auth.Password,
		Auth:          auth.Auth,
		IdentityToken: auth.IdentityToken,
		RegistryToken: auth.RegistryToken,
	}), err
}

// load reads the configuration once. Without any login in it the system's own store is used if its helper is installed.
func (l *Store) load() (*configfile.ConfigFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return l.file, nil
	}
	file, err := config.Load(l.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the Docker configuration: %w", err)
	}
	if !file.ContainsAuth() {
		file.CredentialsStore = credentials.DetectDefaultStore(file.CredentialsStore)
	}
	l.file = file
	return file, nil
}
