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
