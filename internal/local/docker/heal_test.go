package docker_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

// TestHealing makes each state that a kill can leave, on the real engine, and begins again.
func TestHealing(t *testing.T) {
	b := newBench(t)
	rename := func(from, to string) { b.must(b.api.ContainerRename(t.Context(), b.name(from), b.name(to))) }
	policy := func(name string, p container.RestartPolicyMode) {
		_, err := b.api.ContainerUpdate(t.Context(), b.name(name), container.UpdateConfig{RestartPolicy: container.RestartPolicy{Name: p}})
		b.must(err)
	}
	stop := func(name string) { b.must(b.api.ContainerStop(t.Context(), b.name(name), container.StopOptions{})) }
	start := func(name string) { b.must(b.api.ContainerStart(t.Context(), b.name(name), container.StartOptions{})) }
	remove := func(name string) {
		b.must(b.api.ContainerRemove(t.Context(), b.name(name), container.RemoveOptions{Force: true}))
	}
	// The steps of a replacement; each test does some more of them.
	steps := []func(){
		func() {},
		func() { rename("api", "api.previous") },
		func() { rename("api.next", "api") },
		func() { policy("api.previous", "no") },
		func() { stop("api.previous") },
	}
	healed := map[string]string{"api": "running"}
	for n := range steps {
		b.leave(b.workload("api", "run"), b.workload("api", "tick"))
		old := b.only().Instance
		for _, s := range steps[:n+1] {
			s()
		}
		if d := b.only(); d.Instance != old || d.Unfinished {
			t.Errorf("left by %d steps: %+v", n, d)
		}
		b.within(func(deploy.Session) {})
		in := b.inspect(b.name("api"))
		if got := b.containers(); !maps.Equal(got, healed) || in.ID != old || in.HostConfig.RestartPolicy.Name != "unless-stopped" {
			t.Errorf("healed from %d steps: %v, policy %s", n, got, in.HostConfig.RestartPolicy.Name)
		}
		remove("api")
	}

	// The new one has started: an unfinished update, which stays.
	b.leave(b.workload("api", "run"), b.workload("api", "tick"))
	for _, s := range steps {
		s()
	}
	start("api")
	b.within(func(deploy.Session) {})
	if got := b.containers(); got["api"] != "running" || got["api.previous"] != "exited" || !b.only().Unfinished {
		t.Errorf("unfinished: %v", got)
	}
	// Undo, broken off after it removed the new one.
	remove("api")
	b.within(func(deploy.Session) {})
	if got := b.containers(); !maps.Equal(got, healed) {
		t.Errorf("undoing: %v", got)
	}
	remove("api")
}

// TestHealingOfPrepared forgets a container that was prepared, and one that a cut off call has made.
func TestHealingOfPrepared(t *testing.T) {
	b := newBench(t)
	b.prepare(b.begin(), b.workload("api", "run"))
	b.dropTickets()
	b.within(func(s deploy.Session) {
		if got := b.containers(); len(got) != 0 {
			t.Errorf("prepared by a run that is gone: %v", got)
		}
		labels := map[string]string{testbed.StackLabel: b.stack, "dev.alien.daemons.daemon": "api"}
		twin, err := b.api.ContainerCreate(t.Context(), &container.Config{Image: b.image, Labels: labels}, nil, nil, nil, b.name("api"))
		b.must(err)
		b.prepare(s, b.workload("api", "run"))
		b.start(s, "api", true)
		if d := b.only(); d.Instance == twin.ID || d.State != deploy.Running {
			t.Errorf("beside a twin: %+v", d)
		}
	})
}

// leave runs one workload, prepares another in its place, and forgets about it as a killed process does.
func (b *bench) leave(now, next workload.Workload) {
	b.Helper()
	b.up(now)
	b.prepare(b.begin(), next)
	b.dropTickets()
}

// TestInterruptedStop breaks a replacement off while the old instance takes its time to stop, and undoes it at once.
func TestInterruptedStop(t *testing.T) {
	b := newBench(t)
	w := b.workload("api", "ignore-term")
	w.StopGrace = time.Minute
	b.up(w)
	old := b.only().Instance
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "run"))
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Start(ctx, "api", true, func(p deploy.Progress) {
			if p.Phase == deploy.Stopping {
				time.AfterFunc(300*time.Millisecond, cancel)
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		began := time.Now()
		undo, done := context.WithTimeout(t.Context(), 5*time.Second)
		defer done()
		b.must(s.Undo(undo, "api"))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("undoing took %v", took)
		}
	})
	in := b.inspect(b.name("api"))
	if in.ID != old || !in.State.Running || len(b.containers()) != 1 || in.HostConfig.RestartPolicy.Name != "unless-stopped" {
		t.Errorf("undone: %v %+v", b.containers(), in.State)
	}
}

// TestStopGrace holds that a replacement waits as long as the old instance may take, and then no longer.
func TestStopGrace(t *testing.T) {
	b := newBench(t)
	w := b.workload("api", "ignore-term")
	w.StopGrace = time.Second
	b.up(w)
	old := b.only().Instance
	began := time.Now()
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "run"))
		b.start(s, "api", true)
	})
	if took := time.Since(began); took < time.Second || took > 6*time.Second {
		t.Errorf("it took %v", took)
	}
	if in := b.inspect(old); in.State.ExitCode != 137 {
		t.Errorf("the old one ended with %d", in.State.ExitCode)
	}
}
