package docker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// watching collects observations in the background until the test takes them.
type watching struct {
	*bench
	seen chan deploy.Observation
}

func (b *bench) watch(p deploy.Platform, opts deploy.WatchOptions) *watching {
	b.Helper()
	w := &watching{b, make(chan deploy.Observation, 1000)}
	ctx, cancel := context.WithCancel(b.Context())
	synced, ended := make(chan struct{}), make(chan struct{})
	opts.OnSync = func() { close(synced) }
	go func() {
		defer close(ended)
		for o, err := range p.Watch(ctx, b.stack, opts) {
			if err != nil {
				b.Errorf("watching: %v", err)
				return
			}
			w.seen <- o
		}
	}()
	b.Cleanup(func() { cancel(); <-ended })
	<-synced
	return w
}

// next takes observations until one is as wanted.
func (w *watching) next(what string, want func(deploy.Observation) bool) deploy.Observation {
	w.Helper()
	limit := time.After(20 * time.Second)
	var seen []deploy.Observation
	for {
		select {
		case o := <-w.seen:
			if want(o) {
				return o
			}
			seen = append(seen, o)
		case <-limit:
			w.Fatalf("not seen: %s\nbut: %+v", what, seen)
		}
	}
}

func state(s deploy.State) func(deploy.Observation) bool {
	return func(o deploy.Observation) bool { return o.State == s }
}

func health(h deploy.Health) func(deploy.Observation) bool {
	return func(o deploy.Observation) bool { return o.Health == h }
}

func TestWatchLife(t *testing.T) {
	b := newBench(t)
	w := b.watch(b, deploy.WatchOptions{})
	b.up(b.workload("api", "run"))
	first := w.next("running", state(deploy.Running))
	if first.Daemon != "api" || first.StartedAt.IsZero() || first.LastExit != nil || first.Health != deploy.NoCheck {
		t.Errorf("running: %+v", first)
	}
	if now := b.only().Observation; !now.StartedAt.Equal(first.StartedAt) || now.Instance != first.Instance {
		t.Errorf("observed %+v, watched %+v", now, first)
	}
	testbed.CrashContainer(t, b.api, first.Instance)
	// The first back-off lasts a tenth of a second: on a busy machine it is over before anybody looks.
	again := w.next("its end, or the start after it", func(o deploy.Observation) bool { return o.Restarts == 1 })
	if died := again; died.State == deploy.BackOff {
		if e := died.LastExit; e == nil || e.Code != 137 || e.Signal != "SIGKILL" || e.OOM || died.NextStart.IsZero() {
			t.Errorf("died: %+v %+v", died, died.LastExit)
		}
		again = w.next("running again", state(deploy.Running))
	}
	if e := again.LastExit; e == nil || e.Code != 137 || again.State != deploy.Running || again.Restarts != 1 || again.StartedAt.Equal(first.StartedAt) {
		t.Errorf("again: %+v %+v", again, again.LastExit)
	}
	if e := b.only().LastExit; e == nil || e.Code != 137 {
		t.Errorf("observed last exit: %+v", e)
	}
	b.must(b.api.ContainerPause(t.Context(), first.Instance))
	w.next("paused", state(deploy.Paused))
	b.must(b.api.ContainerUnpause(t.Context(), first.Instance))
	w.next("running after pause", state(deploy.Running))
	b.must(b.api.ContainerStop(t.Context(), first.Instance, container.StopOptions{}))
	if o := w.next("stopped", state(deploy.Stopped)); !o.ByHand || o.LastExit.Code != 0 {
		t.Errorf("stopped: %+v %+v", o, o.LastExit)
	}
	if d := b.only(); !d.ByHand {
		t.Errorf("observed %+v", d)
	}
	b.must(b.api.ContainerRemove(t.Context(), first.Instance, container.RemoveOptions{}))
	if o := w.next("gone", state(deploy.Gone)); o.Instance != first.Instance {
		t.Errorf("gone: %+v", o)
	}
}

func TestWatchReplacement(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	old := b.only().Instance
	w := b.watch(b, deploy.WatchOptions{})
	if o := w.next("the first look", func(deploy.Observation) bool { return true }); o.Instance != old || o.State != deploy.Running {
		t.Errorf("first look: %+v", o)
	}
	b.up(b.workload("api", "tick"))
	o := w.next("the new one running", func(o deploy.Observation) bool { return o.Instance != old })
	if o.State != deploy.Running {
		t.Errorf("first seen of the new one: %+v", o)
	}
}

func TestWatchCrashLoop(t *testing.T) {
	b := newBench(t)
	w := b.watch(b, deploy.WatchOptions{})
	b.up(b.workload("api", "exit", "3"))
	for n := 1; n <= 3; n++ {
		o := w.next(fmt.Sprint("restart ", n), func(o deploy.Observation) bool { return o.State == deploy.BackOff && o.Restarts >= n })
		if o.LastExit.Code != 3 || o.LastExit.Signal != "" || o.NextStart.Sub(o.LastExit.At) != 100*time.Millisecond<<(o.Restarts-1) {
			t.Errorf("restart %d: %+v %+v", n, o, o.LastExit)
		}
	}
}

func TestWatchOOM(t *testing.T) {
	b := newBench(t)
	w := b.watch(b, deploy.WatchOptions{})
	d := b.workload("api", "alloc", fmt.Sprint(200<<20))
	d.MemoryLimit = 20 << 20
	b.up(d)
	for range 2 { // that it was for its memory may be told a moment later
		o := w.next("a kill", func(o deploy.Observation) bool { return o.LastExit != nil && o.LastExit.OOM })
		if o.LastExit.Signal != "SIGKILL" {
			t.Errorf("killed: %+v", o.LastExit)
		}
	}
}

func (b *bench) checked(after, file string) (w struct{ slow, check []string }) {
	w.slow, w.check = []string{"slow-start", after, file}, []string{"/daemon", "health", file}
	return w
}

func TestProbing(t *testing.T) {
	b := newBench(t)
	w := b.watch(b, deploy.WatchOptions{Probe: true})
	how := b.checked("1200ms", "/tmp/ready")
	d := b.workload("api", how.slow...)
	d.Health = &manifest.HealthCheck{Command: how.check, Interval: 5 * time.Second, Timeout: 2 * time.Second, FailureThreshold: 3}
	b.up(d)
	o := w.next("a failed check", func(o deploy.Observation) bool { return o.Probe != nil })
	if o.Health != deploy.Starting || o.Probe.Code != 1 || o.Probe.Output == "" {
		t.Errorf("not ready: %+v %+v", o, o.Probe)
	}
	o = w.next("healthy", health(deploy.Healthy))
	if took := time.Since(o.StartedAt); took < time.Second || took > 4*time.Second {
		t.Errorf("healthy after %v", took)
	}
	if now := b.only(); now.Health != deploy.Healthy {
		t.Errorf("a look right afterwards: %+v", now)
	}
}

func TestImageHealthcheckAndUnhealthy(t *testing.T) {
	b := newBench(t)
	w := b.watch(b, deploy.WatchOptions{Probe: true})
	d := b.workload("api", "run")
	d.Image = testbed.Image(t, testbed.Healthcheck)
	b.up(d)
	if in := b.inspect(b.name("api")); in.Config.Healthcheck.Interval != 5*time.Second || in.Config.Healthcheck.Retries != 3 {
		t.Errorf("check: %+v", in.Config.Healthcheck)
	}
	w.next("starting", health(deploy.Starting))
	o := w.next("unhealthy", health(deploy.Unhealthy))
	if took := time.Since(o.StartedAt); took < 14*time.Second || o.Probe == nil || o.Probe.Code != 1 {
		t.Errorf("unhealthy after %v: %+v", took, o)
	}
}

// TestEngineRestart restarts the engine while it is watched and while a daemon is replaced.
func TestEngineRestart(t *testing.T) {
	e := testbed.OwnEngine(t)
	b := &bench{T: t, Platform: docker.New(e.API, "own"), api: e.API, stack: "own", image: testbed.Load(t, e.API, testbed.Plain), key: []byte("key")}
	w := b.watch(b, deploy.WatchOptions{})
	d := b.workload("api", "run")
	b.up(d)
	first := w.next("running", state(deploy.Running))
	s := b.begin()
	b.prepare(s, b.workload("api", "tick"))
	e.Stop(t)
	done := make(chan error)
	go func() { done <- s.Start(t.Context(), "api", true, quiet) }()
	e.Start(t)
	b.must(<-done)
	if o := w.next("the new one", func(o deploy.Observation) bool { return o.Instance != first.Instance }); o.State != deploy.Running {
		t.Errorf("new: %+v", o)
	}
	e.Restart(t)
	if got := b.containers(); got["api"] != "running" || got["api.previous"] != "exited" {
		t.Errorf("after a restart: %v", got)
	}
	b.must(s.Commit(t.Context(), "api"))
	b.must(s.Close(t.Context()))
}
