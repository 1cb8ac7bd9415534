package image

import (
	"fmt"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/docker/api/types/registry"
)

// hubKey is the name that logins to Docker Hub are stored under.
const hubKey = "https://index.docker.io/v1/"

// login finds the user's registry logins in the Docker configuration and its credential helpers.
type login struct {
	dir string

	mu   sync.Mutex
	file *configfile.ConfigFile
}

// header gives what authorises a request to the registry of that host, as the engine wants it. Where the login cannot
// be found out, as with a broken credential helper, it gives the reason and an anonymous header: most images are public.
func (l *login) header(host string) (string, error) {
	file, err := l.load()
	if err != nil {
		return "", err
	}
	key := host
	if host == "docker.io" {
		key = hubKey
	}
	auth, err := file.GetAuthConfig(key)
	if err != nil {
		return "", fmt.Errorf("cannot get the login for %s: %w", host, err)
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username:      auth.Username,
		Password:      auth.Password,
		Auth:          auth.Auth,
		ServerAddress: auth.ServerAddress,
		IdentityToken: auth.IdentityToken,
		RegistryToken: auth.RegistryToken,
	})
}

// load reads the configuration once. Without any login in it the system's own store is used if its helper is installed.
func (l *login) load() (*configfile.ConfigFile, error) {
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
