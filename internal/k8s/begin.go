package k8s

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// Begin implements deploy.Platform. The user's rights are asked for before anything is written. What the stack shares is
// seen to while the engine looks at the stack once more: whatever uses it waits for it.
func (p *platform) Begin(ctx context.Context, stack string, opts deploy.BeginOptions) (deploy.Session, error) {
	if err := p.checkAccess(ctx, opts.Command); err != nil {
		return nil, err
	}
	if err := p.ensureNamespace(ctx); err != nil {
		return nil, err
	}
	l, err := p.acquire(ctx, stack, opts)
	if err != nil {
		return nil, err
	}
	s := &session{platform: p, stack: stack, opts: opts, lock: l, prepared: map[string]rendered{}, tried: map[string]bool{},
		pending: map[string]bool{}, accounts: map[string]func() error{}}
	s.changed = l.inherited
	s.mirror, s.release = p.mirrorOf(stack)
	s.shared = begin(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return p.problem(together(func() error { return s.mirror.sync(ctx) }, func() error { return s.ensureKey(ctx) }))
	})
	return s, nil
}

// errand is something that is done while others go on.
type errand struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

func begin(ctx context.Context, do func(context.Context) error) *errand {
	ctx, cancel := context.WithCancel(ctx)
	e := &errand{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		e.err = do(ctx)
	}()
	return e
}

// wait waits until it is done.
func (e *errand) wait(ctx context.Context) error {
	select {
	case <-e.done:
		return e.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end gives it up, where it is not done yet.
func (e *errand) end() {
	e.cancel()
	<-e.done
}

// ensureNamespace makes the namespace where that was asked for.
func (p *platform) ensureNamespace(ctx context.Context) error {
	if !p.opts.CreateNamespace {
		return nil
	}
	err := p.client.Create(ctx, kube.Namespaces, manager, object{"apiVersion": "v1", "kind": "Namespace",
		"metadata": object{"name": p.client.Namespace}}, nil)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if apierrors.IsForbidden(err) && p.client.Get(ctx, kube.Namespaces, p.client.Namespace, &corev1.Namespace{}) == nil {
		return nil
	}
	return p.problem(err)
}

// ensureKey keeps the stack's hash key in the cluster; the one that is there already counts.
func (s *session) ensureKey(ctx context.Context) (err error) {
	if s.key, err = s.platform.key(ctx, s.stack); err != nil || s.key != nil || s.opts.Key == nil {
		return err
	}
	s.key = s.opts.Key
	s.mu.Lock()
	s.pending[""] = true
	s.mu.Unlock()
	err = s.client.Create(ctx, kube.Secrets, manager, keySecret(s.stack, s.key), nil)
	if apierrors.IsAlreadyExists(err) {
		if s.key, err = s.platform.key(ctx, s.stack); err == nil && s.key == nil {
			err = notOurs(keyName(s.stack), "Secret")
		}
	}
	return err
}
