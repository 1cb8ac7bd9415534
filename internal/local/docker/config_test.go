package docker

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/google/go-cmp/cmp"
	imagespec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/image"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestHostConfig(t *testing.T) {
	tests := map[string]struct {
		w    workload.Workload
		t    traits
		want container.HostConfig
	}{
		"plain": {
			workload.Workload{},
			traits{logDriver: "local", gateway: true},
			container.HostConfig{
				SecurityOpt: []string{"no-new-privileges"},
				ExtraHosts:  []string{"host.docker.internal:host-gateway"},
				LogConfig:   container.LogConfig{Type: "local", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
			},
		},
		"another log driver, no bridge": {workload.Workload{}, traits{}, container.HostConfig{SecurityOpt: []string{"no-new-privileges"}}},
		"host": {
			workload.Workload{Privileged: true, HostPID: true, HostNetwork: true}, traits{gateway: true},
			container.HostConfig{Privileged: true, PidMode: "host", NetworkMode: "host"},
		},
		"limits and mounts": {
			workload.Workload{
				CPULimit: 1500, MemoryLimit: 1 << 20,
				Binds:   []workload.Bind{{Source: "/a", Target: "/b", ReadOnly: true, Options: []string{"rslave"}}},
				Volumes: []workload.Volume{{Resource: "r", Name: "s-r", Target: "/var/lib/alien/r"}},
			}, traits{},
			container.HostConfig{
				SecurityOpt: []string{"no-new-privileges"},
				Resources:   container.Resources{NanoCPUs: 15e8, Memory: 1 << 20, MemorySwap: 1 << 20},
				Mounts: []mount.Mount{
					{Type: mount.TypeBind, Source: "/a", Target: "/b", ReadOnly: true, BindOptions: &mount.BindOptions{Propagation: "rslave"}},
					{Type: mount.TypeVolume, Source: "s-r", Target: "/var/lib/alien/r"},
				},
			},
		},
	}
	for name, test := range tests {
		test.want.RestartPolicy.Name = container.RestartPolicyUnlessStopped
		got, err := hostConfig(test.w, test.t)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	own := &manifest.HealthCheck{Command: []string{"/h"}, Interval: 7 * time.Second, Timeout: time.Second, FailureThreshold: 2, StartPeriod: 9 * time.Second}
	img := func(test ...string) *imagespec.DockerOCIImageConfig {
		c := &imagespec.DockerOCIImageConfig{}
		c.Healthcheck = &imagespec.HealthcheckConfig{Test: test, Interval: time.Hour, Timeout: 4 * time.Second, Retries: 8}
		return c
	}
	ours := &container.HealthConfig{Test: []string{"CMD", "/h"}, Interval: 7 * time.Second, Timeout: time.Second, Retries: 2, StartPeriod: 9 * time.Second}
	images := &container.HealthConfig{Test: []string{"CMD-SHELL", "x"}, Interval: 5 * time.Second, Timeout: 4 * time.Second, Retries: 8}
	tests := map[string]struct {
		manifest *manifest.HealthCheck
		image    *imagespec.DockerOCIImageConfig
		want     *container.HealthConfig
	}{
		"none":               {nil, nil, nil},
		"the manifest's":     {own, img("CMD-SHELL", "x"), ours},
		"the image's":        {nil, img("CMD-SHELL", "x"), images},
		"switched off there": {nil, img("NONE"), nil},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, healthcheck(test.manifest, test.image)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	w := workload.Workload{Health: own, StopGrace: 1500 * time.Millisecond}
	if c := containerConfig(w, image.Image{}, traits{quick: true}, nil); c.Healthcheck.StartInterval != startInterval || *c.StopTimeout != 2 {
		t.Errorf("on a newer engine: %+v, stop grace %d", c.Healthcheck, *c.StopTimeout)
	}
}

func TestProbeCommand(t *testing.T) {
	check := func(test ...string) *container.Config {
		return &container.Config{Healthcheck: &container.HealthConfig{Test: test}}
	}
	shell := check("CMD-SHELL", "a b")
	shell.Shell = []string{"/bin/ash", "-c"}
	tests := map[string]struct {
		config *container.Config
		want   []string
	}{
		"none":          {&container.Config{}, nil},
		"off":           {check("NONE"), nil},
		"command":       {check("CMD", "/h", "a b"), []string{"/h", "a b"}},
		"shell":         {check("CMD-SHELL", "a b"), []string{"/bin/sh", "-c", "a b"}},
		"another shell": {shell, []string{"/bin/ash", "-c", "a b"}},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, probeCommand(test.config)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRefusalWords(t *testing.T) {
	tests := map[string]deploy.Reason{
		`OCI runtime create failed: exec: "x": executable file not found in $PATH: unknown`:                      deploy.CommandNotFound,
		`unable to start container process: exec: "/nothere": stat /nothere: no such file or directory: unknown`: deploy.CommandNotFound,
		`unable to start container process: exec: "/x": permission denied: unknown`:                              deploy.CommandNotExecutable,
		`exec /x: exec format error`:                                                          deploy.ExecFormat,
		`unable to find user bob: no matching entries in passwd file`:                         deploy.UserUnknown,
		`invalid mount config for type "bind": bind source path does not exist: /nope`:        deploy.MountSourceMissing,
		`No command specified`:                                                                deploy.CommandNotFound,
		`No such image: sha256:0000`:                                                          deploy.ImageNotFound,
		`OCI runtime create failed: runc create failed: unable to apply cgroup configuration`: deploy.ConfigRefused,
		`failed to create endpoint x on network bridge`:                                       "",
	}
	for text, want := range tests {
		var got deploy.Reason
		if p := refusal(errors.New(text)); p != nil {
			got = p.Reason
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		`OCI runtime create failed: exec: "x y": executable file not found in $PATH: unknown`:         `the command x y is not in the image`,
		`container_linux.go:380: exec: "/nothere": stat /nothere: no such file or directory: unknown`: `the command /nothere is not in the image`,
		`exec /x: exec format error: unknown`:                                                         `the command /x is not a program for this machine`,
		`standard_init_linux.go:228: exec user process caused: exec format error`:                     `the command is not a program for this machine`,
		`unable to find user bob: no matching entries in passwd file`:                                 `the user or group bob does not exist in the image`,
		`invalid mount config for type "bind": bind source path does not exist: /no pe`:               `the mounted path /no pe does not exist on the host`,
	} {
		if got := refusal(errors.New(text)); got.Message != want || strings.Contains(want, "the command /") && got.Err != nil {
			t.Errorf("%s: %q (%v), want %q", text, got.Message, got.Err, want)
		}
	}
}

func TestRuntimeSpeaks(t *testing.T) {
	for line, want := range map[string]bool{
		"exec /bad-format: exec format error":                                     true,
		"exec /script: no such file or directory":                                 true,
		`standard_init_linux.go:228: exec user process caused: exec format error`: true,
		"cannot open config: no such file or directory":                           false,
		"exec of the plan: invalid":                                               false,
	} {
		if got := runtimeSpeaks(line) != nil; got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestDelay(t *testing.T) {
	tests := []struct {
		n    int
		ran  time.Duration
		want time.Duration
	}{
		{1, time.Second, 100 * time.Millisecond}, {2, 0, 200 * time.Millisecond}, {10, 0, 51200 * time.Millisecond},
		{11, 0, time.Minute}, {5000, 0, time.Minute}, {7, 10 * time.Second, 100 * time.Millisecond}, {0, 0, 100 * time.Millisecond},
	}
	for _, test := range tests {
		if got := delay(test.n, test.ran); got != test.want {
			t.Errorf("delay(%d, %v) = %v, want %v", test.n, test.ran, got, test.want)
		}
	}
}

func TestExitSignals(t *testing.T) {
	for code, want := range map[int]string{0: "", 1: "", 128: "", 130: "SIGINT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM", 255: ""} {
		if got := newExit(code, false, time.Time{}).Signal; got != want {
			t.Errorf("exit code %d: %q, want %q", code, got, want)
		}
	}
}
