package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// platform is what an image is made for; empty fields are unknown.
type platform struct{ os, arch, variant string }

func parsePlatform(text string) platform {
	parts := append(strings.Split(strings.ToLower(text), "/"), "", "", "")
	return platform{parts[0], parts[1], parts[2]}
}

func (p platform) String() string {
	return strings.TrimRight(p.os+"/"+p.arch+"/"+p.variant, "/")
}

// runs says whether an engine of platform p runs images of platform image. Processors also run their 32-bit
// predecessor's programs; variants are left to the engine.
func (p platform) runs(image platform) bool {
	if image.os != "" && image.os != p.os {
		return false
	}
	older := map[string]string{"amd64": "386", "arm64": "arm"}
	return image.arch == "" || image.arch == p.arch || image.arch == older[p.arch]
}

// wanted is the platform that images are to be made for: what DOCKER_DEFAULT_PLATFORM says, as with the docker command
// (on engines that emulate processors), else the engine's own, which is asked once.
func (s *Store) wanted(ctx context.Context) (platform, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host != nil {
		return *s.host, nil
	}
	if text := s.defaultPlatform(); text != "" {
		p := parsePlatform(text)
		s.host = &p
		return p, nil
	}
	v, err := s.api.ServerVersion(ctx)
	if err != nil {
		return platform{}, s.trouble(ctx, err, "cannot ask the engine for its platform")
	}
	s.host = &platform{os: v.Os, arch: v.Arch}
	return *s.host, nil
}

func (s *Store) defaultPlatform() string {
	text, _ := s.lookupEnv("DOCKER_DEFAULT_PLATFORM")
	return text
}

// fits refuses an image that the engine cannot run: it would start and die with "exec format error".
func (s *Store) fits(ctx context.Context, name string, image platform) error {
	host, err := s.wanted(ctx)
	if err != nil || host.runs(image) {
		return err
	}
	return mismatch(name, image.String(), host)
}

func mismatch(name, made string, host platform) error {
	return &deploy.Problem{
		Reason:  deploy.ImagePlatform,
		Message: fmt.Sprintf("image %s is made for %s, and the engine runs %s", name, made, host),
		Hint:    fmt.Sprintf("build it for %s, or set DOCKER_DEFAULT_PLATFORM where the engine emulates other processors", host),
	}
}
