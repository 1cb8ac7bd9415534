package k8s

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// A kubelet tells of an exit up to a second late, which is longer than a daemon must run to count as ready. But it ends
// the log stream of a container as soon as that has exited. So while a daemon is waited for, we hold a stream of its log
// open, and look whether it has ended before we believe that the daemon runs.

// overdue is how long we wait for the cluster to tell of an exit that we know of: it knows more about it than we do.
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
	ended  chan struct{} // closed when the stream that is held has ended by itself
}

// guard makes a run known to Look. With hold it keeps the log stream open until that ends or ctx does.
func (p *platform) guard(ctx context.Context, m *mirror, pod *corev1.Pod, o deploy.Observation, hold bool) {
	if pod == nil || pod.Spec.NodeName == "" { // the log of a pod on no node ends at once, and tells nothing
		return
	}
	g := &guarded{mirror: m, pod: pod.Name, ended: make(chan struct{})}
	if _, there := p.guards.LoadOrStore(runOf(o), g); there || !hold {
		return
	}
	go func() {
		// Without the right to read logs, or a way to the kubelet, the cluster's word must do.
		if p.drain(ctx, pod.Name, o.Daemon, true, func() {}) == nil {
			close(g.ended)
		}
	}()
}

// The time that a stream is given to end, beside what the kubelet was just seen to need, and at most.
const (
	echo      = 50 * time.Millisecond
	echoAtAll = 5 * time.Second
)

// hasEnded says whether a guarded run is over. The stream that guards it may lag a second behind: a kubelet that has read
// all there is looks at the container only that often. But it looks when it begins to follow. So another stream is begun,
// and given the time to end that the kubelet needs for what it answers at once, twice as often as it takes steps: on a
// machine under load, exits are late everywhere. That the guarding stream has ended may also be the kubelet's own end:
// the other one tells, if there is a kubelet again.
func (p *platform) hasEnded(ctx context.Context, g *guarded, container string) bool {
	asking, cancel := context.WithTimeout(ctx, echoAtAll)
	defer cancel()
	asked := time.Now()
	opened, fresh := make(chan struct{}), make(chan error, 1)
	go func() { fresh <- p.drain(asking, g.pod, container, true, func() { close(opened) }) }()
	for range 4 {
		if kube.NodeUnreachable(p.drain(asking, g.pod, container, false, func() {})) {
			return false // nobody can look now: the cluster's word must do
		}
	}
	timer := time.NewTimer(time.Until(asked.Add(max(echo, 2*time.Since(asked)))))
	defer timer.Stop()
	for guard := g.ended; ; {
		select {
		case <-guard:
			guard = nil
			timer.Reset(time.Until(asked.Add(echoAtAll)))
		case err := <-fresh:
			if asking.Err() == nil {
				return err == nil || isClosed(g.ended) && !kube.NodeUnreachable(err)
			}
			return isClosed(g.ended) && !isClosed(opened)
		case <-timer.C:
			return isClosed(g.ended) && !isClosed(opened)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// drain reads from the end of a container's log on, to the end of the stream. It calls opened once there is one.
func (p *platform) drain(ctx context.Context, pod, container string, follow bool, opened func()) error {
	q := url.Values{"container": {container}, "tailLines": {"0"}}
	if follow {
		q.Set("follow", "true")
	}
	stream, err := p.client.Log(ctx, pod, q)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	opened()
	if _, err = io.Copy(io.Discard, stream); err == nil {
		err = ctx.Err()
	}
	return err
}

// Look implements deploy.Looker.
func (p *platform) Look(ctx context.Context, before deploy.Observation) (deploy.Observation, error) {
	v, ok := p.guards.Load(runOf(before))
	if !ok {
		return deploy.Observation{}, errors.New("this run was never watched")
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
	waiting, cancel := context.WithTimeout(ctx, overdue)
	defer cancel()
	err := g.mirror.await(waiting, before.Daemon, differs)
	if err != nil && (ctx.Err() != nil || waiting.Err() == nil) {
		return deploy.Observation{}, err
	}
	if err != nil { // the cluster does not know yet what we know
		now.State = deploy.BackOff
	}
	return now, nil
}
