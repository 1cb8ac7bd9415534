package process

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// What an image's health check is unless the image says otherwise.
const (
	checkInterval = 5 * time.Second // also where the image says otherwise: health is ours to look at
	checkTimeout  = 30 * time.Second
	checkRetries  = 3
)

// record is what planning needs to know of an instance.
type record struct {
	Hash    string           `json:"hash"`
	Fields  []workload.Field `json:"fields"`
	Key     []byte           `json:"key"`
	Image   string           `json:"image"`
	ImageID string           `json:"imageId"`
	Digest  string           `json:"digest"`
	Source  string           `json:"source,omitempty"`
	Version string           `json:"version,omitempty"`
	Settle  time.Duration    `json:"settle"`
}

// recorded is what an instance's record tells. What is unreadable is absent: the plan then says that the record is bad.
func recorded(s supervisor.Status) record {
	var r record
	_ = json.Unmarshal(s.Record, &r)
	return r
}

// newSpec says what runs as the workload's new instance.
func newSpec(dir string, w workload.Workload, fp workload.Fingerprint, img rootfs.Image, o deploy.BeginOptions) (supervisor.Spec, error) {
	note, err := json.Marshal(record{
		Hash: fp.Hash, Fields: fp.Fields, Key: o.Key, Image: w.Image, ImageID: img.ID, Digest: img.Digest,
		Source: o.Source, Version: o.Version, Settle: w.Settle,
	})
	if err != nil {
		return supervisor.Spec{}, fmt.Errorf("cannot record what %s is made of: %w", w.Name(), err)
	}
	binds, err := bindsOf(dir, w)
	if err != nil {
		return supervisor.Spec{}, err
	}
	return supervisor.Spec{
		ID: supervisor.NewID(), Stack: w.Stack, Daemon: w.Daemon, Grace: w.StopGrace, Record: note,
		Health: healthOf(w.Health, img.Config),
		Sandbox: sandbox.Spec{
			Name: w.Name(), Root: img.Root, Args: argsOf(w.Command, img.Config), Env: envOf(w.Env, img.Config.Env),
			WorkDir: img.Config.WorkingDir, User: userOf(w, img.Config), Binds: binds,
			HostPID: w.HostPID, Init: w.Init, CPULimit: w.CPULimit, MemoryLimit: w.MemoryLimit,
		},
	}, nil
}

// argsOf is what runs: the manifest's command alone, else what the image says.
func argsOf(command []string, img v1.Config) []string {
	if command != nil {
		return command
	}
	return slices.Concat(img.Entrypoint, img.Cmd)
}

func userOf(w workload.Workload, img v1.Config) string {
	if w.User != "" {
		return w.User
	}
	return img.User
}

// usualPath is the PATH of an image that has none.
const usualPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// envOf is the image's environment, and over it the workload's.
func envOf(own []manifest.Env, img []string) []string {
	var out []string
	at := map[string]int{}
	set := func(entry string) {
		name, _, _ := strings.Cut(entry, "=")
		if n, known := at[name]; known {
			out[n] = entry
			return
		}
		at[name] = len(out)
		out = append(out, entry)
	}
	set(usualPath)
	for _, entry := range img {
		set(entry)
	}
	for _, e := range own {
		set(e.Name + "=" + e.Value.Reveal())
	}
	return out
}

// healthOf is the manifest's health check, else the image's own at our interval.
func healthOf(h *manifest.HealthCheck, img v1.Config) *supervisor.Health {
	if h != nil {
		return &supervisor.Health{Command: h.Command, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Threshold: h.FailureThreshold}
	}
	c := img.Healthcheck
	if c == nil || len(c.Test) < 2 {
		return nil // also of an image that says NONE
	}
	out := &supervisor.Health{Interval: checkInterval, Timeout: c.Timeout, StartPeriod: c.StartPeriod, Threshold: c.Retries}
	switch c.Test[0] {
	case "CMD":
		out.Command = c.Test[1:]
	case "CMD-SHELL":
		shell := img.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		out.Command = slices.Concat(shell, c.Test[1:2])
	default:
		return nil
	}
	if out.Timeout == 0 {
		out.Timeout = checkTimeout
	}
	if out.Threshold == 0 {
		out.Threshold = checkRetries
	}
	return out
}

// bindsOf are the workload's paths of the machine, and the directories of its resources.
func bindsOf(dir string, w workload.Workload) ([]sandbox.Bind, error) {
	var out []sandbox.Bind
	for _, b := range w.Binds {
		bind := sandbox.Bind{Source: b.Source, Target: b.Target, ReadOnly: b.ReadOnly}
		for _, option := range b.Options {
			if err := applyOption(&bind, option); err != nil {
				return nil, err
			}
		}
		out = append(out, bind)
	}
	for _, v := range w.Volumes {
		out = append(out, sandbox.Bind{Source: dataPath(dir, w.Stack, v.Resource), Target: v.Target, Own: true})
	}
	return out, nil
}

// applyOption applies one option of a mount. An option that is not known is refused: ignoring it would be a lie.
func applyOption(b *sandbox.Bind, option string) error {
	switch option = strings.TrimSpace(option); option {
	case "", "rw", "consistent", "cached", "delegated":
	case "ro":
		b.ReadOnly = true
	case "private", "rprivate", "shared", "rshared", "slave", "rslave":
		b.Propagation = option
	default:
		return &deploy.Problem{
			Reason:  deploy.ConfigRefused,
			Message: fmt.Sprintf("the mount of %s has the option %q, which is not known", b.Source, option),
		}
	}
	return nil
}

// dataDir holds the places of resources, beside what the supervisor keeps: stack/resource.
const dataDir = "data"

func dataPath(dir, stack, resource string) string {
	return filepath.Join(dir, dataDir, stack, resource)
}
