package k8s

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// podsOf gives the uids of all pods that there are of a daemon, and how long the longest of them may take to end.
func (s *session) podsOf(daemon string) map[string]time.Duration {
	all, _ := s.mirror.views()
	pods := map[string]time.Duration{}
	for _, p := range all[daemon].pods {
		grace := int64(30)
		if p.Spec.TerminationGracePeriodSeconds != nil {
			grace = *p.Spec.TerminationGracePeriodSeconds
		}
		pods[string(p.UID)] = time.Duration(grace) * time.Second
	}
	return pods
}

// gone waits until none of these pods exists. What takes longer than their stop grace counts as time lost.
func (s *session) gone(ctx context.Context, daemon string, pods map[string]time.Duration, report func(deploy.Progress)) error {
	if len(pods) == 0 {
		return nil
	}
	var grace time.Duration
	for _, g := range pods {
		grace = max(grace, g)
	}
	late := time.AfterFunc(grace+graceOfGrace, func() { report(deploy.Progress{Phase: deploy.Launching}) })
	defer late.Stop()
	return s.mirror.await(ctx, daemon, func(v view) bool {
		return !slices.ContainsFunc(v.pods, func(p *corev1.Pod) bool { _, old := pods[string(p.UID)]; return old })
	})
}

// unmade waits until nothing is left that could make another pod of a Deployment that is gone. before is the present one.
func (s *session) unmade(ctx context.Context, daemon string, before *live) error {
	if before != nil {
		return nil
	}
	return s.mirror.await(ctx, daemon, func(v view) bool { return len(v.pods) == 0 && !v.owned() })
}

// owned says that there are ReplicaSets of a Deployment, which the cluster removes after it. One that a person has kept
// on purpose has no owner any more.
func (v view) owned() bool {
	return slices.ContainsFunc(v.replicaSets, func(rs *appsv1.ReplicaSet) bool { return len(rs.OwnerReferences) > 0 })
}

// begun waits until a daemon's container was started, or cannot be for now.
func (s *session) begun(ctx context.Context, daemon string, generation int64) error {
	return s.problem(s.mirror.await(ctx, daemon, func(v view) bool {
		if v.deployment == nil || v.deployment.Generation < generation {
			return false
		}
		o := v.observe(time.Now())
		return o.State != deploy.Created || o.Problem != nil || !o.again.IsZero()
	}))
}

// revived waits until what was put back has been started. Pods that are in its way are given what time there is to end.
// That the time is over before is no error: the cluster goes on by itself.
func (s *session) revived(ctx context.Context, daemon string, generation int64) error {
	left := int64(30)
	if deadline, ok := ctx.Deadline(); ok {
		left = int64(time.Until(deadline).Seconds()) - 1
	}
	all, err := s.mirror.views()
	if err != nil {
		return s.problem(err)
	}
	pods := all[daemon].pods
	err = each(len(pods), func(i int) error {
		grace := pods[i].Spec.TerminationGracePeriodSeconds
		if grace != nil && *grace <= left {
			return nil
		}
		if err := s.client.Hurry(ctx, pods[i].Name, max(1, left)); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return s.problem(err)
	}
	err = s.begun(ctx, daemon, generation)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
