package image

import (
	"github.com/docker/docker/api/types/registry"

	"github.com/alienplatform/alien-go/internal/local/login"
)

// header gives what authorises a request to the registry of that host, as the engine wants it; anonymous where the login
// cannot be found out, with the reason.
func header(l *login.Store, host string) (string, error) {
	auth, err := l.For(host)
	if err != nil {
		return "", err
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
