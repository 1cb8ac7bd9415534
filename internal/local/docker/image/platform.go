package image

import (
	"context"

	"github.com/alienplatform/alien-go/internal/oci"
)

// wanted is the engine, with the platform that images are to be made for: what DOCKER_DEFAULT_PLATFORM says, as with the
// docker command (on engines that emulate processors), else the engine's own, which is asked once.
func (s *Store) wanted(ctx context.Context) (oci.Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host != nil {
		return *s.host, nil
	}
	if text := s.defaultPlatform(); text != "" {
		host := onEngine(oci.ParsePlatform(text))
		s.host = &host
		return host, nil
	}
	v, err := s.api.ServerVersion(ctx)
	if err != nil {
		return oci.Host{}, s.trouble(ctx, err, "cannot ask the engine for its platform")
	}
	host := onEngine(oci.Platform{OS: v.Os, Arch: v.Arch})
	s.host = &host
	return host, nil
}

func (s *Store) defaultPlatform() string {
	text, _ := s.lookupEnv("DOCKER_DEFAULT_PLATFORM")
	return text
}

// fits refuses an image that the engine cannot run: it would start and die with "exec format error".
func (s *Store) fits(ctx context.Context, name string, image oci.Platform) error {
	host, err := s.wanted(ctx)
	if err != nil {
		return err
	}
	return host.Fits(name, image)
}
