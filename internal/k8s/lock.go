package k8s

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// How long a lock lives without being renewed. A holder that can be looked for is not judged by time.
const (
	leaseLife   = 30 * time.Second
	leaseRenew  = 5 * time.Second
	leaseLook   = time.Second // to what brings no event: dead holders, expired leases
	lastCallout = 5 * time.Second
)

// Holder is the process that holds a lock. Boot, Space and Start tell it from others of the same number.
type Holder struct {
	Host    string    `json:"host"`
	User    string    `json:"user,omitempty"`
	Boot    string    `json:"boot,omitempty"`
	Space   string    `json:"space,omitempty"`
	PID     int       `json:"pid"`
	Start   string    `json:"start,omitempty"`
	Command string    `json:"command,omitempty"`
	Since   time.Time `json:"since"`
}

// told is the holder as deploy names it.
func (h Holder) told() deploy.LockHolder {
	return deploy.LockHolder{Host: h.Host, User: h.User, PID: h.PID, Command: h.Command, Since: h.Since}
}

// lock is a stack's lock: a Lease that is there while somebody holds it. Whoever takes it over replaces it at the very
// version that was judged, so that two cannot both succeed.
type lock struct {
	*platform
	stack string
	me    string // of this contender, and nobody else
	body  Holder

	mu        sync.Mutex
	inherited bool // from a run that was broken off

	version string // of our lease
	uid     string

	lost   chan struct{}
	unheld *deploy.Problem // set before lost is closed: why the lease was not renewed, where nobody else has taken it
	cancel context.CancelFunc
	ended  chan struct{}
}

// acquire takes the stack's lock.
func (p *platform) acquire(ctx context.Context, stack string, opts deploy.BeginOptions) (*lock, error) {
	l := &lock{platform: p, stack: stack, me: rand.Text(), body: p.opts.Self, lost: make(chan struct{}), ended: make(chan struct{})}
	l.body.Command, l.body.Since = opts.Command, time.Now()
	until := time.Now().Add(opts.LockTimeout)
	told := ""
	for {
		held, err := l.try(ctx, opts)
		if err != nil {
			return nil, p.problem(err)
		}
		if held == nil {
			break
		}
		holder := holderOf(held)
		if id := identity(held); id != told && opts.OnWait != nil && time.Now().Before(until) {
			told = id
			opts.OnWait(holder.told())
		}
		if !time.Now().Before(until) {
			return nil, &deploy.Problem{Reason: deploy.LockHeld, Message: fmt.Sprintf("the stack %s is being changed by %s", stack, holder.told())}
		}
		if err := l.wait(ctx, held, until); err != nil {
			return nil, p.problem(err)
		}
	}
	renewing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	go l.keep(renewing)
	return l, nil
}

// try takes the lock if it is free, and else gives the lease of who holds it.
func (l *lock) try(ctx context.Context, opts deploy.BeginOptions) (*coordinationv1.Lease, error) {
	for {
		var held coordinationv1.Lease
		err := l.client.Create(ctx, kube.Leases, manager, l.lease(""), &held)
		if err == nil {
			l.hold(&held)
			return nil, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
		if err = l.client.Get(ctx, kube.Leases, leaseName(l.stack), &held); apierrors.IsNotFound(err) {
			continue // it was let go just now
		} else if err != nil {
			return nil, err
		}
		if identity(&held) == l.me { // our own call that seemed to fail
			l.hold(&held)
			return nil, nil
		}
		why := l.abandoned(&held)
		if why == "" {
			return &held, nil
		}
		before := holderOf(&held)
		err = l.client.Update(ctx, kube.Leases, manager, leaseName(l.stack), l.lease(held.ResourceVersion), &held)
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			continue // somebody was quicker
		}
		if err != nil {
			return nil, err
		}
		l.hold(&held)
		l.inherited = true
		if opts.OnTakeover != nil {
			opts.OnTakeover(before.told(), why)
		}
		return nil, nil
	}
}

// abandoned says why a lease is not held any more, "" where it is.
func (p *platform) abandoned(held *coordinationv1.Lease) string {
	h := holderOf(held)
	switch {
	case p.opts.Dead != nil && p.opts.Dead(h):
		return fmt.Sprintf("its process %d has ended", h.PID)
	case held.Spec.RenewTime == nil:
		return "it was never renewed"
	}
	if age := p.client.Now().Sub(held.Spec.RenewTime.Time); age > leaseLife {
		return fmt.Sprintf("it was not renewed for %s", age.Round(time.Second))
	}
	return ""
}

// wait returns when the lease may have changed, at the latest after a while.
func (l *lock) wait(ctx context.Context, held *coordinationv1.Lease, until time.Time) error {
	changed := errors.New("changed")
	watching, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(leaseLook), until))
	defer cancel()
	err := l.client.Watch(watching, kube.Leases, kube.Selector{Fields: "metadata.name=" + held.Name}, held.ResourceVersion,
		func(c kube.Change) error {
			if c.Type == "BOOKMARK" {
				return nil
			}
			return changed
		})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, changed), watching.Err() != nil, kube.TooOld(err):
		return nil
	case kube.Refused(err):
		return err
	}
	return kube.Pause(ctx, 3)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// lease is our lease, in place of the version given.
func (l *lock) lease(version string) object {
	text, _ := json.Marshal(l.body) // strings, a number and a time: it cannot fail
	now := l.client.Now().UTC().Format(metav1.RFC3339Micro)
	meta := object{"name": leaseName(l.stack), "labels": stackLabels(l.stack, roleLock), "annotations": object{noteHolder: string(text)}}
	if version != "" {
		meta["resourceVersion"] = version
	}
	return object{"apiVersion": kube.Leases.APIVersion(), "kind": kube.Leases.Name, "metadata": meta,
		"spec": object{"holderIdentity": l.me, "leaseDurationSeconds": int64(leaseLife.Seconds()), "acquireTime": now, "renewTime": now}}
}

func (l *lock) hold(lease *coordinationv1.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version, l.uid = lease.ResourceVersion, string(lease.UID)
}

// keep renews the lease until ctx ends or it is lost.
func (l *lock) keep(ctx context.Context) {
	defer close(l.ended)
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := l.renew(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			renewed = time.Now()
		case apierrors.IsConflict(err), apierrors.IsNotFound(err):
			close(l.lost)
			return
		case time.Since(renewed) > leaseLife-leaseRenew:
			errors.As(l.problem(err), &l.unheld)
			close(l.lost)
			return
		}
	}
}

// renew replaces our lease by a newer one. A conflict with ourselves, after an answer that was lost, is none.
func (l *lock) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseLife/3)
	defer cancel()
	l.mu.Lock()
	version := l.version
	l.mu.Unlock()
	var held coordinationv1.Lease
	err := l.client.Update(ctx, kube.Leases, manager, leaseName(l.stack), l.lease(version), &held)
	if apierrors.IsConflict(err) {
		if get := l.client.Get(ctx, kube.Leases, leaseName(l.stack), &held); get == nil && identity(&held) == l.me {
			err = nil
		}
	}
	if err == nil {
		l.hold(&held)
	}
	return err
}

// release lets go of the lock.
func (l *lock) release(ctx context.Context) error {
	l.cancel()
	<-l.ended
	select {
	case <-l.lost:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, lastCallout)
	defer cancel()
	l.mu.Lock()
	uid, version := types.UID(l.uid), l.version
	l.mu.Unlock()
	err := l.client.Delete(ctx, kube.Leases, leaseName(l.stack), &metav1.Preconditions{UID: &uid, ResourceVersion: &version})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return l.problem(err)
}

// holderOf reads who holds a lease.
func holderOf(lease *coordinationv1.Lease) Holder {
	var h Holder
	_ = json.Unmarshal([]byte(lease.Annotations[noteHolder]), &h)
	if h.Host == "" {
		h.Host = identity(lease)
	}
	return h
}

func identity(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
