package docker

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	imagespec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/image"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

const (
	checkInterval = 5 * time.Second        // of health checks, unless the manifest says otherwise
	startInterval = 500 * time.Millisecond // the same while a daemon starts
	logFileSize   = "10m"
	logFiles      = "3"
)

// containerConfig says what runs in the container.
func containerConfig(w workload.Workload, img image.Image, t traits, labels map[string]string) *container.Config {
	c := &container.Config{
		Image:       img.ID,
		User:        w.User,
		Labels:      labels,
		Healthcheck: healthcheck(w.Health, img.Config),
		StopTimeout: seconds(w.StopGrace),
	}
	if c.Healthcheck != nil && t.quick {
		c.Healthcheck.StartInterval = startInterval
	}
	if w.Command != nil {
		c.Entrypoint = w.Command // an entrypoint of ours also drops the image's command
	}
	for _, e := range w.Env {
		c.Env = append(c.Env, e.Name+"="+e.Value.Reveal())
	}
	return c
}

// healthcheck is the manifest's health check, else the image's own at our interval; nil leaves the engine to find none.
func healthcheck(h *manifest.HealthCheck, img *imagespec.DockerOCIImageConfig) *container.HealthConfig {
	if h != nil {
		return &container.HealthConfig{
			Test:        append([]string{"CMD"}, h.Command...),
			Interval:    h.Interval,
			Timeout:     h.Timeout,
			Retries:     h.FailureThreshold,
			StartPeriod: h.StartPeriod,
		}
	}
	if img == nil || img.Healthcheck == nil || len(img.Healthcheck.Test) == 0 || img.Healthcheck.Test[0] == "NONE" {
		return nil
	}
	return &container.HealthConfig{
		Test:        img.Healthcheck.Test,
		Interval:    checkInterval,
		Timeout:     img.Healthcheck.Timeout,
		Retries:     img.Healthcheck.Retries,
		StartPeriod: img.Healthcheck.StartPeriod,
	}
}

// hostConfig says how the container runs on its host.
func hostConfig(w workload.Workload, t traits) (*container.HostConfig, error) {
	mounts, err := mountsOf(w)
	if err != nil {
		return nil, err
	}
	h := &container.HostConfig{
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		Privileged:    w.Privileged,
		Mounts:        mounts,
		Resources:     container.Resources{NanoCPUs: w.CPULimit * 1e6, Memory: w.MemoryLimit, MemorySwap: w.MemoryLimit},
	}
	if !w.Privileged {
		h.SecurityOpt = []string{"no-new-privileges"}
	}
	if w.Init {
		h.Init = &w.Init
	}
	if w.HostPID {
		h.PidMode = "host"
	}
	switch {
	case w.HostNetwork:
		h.NetworkMode = "host"
	case t.gateway:
		h.ExtraHosts = []string{"host.docker.internal:host-gateway"}
	}
	if t.logDriver != "" {
		h.LogConfig = container.LogConfig{Type: t.logDriver, Config: map[string]string{"max-size": logFileSize, "max-file": logFiles}}
	}
	return h, nil
}

// mountsOf are the workload's host paths and volumes. The engine refuses a mount whose source is missing; the older
// way of asking for one would have it made.
func mountsOf(w workload.Workload) ([]mount.Mount, error) {
	var out []mount.Mount
	for _, b := range w.Binds {
		m := mount.Mount{Type: mount.TypeBind, Source: b.Source, Target: b.Target, ReadOnly: b.ReadOnly}
		for _, option := range b.Options {
			if err := applyOption(&m, option); err != nil {
				return nil, err
			}
		}
		out = append(out, m)
	}
	for _, v := range w.Volumes {
		out = append(out, mount.Mount{Type: mount.TypeVolume, Source: v.Name, Target: v.Target})
	}
	return out, nil
}

// applyOption applies one option of a mount. An option that is not known is refused: ignoring it would be a lie.
func applyOption(m *mount.Mount, option string) error {
	switch option = strings.TrimSpace(option); option {
	case "", "rw":
	case "ro":
		m.ReadOnly = true
	case "private", "rprivate", "shared", "rshared", "slave", "rslave":
		m.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(option)}
	case "consistent", "cached", "delegated":
		m.Consistency = mount.Consistency(option)
	default:
		return &deploy.Problem{
			Reason:  deploy.ConfigRefused,
			Message: fmt.Sprintf("the mount of %s has the option %q, which is not known", m.Source, option),
		}
	}
	return nil
}
