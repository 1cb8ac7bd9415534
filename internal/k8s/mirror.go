package k8s

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// mirror follows what the cluster has of one stack: one list and one watch per kind. A watch that breaks off is taken up
// where it ended; where the cluster has forgotten that moment, everything is listed again.
type mirror struct {
	client *kube.Client
	stack  string

	mu          sync.Mutex
	deployments map[string]*appsv1.Deployment // all by uid
	replicaSets map[string]*appsv1.ReplicaSet
	pods        map[string]*corev1.Pod
	warnings    map[string]*corev1.Event
	news        chan struct{} // closed at the next change
	err         error         // why nothing more will be heard

	synced chan struct{} // closed when every kind has been listed
	stop   context.CancelFunc
	done   chan struct{}
}

// follow starts a mirror.
func follow(ctx context.Context, client *kube.Client, stack string) *mirror {
	ctx, cancel := context.WithCancel(ctx)
	m := &mirror{client: client, stack: stack, news: make(chan struct{}), synced: make(chan struct{}), stop: cancel, done: make(chan struct{}),
		deployments: map[string]*appsv1.Deployment{}, replicaSets: map[string]*appsv1.ReplicaSet{},
		pods: map[string]*corev1.Pod{}, warnings: map[string]*corev1.Event{}}
	ours := kube.Selector{Labels: labelStack + "=" + stack}
	var listed, ended sync.WaitGroup
	listed.Add(4)
	ended.Go(func() { m.end(keep(ctx, m, kube.Deployments, ours, m.deployments, listed.Done)) })
	ended.Go(func() { m.end(keep(ctx, m, kube.ReplicaSets, ours, m.replicaSets, listed.Done)) })
	ended.Go(func() { m.end(keep(ctx, m, kube.Pods, ours, m.pods, listed.Done)) })
	ended.Go(func() {
		err := keep(ctx, m, kube.Events, kube.Selector{Fields: "type=Warning"}, m.warnings, listed.Done)
		if !apierrors.IsForbidden(err) { // events are evidence only
			m.end(err)
		}
	})
	go func() { listed.Wait(); close(m.synced) }()
	go func() { ended.Wait(); cancel(); close(m.done) }()
	return m
}

// list is a list of any kind.
type list[T any] struct {
	Metadata metav1.ListMeta `json:"metadata"`
	Items    []T             `json:"items"`
}

// keep follows one kind until ctx ends or the cluster refuses. listed is called once, when it has been listed or cannot be.
func keep[T any, P interface {
	*T
	metav1.Object
}](ctx context.Context, m *mirror, k kube.Kind, s kube.Selector, into map[string]P, listed func()) error {
	once := sync.OnceFunc(listed)
	defer once()
	version, failed := "", 0
	for ctx.Err() == nil {
		if version == "" {
			var all list[T]
			if err := m.client.List(ctx, k, s, &all); err != nil {
				return err
			}
			m.change(func() {
				clear(into)
				for i := range all.Items {
					P(&all.Items[i]).SetManagedFields(nil)
					into[string(P(&all.Items[i]).GetUID())] = &all.Items[i]
				}
			})
			version = all.Metadata.ResourceVersion
			once()
		}
		began := time.Now()
		err := m.client.Watch(ctx, k, s, version, func(c kube.Change) error {
			item := P(new(T))
			if err := json.Unmarshal(c.Object, item); err != nil {
				return fmt.Errorf("cannot read a change of %s: %w", k.Resource, err)
			}
			version, failed = item.GetResourceVersion(), 0
			m.take(c.Type, func() {
				item.SetManagedFields(nil)
				into[string(item.GetUID())] = item
			}, func() { delete(into, string(item.GetUID())) })
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case kube.TooOld(err):
			version = ""
		case kube.Refused(err):
			return err
		}
		if time.Since(began) < time.Second { // do not hammer a server that ends watches at once
			if failed++; kube.Pause(ctx, failed) != nil {
				return nil
			}
		}
	}
	return nil
}

func (m *mirror) take(kind string, put, drop func()) {
	switch kind {
	case "ADDED", "MODIFIED":
		m.change(put)
	case "DELETED":
		m.change(drop)
	}
}

// change changes the mirror and wakes those who wait for that.
func (m *mirror) change(act func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	act()
	close(m.news)
	m.news = make(chan struct{})
}

func (m *mirror) end(err error) {
	if err == nil {
		return
	}
	m.change(func() {
		if m.err == nil {
			m.err = err
		}
	})
}

// close ends the mirror, and returns when nothing of it is under way any more.
func (m *mirror) close() {
	m.stop()
	<-m.done
}

// sync waits until everything has been listed.
func (m *mirror) sync(ctx context.Context) error {
	select {
	case <-m.synced:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := m.views()
	return err
}

// views are what is known of every daemon now, by its name; the error is why nothing more will be heard.
func (m *mirror) views() (map[string]view, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := map[string][]*corev1.Event{}
	for _, e := range m.warnings {
		uid := string(e.InvolvedObject.UID)
		events[uid] = append(events[uid], e)
	}
	all := map[string]view{}
	at := func(o metav1.Object, add func(*view)) {
		daemon := o.GetLabels()[labelDaemon]
		v := all[daemon]
		v.daemon, v.events = daemon, events
		add(&v)
		all[daemon] = v
	}
	for _, d := range m.deployments {
		at(d, func(v *view) { v.deployment = d })
	}
	for _, rs := range m.replicaSets {
		at(rs, func(v *view) { v.replicaSets = append(v.replicaSets, rs) })
	}
	for _, p := range m.pods {
		at(p, func(v *view) { v.pods = append(v.pods, p) })
	}
	return all, m.err
}

// next is closed at the next change after this call.
func (m *mirror) next() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.news
}

// await returns when a daemon's view satisfies a condition.
func (m *mirror) await(ctx context.Context, daemon string, holds func(view) bool) error {
	for {
		news := m.next()
		all, err := m.views()
		if err != nil {
			return err
		}
		if holds(all[daemon]) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
