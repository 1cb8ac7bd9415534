package k8s

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// A kubelet tells of an exit up to a second late, which is longer than a daemon must run to count as ready. But it ends
// the log stream of a container as soon as that has exited. So while a daemon is waited for, we hold a stream of its log
// open, and look whether it has ended before we believe that the daemon runs.

// overdue is how long we wait for the cluster to tell of an exit that we know of.
const overdue = 5 * time.Second

// run is one life of a container, between a start and an exit.
type run struct {
	pod      string // its uid
	started  int64
	restarts int
}

func runOf(o deploy.Observation) run { return run{o.Instance, o.StartedAt.UnixNano(), o.Restarts} }

// guarded is a run whose log stream we hold open.
type guarded struct {
	mirror *mirror
	pod    string        // its name
	ended  chan struct{} // closed when the stream has ended by itself
}

// guard holds the log stream of a run open until it ends or ctx does.
func (p *platform) guard(ctx context.Context, m *mirror, pod *corev1.Pod, o deploy.Observation) {
	if pod == nil {
		return
	}
	g := &guarded{mirror: m, pod: pod.Name, ended: make(chan struct{})}
	if _, there := p.guards.LoadOrStore(runOf(o), g); there {
		return
	}
	go func() {
		stream, err := p.client.Log(ctx, pod.Name, url.Values{"container": {o.Daemon}, "follow": {"true"}, "tailLines": {"0"}})
		if err != nil {
			return // no right to read logs, or no way to the kubelet: then the cluster's word must do
		}
		defer func() { _ = stream.Close() }()
		if _, err := io.Copy(io.Discard, stream); err == nil && ctx.Err() == nil {
			close(g.ended)
		}
	}()
}

// The time that the stream of a container which has ended is given to end as well.
const (
	echo      = 50 * time.Millisecond
	echoAtAll = 2 * time.Second
)

// hasEnded says whether a guarded run is over. The stream of one that was over before the stream was asked for ends as
// soon as the kubelet has got round to it; another, shorter question to the same kubelet tells how long that takes now.
func (p *platform) hasEnded(ctx context.Context, g *guarded, container string) bool {
	asked := time.Now()
	asking, cancel := context.WithTimeout(ctx, echoAtAll)
	defer cancel()
	if stream, err := p.client.Log(asking, g.pod, url.Values{"container": {container}, "tailLines": {"0"}}); err == nil {
		_, _ = io.Copy(io.Discard, stream)
		_ = stream.Close()
	}
	timer := time.NewTimer(max(echo, time.Since(asked)))
	defer timer.Stop()
	select {
	case <-g.ended:
		return true
	case <-timer.C:
		return false
	}
}

// Look implements deploy.Looker.
func (p *platform) Look(ctx context.Context, before deploy.Observation) (deploy.Observation, error) {
	v, ok := p.guards.Load(runOf(before))
	if !ok {
		return deploy.Observation{}, errors.New("this run is not guarded")
	}
	g := v.(*guarded)
	var now deploy.Observation
	differs := func(v view) bool {
		now = v.observe(time.Now()).Observation
		return runOf(now) != runOf(before) || now.State != before.State
	}
	if !p.hasEnded(ctx, g, before.Daemon) {
		all, err := g.mirror.views()
		if err != nil {
			return deploy.Observation{}, err
		}
		differs(all[before.Daemon])
		return now, nil
	}
	ctx, cancel := context.WithTimeout(ctx, overdue)
	defer cancel()
	if err := g.mirror.await(ctx, before.Daemon, differs); err != nil {
		return deploy.Observation{}, err
	}
	return now, nil
}
