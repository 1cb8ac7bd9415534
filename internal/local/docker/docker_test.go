package docker_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestCreate(t *testing.T) {
	b := newBench(t)
	w := b.workload("api", "run")
	w.Env = []manifest.Env{{Name: "DOLLARS", Value: manifest.Plain("$ $$ $(X) \"q\"\nnext")}, {Name: "EMPTY", Value: manifest.Plain("")}}
	w.MemoryLimit, w.CPULimit = 64<<20, 250
	b.up(w)

	d := b.only()
	fp := w.Fingerprint(b.key)
	if d.State != deploy.Running || d.Hash != fp.Hash || string(d.Key) != "key" || d.Image != b.image || d.Version != "v1" ||
		d.Source != "alien.yaml" || d.Settle != w.Settle || d.Unfinished || d.Renamed != "" || d.ByHand {
		t.Errorf("observed %+v", d)
	}
	if len(d.Fields) != len(fp.Fields) {
		t.Errorf("recorded fields %v, want %v", d.Fields, fp.Fields)
	}
	o := b.observe(w)
	if o.Images[w.Image] != d.ImageID || len(o.Taken) != 0 || string(o.Key) != "key" {
		t.Errorf("observed images %v (runs %s), taken %v", o.Images, d.ImageID, o.Taken)
	}
	in := b.inspect(b.name("api"))
	h := in.HostConfig
	if h.RestartPolicy.Name != "unless-stopped" || h.Memory != 64<<20 || h.MemorySwap != h.Memory || h.NanoCPUs != 250e6 ||
		len(h.PortBindings) != 0 || h.SecurityOpt[0] != "no-new-privileges" || h.ExtraHosts[0] != "host.docker.internal:host-gateway" ||
		h.LogConfig.Config["max-size"] != "10m" || h.Init != nil || *in.Config.StopTimeout != 2 {
		t.Errorf("host configuration %+v", h)
	}
	if got := in.Config.Env; got[0] != "DOLLARS=$ $$ $(X) \"q\"\nnext" || got[1] != "EMPTY=" {
		t.Errorf("environment %q", got)
	}
}

// TestCalls holds what a create costs over the bare minimum, and that looking changes nothing.
func TestCalls(t *testing.T) {
	b := newBench(t)
	c := b.counted()
	b.up(b.workload("api", "run"))
	if n := c.writes.Load(); n != 4 { // ticket, create, start, ticket
		t.Errorf("%d writing calls: %v", n, c.log)
	}
	c.writes.Store(0)
	b.observe(b.workload("api", "run"))
	if n := c.writes.Load(); n != 0 {
		t.Errorf("Observe made %d writing calls", n)
	}
}

func TestReplaceAndCommit(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	old := b.only().Instance
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "tick"))
		if got := b.containers(); got["api"] != "running" || got["api.next"] != "created" {
			t.Errorf("prepared: %v", got)
		}
		b.start(s, "api", true)
		if in := b.inspect(old); in.State.Running || in.HostConfig.RestartPolicy.Name != "no" {
			t.Errorf("kept: %+v", in.State)
		}
		if d := b.only(); !d.Unfinished || d.Instance == old || d.State != deploy.Running {
			t.Errorf("not confirmed: %+v", d)
		}
		b.must(s.Commit(t.Context(), "api"))
	})
	if got := b.containers(); len(got) != 1 || got["api"] != "running" || b.only().Unfinished {
		t.Errorf("confirmed: %v", got)
	}
}

func TestReplaceAndUndo(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	old := b.only().Instance
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "exit", "3"))
		b.start(s, "api", true)
		b.must(s.Undo(t.Context(), "api"))
	})
	in := b.inspect(b.name("api"))
	if in.ID != old || !in.State.Running || in.HostConfig.RestartPolicy.Name != "unless-stopped" || len(b.containers()) != 1 {
		t.Errorf("undone: %v %+v", b.containers(), in.State)
	}
}

func TestUndoWithNothingKept(t *testing.T) {
	b := newBench(t)
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "exit", "3"))
		b.start(s, "api", true)
		if err := s.Undo(t.Context(), "api"); !errors.Is(err, deploy.ErrNothingKept) {
			t.Errorf("got %v", err)
		}
	})
	if got := b.containers(); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

func TestUndoBeforeStartAndCloseDiscard(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "tick"))
		b.must(s.Undo(t.Context(), "api"))
		b.prepare(s, b.workload("web", "run"))
	})
	if got := b.containers(); len(got) != 1 || got["api"] != "running" {
		t.Errorf("left: %v", got)
	}
}

func TestFailedUpdateOfUnfinished(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	good := b.only().Instance
	for range 2 { // a further failed one never replaces the rollback target
		b.within(func(s deploy.Session) {
			b.prepare(s, b.workload("api", "exit", "3"))
			b.start(s, "api", true)
		})
	}
	if got := b.containers(); len(got) != 2 || !b.only().Unfinished {
		t.Fatalf("left: %v", got)
	}
	b.within(func(s deploy.Session) { b.must(s.Undo(t.Context(), "api")) })
	if d := b.only(); d.Instance != good || d.State != deploy.Running || d.Unfinished {
		t.Errorf("undone: %+v", d)
	}
}

func TestNameTaken(t *testing.T) {
	b := newBench(t)
	w := b.workload("api", "run")
	foreign, err := b.api.ContainerCreate(t.Context(), &container.Config{Image: b.image}, nil, nil, nil, b.name("api"))
	b.must(err)
	t.Cleanup(func() { testbed.RemoveContainer(t, b.api, foreign.ID) })
	if o := b.observe(w); !strings.Contains(o.Taken["api"], "container "+foreign.ID[:12]) {
		t.Errorf("taken: %v", o.Taken)
	}
	b.within(func(s deploy.Session) {
		b.problem(s.Prepare(t.Context(), w, w.Fingerprint(b.key), quiet), deploy.NameTaken)
	})
	b.inspect(foreign.ID)
}

func TestRenamedByHand(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	id := b.only().Instance
	b.must(b.api.ContainerRename(t.Context(), id, b.stack+"-other"))
	if d := b.only(); d.Renamed != b.stack+"-other" || d.Instance != id {
		t.Errorf("observed %+v", d)
	}
	b.within(func(s deploy.Session) {
		if d := b.only(); d.Renamed == "" || d.Instance != id {
			t.Errorf("begun: %+v; the plan has to see what a person did", d)
		}
		b.prepare(s, b.workload("api", "run"))
		b.start(s, "api", true)
		b.must(s.Commit(t.Context(), "api"))
	})
	if d := b.only(); d.Renamed != "" || d.Instance == id || d.Unfinished || d.State != deploy.Running {
		t.Errorf("replaced: %+v", d)
	}
	if got := b.containers(); !maps.Equal(got, map[string]string{"api": "running"}) {
		t.Errorf("containers %v", got)
	}
}

func TestRemoveAndRestart(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	before := b.only()
	b.within(func(s deploy.Session) { b.must(s.Restart(t.Context(), "api", quiet)) })
	if d := b.only(); d.Instance != before.Instance || !d.StartedAt.After(before.StartedAt) || d.State != deploy.Running {
		t.Errorf("restarted: %+v", d)
	}
	b.within(func(s deploy.Session) {
		b.prepare(s, b.workload("api", "tick"))
		b.start(s, "api", true)
		b.must(s.Remove(t.Context(), "api"))
		b.must(s.Remove(t.Context(), "never-was"))
		b.problem(s.Restart(t.Context(), "never-was", quiet), deploy.NotFound)
	})
	if got := b.containers(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestRefusals(t *testing.T) {
	user := func(w *workload.Workload) { w.User = "4711x" }
	bind := func(w *workload.Workload) { w.Binds = []workload.Bind{{Source: "/no/such/place", Target: "/x"}} }
	option := func(w *workload.Workload) {
		w.Binds = []workload.Bind{{Source: "/", Target: "/x", Options: []string{"sparkling"}}}
	}
	command := func(c ...string) func(*workload.Workload) { return func(w *workload.Workload) { w.Command = c } }
	image := func(v testbed.Variant) func(*workload.Workload) {
		return func(w *workload.Workload) { w.Image, w.Command = testbed.Image(t, v), nil }
	}
	tests := map[string]struct {
		change func(*workload.Workload)
		want   deploy.Reason
	}{
		"command":        {command("/no/such/command"), deploy.CommandNotFound},
		"path":           {command("nothere"), deploy.CommandNotFound},
		"not executable": {image(testbed.NotExecutable), deploy.CommandNotExecutable},
		"no entrypoint":  {image(testbed.NoEntrypoint), deploy.CommandNotFound},
		"user":           {user, deploy.UserUnknown},
		"bind":           {bind, deploy.MountSourceMissing},
		"option":         {option, deploy.ConfigRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			w := b.workload("api", "run")
			test.change(&w)
			b.within(func(s deploy.Session) {
				err := s.Prepare(t.Context(), w, w.Fingerprint(b.key), quiet)
				if err == nil {
					err = s.Start(t.Context(), "api", true, quiet)
					if d := b.only(); d.State != deploy.Created || d.Problem == nil || d.Problem.Reason != test.want {
						t.Errorf("observed %+v", d)
					}
				}
				b.problem(err, test.want)
			})
		})
	}
}

func TestExecFormat(t *testing.T) {
	b := newBench(t)
	w := b.workload("api")
	w.Image, w.Command = testbed.Image(t, testbed.BadFormat), nil
	b.within(func(s deploy.Session) {
		b.prepare(s, w)
		if err := s.Start(t.Context(), "api", true, quiet); err != nil {
			b.problem(err, deploy.ExecFormat) // newer engines know at once
			return
		}
		b.until(deploy.WatchOptions{}, func(o deploy.Observation) bool { return o.Problem != nil && o.Problem.Reason == deploy.ExecFormat })
	})
}

func TestVolumeOfAnotherUser(t *testing.T) {
	b := newBench(t)
	for _, user := range []string{"1000:1000", "1234"} { // both write to the same place
		w := b.workload("u"+user[:4], "touch", "/var/lib/alien/reports/"+user[:4])
		w.User = user
		w.Volumes = []workload.Volume{{Resource: "reports", Name: b.stack + "-reports", Target: "/var/lib/alien/reports"}}
		b.up(w)
	}
	for _, d := range b.observe().Daemons {
		if d.State != deploy.Running || d.Restarts != 0 {
			t.Errorf("it cannot write: %+v", d)
		}
	}
	o := b.observe()
	if len(o.Data) != 1 || o.Data[0] != (deploy.Data{Name: b.stack + "-reports", Resource: "reports"}) {
		t.Errorf("data: %v", o.Data)
	}
	b.within(func(s deploy.Session) {
		for _, d := range o.Daemons {
			b.must(s.Remove(t.Context(), d.Daemon))
		}
		b.must(s.RemoveData(t.Context(), o.Data[0].Name))
		b.must(s.RemoveData(t.Context(), o.Data[0].Name))
	})
	if left := b.observe().Data; len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestStacks(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"), b.workload("crash", "exit", "1"))
	b.until(deploy.WatchOptions{}, func(o deploy.Observation) bool {
		return o.Daemon == "crash" && o.State == deploy.BackOff && o.Restarts > 2
	})
	all, err := b.Stacks(t.Context())
	b.must(err)
	for _, s := range all {
		if s.Name == b.stack {
			if s != (deploy.StackSummary{Name: b.stack, Daemons: 2, Ready: 1, Source: "alien.yaml"}) {
				t.Errorf("got %+v", s)
			}
			return
		}
	}
	t.Errorf("not listed: %v", all)
}

// TestReplaceWhatDoesNotRun replaces containers that a person paused, that wait to be started again, and that stopped.
func TestReplaceWhatDoesNotRun(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("paused", "run"), b.workload("looping", "exit", "1"), b.workload("stopped", "run"))
	b.until(deploy.WatchOptions{}, func(o deploy.Observation) bool { return o.Daemon == "looping" && o.Restarts > 4 })
	b.must(b.api.ContainerPause(t.Context(), b.name("paused")))
	b.must(b.api.ContainerStop(t.Context(), b.name("stopped"), container.StopOptions{}))
	for _, d := range b.observe().Daemons {
		began := time.Now()
		b.up(b.workload(d.Daemon, "tick"))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: replacing took %v", d.Daemon, took)
		}
	}
	for _, d := range b.observe().Daemons {
		if d.State != deploy.Running || d.Unfinished {
			t.Errorf("%s: %+v", d.Daemon, d)
		}
	}
	if got := b.containers(); len(got) != 3 {
		t.Errorf("left: %v", got)
	}
}

func TestForeignVolume(t *testing.T) {
	b := newBench(t)
	w := b.workload("api", "run")
	w.Volumes = []workload.Volume{{Resource: "reports", Name: b.stack + "-reports", Target: "/var/lib/alien/reports"}}
	_, err := b.api.VolumeCreate(t.Context(), volume.CreateOptions{Name: w.Volumes[0].Name})
	b.must(err)
	t.Cleanup(func() { _ = b.api.VolumeRemove(context.Background(), w.Volumes[0].Name, false) })
	b.within(func(s deploy.Session) {
		b.problem(s.Prepare(t.Context(), w, w.Fingerprint(b.key), quiet), deploy.NameTaken)
		b.problem(s.RemoveData(t.Context(), w.Volumes[0].Name), deploy.NameTaken)
	})
}
