package k8s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// graceOfGrace is how much longer than its stop grace a pod may take to go before that counts as time lost: the cluster
// has to clean up after it.
const graceOfGrace = 10 * time.Second

// session is a change in progress, under the lock.
type session struct {
	*platform
	stack   string
	opts    deploy.BeginOptions
	lock    *lock
	mirror  *mirror
	release func()
	shared  *errand // fills the mirror and sees to the key
	key     []byte

	mu       sync.Mutex
	prepared map[string]rendered
	tried    map[string]bool
	pending  map[string]bool         // daemons that something was made for which nothing uses yet; "" is the stack's key
	changed  bool                    // something may be left over
	accounts map[string]func() error // service accounts, applied once each
}

// Prepare implements deploy.Session: everything that the new pod needs is in the cluster before the old one ends.
func (s *session) Prepare(ctx context.Context, w workload.Workload, fp workload.Fingerprint, report func(deploy.Progress)) error {
	report(deploy.Progress{Phase: deploy.Preparing})
	if err := s.shared.wait(ctx); err != nil {
		return err
	}
	r := render(w, fp, s.key, recordOptions{Settle: w.Settle.String(), Version: s.opts.Version, Source: s.opts.Source})
	s.mu.Lock()
	s.prepared[w.Daemon], s.pending[w.Daemon] = r, true
	s.mu.Unlock()
	if r.secret != nil {
		if err := s.createSecret(ctx, w, r.secret); err != nil {
			return s.problem(err)
		}
	}
	if r.serviceAccount != nil {
		if err := s.applyAccount(ctx, r.serviceAccount); err != nil {
			return s.problem(err)
		}
	}
	return s.rehearse(ctx, w, r.deployment, report)
}

// rehearse finds out whether the cluster would accept an update, and the registry has its image, before what runs now is
// touched.
func (s *session) rehearse(ctx context.Context, w workload.Workload, deployment object, report func(deploy.Progress)) error {
	all, err := s.mirror.views()
	before := all[w.Daemon]
	if err != nil || before.deployment == nil {
		return s.problem(err)
	}
	return together(
		func() error {
			l, err := s.read(ctx, w.Daemon)
			if err == nil {
				_, err = s.apply(ctx, l, deployment, true)
			}
			return err
		},
		func() error {
			if w.PullPolicy == manifest.PullNever || w.PullPolicy != manifest.PullAlways && before.image() == w.Image {
				return nil
			}
			return s.checkImage(ctx, w, report)
		})
}

// createSecret makes a daemon's Secret. One of the name has the same content, if it is ours.
func (s *session) createSecret(ctx context.Context, w workload.Workload, secret object) error {
	err := s.client.Create(ctx, kube.Secrets, manager, secret, nil)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	var there corev1.Secret
	if err := s.client.Get(ctx, kube.Secrets, nameOf(secret), &there); err != nil {
		return err
	}
	if there.Labels[labelStack] != w.Stack || there.Labels[labelDaemon] != w.Daemon {
		return notOurs(there.Name, "Secret")
	}
	return nil
}

// Start implements deploy.Session.
func (s *session) Start(ctx context.Context, daemon string, keep bool, report func(deploy.Progress)) error {
	s.mu.Lock()
	r, ok := s.prepared[daemon]
	s.tried[daemon] = true
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("cannot start %s: it was not prepared", daemon)
	}
	before, err := s.read(ctx, daemon)
	if err != nil {
		return err
	}
	if err := remember(r.deployment, before, keep); err != nil {
		return err
	}
	old := s.podsOf(daemon)
	if len(old) > 0 {
		report(deploy.Progress{Phase: deploy.Stopping})
	}
	if before == nil || before.Spec.Replicas != nil && *before.Spec.Replicas == 0 {
		if err := s.gone(ctx, daemon, old, report); err != nil {
			return err
		}
		if err := s.unmade(ctx, daemon, before); err != nil {
			return err
		}
	}
	after, err := s.apply(ctx, before, r.deployment, false)
	if err != nil {
		return err
	}
	if before == nil { // all that was prepared is in use now
		s.mu.Lock()
		delete(s.pending, daemon)
		delete(s.pending, "")
		s.mu.Unlock()
	}
	if before != nil && reflect.DeepEqual(before.template(), after.template()) {
		if after.Generation, err = s.roll(ctx, nameOf(r.deployment)); err != nil {
			return err
		}
	}
	err = s.gone(ctx, daemon, old, report)
	report(deploy.Progress{Phase: deploy.Launching})
	if err == nil && s.opts.NoWait {
		err = s.begun(ctx, daemon, after.Generation)
	}
	return err
}

// remember writes into a Deployment what there is to go back to: what was kept before, or what runs now.
func remember(deployment object, before *live, keep bool) error {
	if before == nil {
		return nil
	}
	previous := before.Annotations[notePrevious]
	if previous == "" && keep {
		o, ok := before.ours()
		if !ok {
			return nil // nothing that we applied, so nothing that we could apply again
		}
		text, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("cannot keep the previous state of %s: %w", before.Name, err)
		}
		previous = string(text)
	}
	if previous != "" {
		deployment["metadata"].(object)["annotations"].(object)[notePrevious] = previous
	}
	return nil
}

// read reads a daemon's Deployment, nil where there is none.
func (s *session) read(ctx context.Context, daemon string) (*live, error) {
	var l live
	err := s.client.Get(ctx, kube.Deployments, s.stack+"-"+daemon, &l)
	if apierrors.IsNotFound(err) && !s.namespaceMissing(err) {
		return nil, nil
	}
	if err == nil && (l.Labels[labelStack] != s.stack || l.Labels[labelDaemon] != daemon) {
		err = notOurs(l.Name, "Deployment")
	}
	return &l, s.problem(err)
}

// Commit implements deploy.Session.
func (s *session) Commit(ctx context.Context, daemon string) error {
	l, err := s.read(ctx, daemon)
	if err != nil || l == nil || l.Annotations[notePrevious] == "" {
		return err
	}
	o, ok := l.ours()
	if !ok {
		return fmt.Errorf("cannot confirm %s: the cluster has no record of what was applied", l.Name)
	}
	s.leave()
	_, err = s.apply(ctx, l, o, false)
	return err
}

// Undo implements deploy.Session.
func (s *session) Undo(ctx context.Context, daemon string) error {
	if err := s.shared.wait(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	prepared, tried := s.prepared[daemon].deployment != nil, s.tried[daemon]
	delete(s.prepared, daemon)
	s.mu.Unlock()
	if prepared && !tried {
		return nil
	}
	l, err := s.read(ctx, daemon)
	if err != nil {
		return err
	}
	if l == nil || l.Annotations[notePrevious] == "" {
		return deploy.ErrNothingKept
	}
	var previous object
	if err := json.Unmarshal([]byte(l.Annotations[notePrevious]), &previous); err != nil {
		return fmt.Errorf("cannot read the previous state of %s: %w", l.Name, err)
	}
	s.leave()
	after, err := s.apply(ctx, l, previous, false)
	if err == nil && reflect.DeepEqual(l.template(), after.template()) { // it was only recreated: its pod has to go all the same
		after.Generation, err = s.roll(ctx, l.Name)
	}
	if err != nil {
		return err
	}
	return s.revived(ctx, daemon, after.Generation)
}

// Remove implements deploy.Session.
func (s *session) Remove(ctx context.Context, daemon string) error {
	if err := s.shared.wait(ctx); err != nil {
		return err
	}
	l, err := s.read(ctx, daemon)
	if err != nil {
		return err
	}
	s.leave()
	if l != nil {
		if err := s.client.Delete(ctx, kube.Deployments, l.Name, nil); err != nil && !apierrors.IsNotFound(err) {
			return s.problem(err)
		}
	}
	return s.problem(s.mirror.await(ctx, daemon, func(v view) bool { return v.deployment == nil && len(v.pods) == 0 && !v.owned() }))
}

// Restart implements deploy.Session: through the template, so that the old pod has ended before the new one starts.
func (s *session) Restart(ctx context.Context, daemon string, report func(deploy.Progress)) error {
	if err := s.shared.wait(ctx); err != nil {
		return err
	}
	l, err := s.read(ctx, daemon)
	if err != nil {
		return err
	}
	if l == nil {
		return &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("there is no daemon %s in stack %s", daemon, s.stack)}
	}
	report(deploy.Progress{Phase: deploy.Stopping})
	old := s.podsOf(daemon)
	if _, err := s.roll(ctx, l.Name); err != nil {
		return err
	}
	if l.Spec.Replicas != nil && *l.Spec.Replicas == 0 {
		if o, ok := l.ours(); ok {
			o["spec"].(object)["replicas"] = int64(1)
			if _, err := s.apply(ctx, l, o, false); err != nil {
				return err
			}
		}
	}
	err = s.gone(ctx, daemon, old, report)
	report(deploy.Progress{Phase: deploy.Launching})
	return err
}

// RemoveData implements deploy.Session: a cluster keeps no data of ours.
func (s *session) RemoveData(_ context.Context, name string) error {
	return &deploy.Problem{Reason: deploy.NotFound, Message: "there is no data " + name}
}

// Lost implements deploy.Session.
func (s *session) Lost() <-chan struct{} { return s.lock.lost }

// WhyLost says why the lock could not be renewed, nil where somebody else has it.
func (s *session) WhyLost() *deploy.Problem { return s.lock.unheld }

// Close implements deploy.Session.
func (s *session) Close(ctx context.Context) error {
	defer s.release()
	s.shared.end()
	var err error
	select {
	case <-s.lock.lost: // what is left over is the next holder's to clean up
	default:
		s.mu.Lock()
		changed := s.changed || len(s.pending) > 0
		s.mu.Unlock()
		if changed {
			err = s.sweep(ctx)
		}
	}
	return errors.Join(err, s.lock.release(ctx))
}

// leave notes that something may be left over that nothing uses any more.
func (s *session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = true
}
