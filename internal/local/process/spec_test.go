package process

import (
	"reflect"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// TestSpec: what the image says holds where the manifest says nothing.
func TestSpec(t *testing.T) {
	img := rootfs.Image{ID: "sha256:id", Digest: "sha256:digest", Root: "/root", Config: v1.Config{
		Entrypoint: []string{"/entry"}, Cmd: []string{"arg"}, Env: []string{"A=1", "B=2"}, User: "app", WorkingDir: "/work",
	}}
	plain := sandbox.Spec{Name: "edge-api", Root: "/root", Args: []string{"/entry", "arg"}, Env: []string{usualPath, "A=1", "B=2"},
		WorkDir: "/work", User: "app"}
	for _, c := range []struct {
		name   string
		change func(*workload.Workload, *sandbox.Spec)
	}{
		{"image alone", func(*workload.Workload, *sandbox.Spec) {}},
		{"command replaces both", func(w *workload.Workload, s *sandbox.Spec) {
			w.Command, s.Args = []string{"/x"}, []string{"/x"}
		}},
		{"user", func(w *workload.Workload, s *sandbox.Spec) { w.User, s.User = "1:2", "1:2" }},
		{"environment over the image's", func(w *workload.Workload, s *sandbox.Spec) {
			w.Env = []manifest.Env{{Name: "B", Value: manifest.Secret("b", "")}, {Name: "PATH", Value: manifest.Plain("/p")}, {Name: "C", Value: manifest.Plain("")}}
			s.Env = []string{"PATH=/p", "A=1", "B=b", "C="}
		}},
		{"mounts", func(w *workload.Workload, s *sandbox.Spec) {
			w.Binds = []workload.Bind{{Source: "/a", Target: "/b", Options: []string{"ro", "rslave"}}}
			w.Volumes = []workload.Volume{{Resource: "files", Name: "edge-files", Target: "/var/lib/alien/files"}}
			s.Binds = []sandbox.Bind{{Source: "/a", Target: "/b", ReadOnly: true, Propagation: "rslave"},
				{Source: "/state/data/edge/files", Target: "/var/lib/alien/files", Own: true}}
		}},
		{"limits and options", func(w *workload.Workload, s *sandbox.Spec) {
			w.CPULimit, w.MemoryLimit, w.Init, w.HostPID = 500, 1<<20, true, true
			s.CPULimit, s.MemoryLimit, s.Init, s.HostPID = 500, 1<<20, true, true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, want := workload.Workload{Stack: "edge", Daemon: "api", StopGrace: time.Second}, plain
			c.change(&w, &want)
			got, err := newSpec("/state", w, workload.Fingerprint{Hash: "h"}, img, deploy.BeginOptions{})
			if err != nil || !reflect.DeepEqual(got.Sandbox, want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got.Sandbox, want)
			}
			if got.Stack != "edge" || got.Daemon != "api" || got.Grace != time.Second || got.ID == "" {
				t.Errorf("spec: %+v", got)
			}
		})
	}
	_, err := bindsOf("/state", workload.Workload{Binds: []workload.Bind{{Source: "/a", Options: []string{"fast"}}}})
	if err == nil {
		t.Error("an option that nobody knows was accepted")
	}
}

func TestRecord(t *testing.T) {
	w := workload.Workload{Stack: "edge", Daemon: "api", Image: "acme/api:1", Settle: time.Second}
	fp := workload.Fingerprint{Hash: "h", Fields: []workload.Field{{Path: "image", Value: "acme/api:1"}}}
	s, err := newSpec("/state", w, fp, rootfs.Image{ID: "sha256:id", Digest: "sha256:digest"}, deploy.BeginOptions{Key: []byte("key"), Source: "here", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	got := recorded(supervisor.Status{Record: s.Record})
	want := record{Hash: "h", Fields: fp.Fields, Key: []byte("key"), Image: "acme/api:1", ImageID: "sha256:id", Digest: "sha256:digest",
		Source: "here", Version: "1", Settle: time.Second}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, want %+v", got, want)
	}
	if got := recorded(supervisor.Status{Record: []byte("{torn")}); !reflect.DeepEqual(got, record{}) {
		t.Errorf("a torn record tells %+v", got)
	}
}

func TestHealthOf(t *testing.T) {
	image := func(h v1.HealthConfig, shell ...string) v1.Config { return v1.Config{Healthcheck: &h, Shell: shell} }
	for _, c := range []struct {
		name string
		own  *manifest.HealthCheck
		img  v1.Config
		want *supervisor.Health
	}{
		{"none", nil, v1.Config{}, nil},
		{"switched off", nil, image(v1.HealthConfig{Test: []string{"NONE"}}), nil},
		{"image, with defaults", nil, image(v1.HealthConfig{Test: []string{"CMD", "/h", "x"}, Interval: time.Hour}),
			&supervisor.Health{Command: []string{"/h", "x"}, Interval: checkInterval, Timeout: checkTimeout, Threshold: checkRetries}},
		{"image, a shell", nil, image(v1.HealthConfig{Test: []string{"CMD-SHELL", "a | b"}, Timeout: time.Second, Retries: 1, StartPeriod: time.Minute}),
			&supervisor.Health{Command: []string{"/bin/sh", "-c", "a | b"}, Interval: checkInterval, Timeout: time.Second, Threshold: 1, StartPeriod: time.Minute}},
		{"image, its own shell", nil, image(v1.HealthConfig{Test: []string{"CMD-SHELL", "a"}, Timeout: 1, Retries: 1}, "/ash", "-c"),
			&supervisor.Health{Command: []string{"/ash", "-c", "a"}, Interval: checkInterval, Timeout: 1, Threshold: 1}},
		{"manifest over image", &manifest.HealthCheck{Command: []string{"/m"}, Interval: 1, Timeout: 2, FailureThreshold: 3, StartPeriod: 4},
			image(v1.HealthConfig{Test: []string{"CMD", "/h"}}),
			&supervisor.Health{Command: []string{"/m"}, Interval: 1, Timeout: 2, Threshold: 3, StartPeriod: 4}},
	} {
		if got := healthOf(c.own, c.img); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
