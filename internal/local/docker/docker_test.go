package docker_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/internal/workload"
)

// bench is a platform on the test engine, with a stack of its own.
type bench struct {
	*testing.T
	deploy.Platform
	api   *client.Client
	stack string
	image string
	key   []byte
}

func newBench(t *testing.T) *bench {
	t.Helper()
	api := testbed.Engine(t)
	b := &bench{T: t, Platform: docker.New(api, "test"), api: api, stack: testbed.Stack(t, api), image: testbed.DaemonImage(t), key: []byte("key")}
	t.Cleanup(b.dropTickets)
	return b
}

// workload is a daemon of the test image.
func (b *bench) workload(daemon string, command ...string) workload.Workload {
	return workload.Workload{
		Stack: b.stack, Daemon: daemon, Image: b.image, PullPolicy: manifest.PullNever, Command: append([]string{"/daemon"}, command...),
		StopGrace: 2 * time.Second, Settle: 500 * time.Millisecond, StartFailuresAllowed: 2,
	}
}

func (b *bench) name(daemon string) string { return b.stack + "-" + daemon }

func (b *bench) begin() deploy.Session {
	b.Helper()
	s, err := b.Begin(b.Context(), b.stack, deploy.BeginOptions{LockTimeout: 20 * time.Second, Version: "v1", Source: "alien.yaml", Command: "up", Key: b.key})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// within makes changes in a session of their own.
func (b *bench) within(change func(deploy.Session)) {
	b.Helper()
	s := b.begin()
	change(s)
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func quiet(deploy.Progress) {}

func (b *bench) prepare(s deploy.Session, w workload.Workload) {
	b.Helper()
	if err := s.Prepare(b.Context(), w, w.Fingerprint(b.key), quiet); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) start(s deploy.Session, daemon string, keep bool) {
	b.Helper()
	if err := s.Start(b.Context(), daemon, keep, quiet); err != nil {
		b.Fatal(err)
	}
}

// up runs workloads, each confirmed.
func (b *bench) up(ws ...workload.Workload) {
	b.Helper()
	b.within(func(s deploy.Session) {
		for _, w := range ws {
			b.prepare(s, w)
			b.start(s, w.Daemon, true)
			b.must(s.Commit(b.Context(), w.Daemon))
		}
	})
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// problem holds that err is a *Problem with this reason.
func (b *bench) problem(err error, want deploy.Reason) {
	b.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != want {
		b.Fatalf("got %v, want a problem with %s", err, want)
	}
}

func (b *bench) observe(ws ...workload.Workload) deploy.Observed {
	b.Helper()
	o, err := b.Observe(b.Context(), b.stack, ws)
	if err != nil {
		b.Fatal(err)
	}
	return o
}

// only is the one daemon that exists.
func (b *bench) only() deploy.Daemon {
	b.Helper()
	o := b.observe()
	if len(o.Daemons) != 1 {
		b.Fatalf("observed %d daemons: %+v", len(o.Daemons), o.Daemons)
	}
	return o.Daemons[0]
}

func (b *bench) inspect(id string) container.InspectResponse {
	b.Helper()
	in, err := b.api.ContainerInspect(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return in
}

// containers tells all of the stack's containers as name → state.
func (b *bench) containers() map[string]string {
	b.Helper()
	list, err := b.api.ContainerList(b.Context(), container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", testbed.StackLabel+"="+b.stack))})
	if err != nil {
		b.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range list {
		out[strings.TrimPrefix(c.Names[0], "/"+b.stack+"-")] = c.State
	}
	return out
}

// until watches until an observation is as wanted.
func (b *bench) until(opts deploy.WatchOptions, want func(deploy.Observation) bool) deploy.Observation {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	var last deploy.Observation
	for o, err := range b.Watch(ctx, b.stack, opts) {
		if err != nil {
			b.Fatal(err)
		}
		if last = o; want(o) {
			return o
		}
	}
	b.Fatalf("it did not happen; last seen %+v", last)
	return last
}

// calls counts requests to an engine by whether they change something.
type calls struct {
	http.RoundTripper
	reads, writes atomic.Int32
	mu            sync.Mutex
	log           []string
}

func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		c.reads.Add(1)
	} else {
		c.writes.Add(1)
	}
	c.mu.Lock()
	c.log = append(c.log, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

// counted is the bench with a client whose calls are counted.
func (b *bench) counted() *calls {
	b.Helper()
	c := &calls{RoundTripper: b.api.HTTPClient().Transport}
	api, err := client.NewClientWithOpts(client.WithHost(b.api.DaemonHost()), client.WithHTTPClient(&http.Client{Transport: c}), client.WithVersion("1.41"))
	if err != nil {
		b.Fatal(err)
	}
	b.Platform = docker.New(api, "counted")
	return c
}

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
	b.within(func(deploy.Session) {})
	if d := b.only(); d.Renamed != "" || d.Instance != id || d.State != deploy.Running {
		t.Errorf("healed %+v", d)
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
	for _, user := range []string{"1000:1000", "1234"} {
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
