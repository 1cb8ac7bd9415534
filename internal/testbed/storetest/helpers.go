package storetest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

// Push puts an image into a registry, which does not count as a request, and gives its reference.
func Push(t testing.TB, r *testbed.RegistryServer, repository string, img v1.Image) string {
	t.Helper()
	ref := r.Host + "/" + repository
	tag, err := name.NewTag(ref)
	must(t, err)
	must(t, remote.Write(tag, img))
	r.Forget()
	return ref
}

// Want is a workload of an image.
func Want(ref string, policy manifest.PullPolicy) workload.Workload {
	return workload.Workload{Stack: "s", Daemon: "d", Image: ref, PullPolicy: policy}
}

// Verdict checks that err is a problem with that reason, and gives its text.
func Verdict(t testing.TB, err error, reason deploy.Reason) string {
	t.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != reason {
		t.Fatalf("got %v; want a problem %s", err, reason)
	}
	return p.Error() + "; " + p.Hint
}

// Login is a directory with Docker's configuration, in which a user is logged in.
func Login(t testing.TB, host, user, password string) string {
	t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return Config(t, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth))
}

// Config is a directory with Docker's configuration.
func Config(t testing.TB, content string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600))
	return dir
}

// Attempts counts how often a pull began: with a ping of the registry.
func Attempts(r *testbed.RegistryServer) int {
	n := 0
	for _, request := range r.Requests() {
		if request == "GET /v2/" {
			n++
		}
	}
	return n
}

// Heard collects progress.
type Heard struct {
	mu  sync.Mutex
	all []deploy.Progress
}

// Hear takes progress, from any goroutine.
func (h *Heard) Hear(p deploy.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, p)
}

// Details are the words that were heard, a line each.
func (h *Heard) Details() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, p := range h.all {
		b.WriteString(p.Detail + "\n")
	}
	return b.String()
}

// Last is what was heard last, and whether anything was.
func (h *Heard) Last() (deploy.Progress, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		return deploy.Progress{}, false
	}
	return h.all[len(h.all)-1], true
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
