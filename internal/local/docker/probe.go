package docker

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/alienplatform/alien-go/internal/deploy"
)

const (
	probesAtOnce = 4                      // of one process: each costs the engine a process of its own
	probeAgain   = 500 * time.Millisecond // after a check that failed
	probeTimeout = 30 * time.Second       // the engine's own, where neither manifest nor image says one
	probeOutput  = 4 << 10                // bytes kept
)

// The exit codes of checks that gave none themselves.
const (
	probeTimedOut   = -1
	probeUnrunnable = 126
)

// probed is the outcome of a health check of ours.
type probed struct {
	run   run
	probe deploy.Probe
}

// startProbing checks a container's health by ourselves, at once and again until a check passes: the engine would make
// its first one only after a whole interval, and only a newer engine can be told otherwise. When a check passes the
// container is healthy for us; that it is unhealthy is the engine's to say, which counts as the manifest wants it.
func (w *watcher) startProbing(ctx context.Context, r run, c *container.Config) {
	command := probeCommand(c)
	if w.probing[r] || command == nil {
		return
	}
	w.probing[r] = true
	probes := w.probes
	timeout := cmp.Or(c.Healthcheck.Timeout, probeTimeout)
	go func() {
		again := time.NewTimer(0)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
			}
			probe, err := w.probe(ctx, r.id, command, timeout)
			if err != nil {
				return // it does not run any more; the events tell the rest
			}
			select {
			case probes <- probed{r, probe}:
			case <-ctx.Done():
				return
			}
			if probe.Code == 0 {
				return
			}
			again.Reset(probeAgain)
		}
	}()
}

// probed takes in the outcome of a check.
func (w *watcher) probed(ctx context.Context, r probed) error {
	in, ok := w.seen[r.run.id]
	if !ok || !moment(in.State.StartedAt).Equal(r.run.started) {
		return nil // of a run that is over
	}
	if r.probe.Code == 0 {
		w.passed.Store(r.run, struct{}{})
		delete(w.failed, r.run)
	} else {
		w.failed[r.run] = &r.probe
	}
	return w.tell(ctx, in.Config.Labels[labelDaemon])
}

// probeCommand is what the engine would run; nil where there is no check.
func probeCommand(c *container.Config) []string {
	if c.Healthcheck == nil || len(c.Healthcheck.Test) < 2 {
		return nil
	}
	switch test := c.Healthcheck.Test; test[0] {
	case "CMD":
		return test[1:]
	case "CMD-SHELL":
		shell := []string{"/bin/sh", "-c"}
		if len(c.Shell) > 0 {
			shell = c.Shell
		}
		return append(shell[:len(shell):len(shell)], test[1])
	}
	return nil
}

// probe runs a check once. A check that takes too long has failed; its process is waited for nevertheless, so that
// processes that hang do not pile up.
func (p *platform) probe(ctx context.Context, id string, command []string, timeout time.Duration) (deploy.Probe, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return deploy.Probe{}, ctx.Err()
	}
	made, err := p.api.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return deploy.Probe{}, err
	}
	began := time.Now()
	attached, err := p.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return deploy.Probe{}, err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	var said bytes.Buffer
	if _, err := stdcopy.StdCopy(&said, &said, io.LimitReader(attached.Reader, probeOutput)); err == nil {
		_, _ = io.Copy(io.Discard, attached.Reader)
	}
	if err := ctx.Err(); err != nil {
		return deploy.Probe{}, err
	}
	done, err := p.api.ContainerExecInspect(ctx, made.ID)
	outcome := deploy.Probe{Code: done.ExitCode, Output: said.String(), At: time.Now()}
	if outcome.At.Sub(began) > timeout {
		outcome.Code = probeTimedOut
	}
	return outcome, err
}
