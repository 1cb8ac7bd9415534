package k8s

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// apply applies a Deployment in place of what is there, which is nil where there is none. Fields that others manage are a
// conflict, except the number of replicas and the strategy: two of a daemon must never run, whoever wants them.
func (p *platform) apply(ctx context.Context, before *live, deployment object, rehearsal bool) (*live, error) {
	var after live
	name := nameOf(deployment)
	if before != nil {
		if found := obstacles(before.raw, deployment); len(found) > 0 {
			if err := p.clear(ctx, before, found, rehearsal); err != nil || rehearsal {
				return nil, err
			}
		}
	}
	err := p.client.Apply(ctx, kube.Deployments, name, deployment, kube.ApplyOptions{Manager: manager, Force: p.opts.ForceConflicts, DryRun: rehearsal}, &after)
	if c := conflicts(err); len(c) > 0 && !slices.ContainsFunc(c, func(c conflict) bool { return !c.takenBack() }) {
		err = p.client.Apply(ctx, kube.Deployments, name, deployment, kube.ApplyOptions{Manager: manager, Force: true, DryRun: rehearsal}, &after)
	}
	if c := conflicts(err); len(c) > 0 {
		return nil, conflictProblem(kube.Deployments.Name, name, c)
	}
	if err == nil && !rehearsal {
		err = p.forget(ctx, &after)
	}
	return &after, p.problem(err)
}

// clear replaces what others have set and what excludes what we would apply. The patch makes us own it twice: forget ends
// that once it has been applied as well.
func (p *platform) clear(ctx context.Context, before *live, found []obstacle, rehearsal bool) error {
	var in []conflict
	for _, o := range found {
		if !o.takenBack() && !p.opts.ForceConflicts {
			in = append(in, conflict{o.field, ownerOf(before.ManagedFields, o.owner)})
		}
	}
	if len(in) > 0 {
		return conflictProblem(kube.Deployments.Name, before.Name, in)
	}
	var after live
	return p.problem(p.client.Patch(ctx, kube.Deployments, before.Name, manager, clearing(before.ResourceVersion, found), rehearsal, &after))
}

// forget drops the record that a patch of ours leaves beside the one of what we applied: what is only in the former would
// outlive its removal from the manifest.
func (p *platform) forget(ctx context.Context, l *live) error {
	i := lingering(l.ManagedFields)
	if i < 0 {
		return nil
	}
	return p.client.Patch(ctx, kube.Deployments, l.Name, manager, []kube.PatchOp{
		{Op: "test", Path: fmt.Sprintf("/metadata/managedFields/%d/manager", i), Value: manager},
		{Op: "test", Path: fmt.Sprintf("/metadata/managedFields/%d/operation", i), Value: "Update"},
		{Op: "remove", Path: fmt.Sprintf("/metadata/managedFields/%d", i)},
	}, false, l)
}

// roll has the cluster replace a daemon's pod by another one of the same template. It gives the Deployment's generation.
func (p *platform) roll(ctx context.Context, name string) (int64, error) {
	var after live
	err := p.problem(p.client.Apply(ctx, kube.Deployments, name, object{
		"apiVersion": kube.Deployments.APIVersion(), "kind": kube.Deployments.Name, "metadata": object{"name": name},
		"spec": object{"template": object{"metadata": object{"annotations": object{noteRestart: time.Now().UTC().Format(time.RFC3339Nano)}}}},
	}, kube.ApplyOptions{Manager: restartManager, Force: true}, &after))
	return after.Generation, err
}

// conflict is a field that somebody else manages.
type conflict struct{ field, manager string }

// takenBack says that a field is ours whoever else sets it.
func (c conflict) takenBack() bool {
	return c.field == ".spec.replicas" || strings.HasPrefix(c.field, ".spec.strategy")
}

// conflictManager finds the manager in the server's words: conflict with "kubectl-edit" using apps/v1.
func conflictManager() *regexp.Regexp { return regexp.MustCompile(`conflicts? with "([^"]*)"`) }

// conflicts reads the fields out of an apply's refusal.
func conflicts(err error) []conflict {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out []conflict
	for _, c := range status.Status().Details.Causes {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		by := c.Message
		if m := conflictManager().FindStringSubmatch(c.Message); m != nil {
			by = m[1]
		}
		out = append(out, conflict{c.Field, by})
	}
	return out
}

func conflictProblem(kind, name string, conflicts []conflict) error {
	var said []string
	for _, c := range conflicts {
		said = append(said, fmt.Sprintf("%s (by %s)", c.field, c.manager))
	}
	slices.Sort(said)
	return &deploy.Problem{Reason: deploy.FieldConflict,
		Message: fmt.Sprintf("others manage fields of the %s %s that would be set: %s", kind, name, strings.Join(said, ", "))}
}

// sweep deletes what nothing uses any more: Secrets that neither a live Deployment nor the one it would go back to
// names, service accounts likewise, and the stack's key once there is no daemon left.
func (s *session) sweep(ctx context.Context) error {
	ours := kube.Selector{Labels: labelStack + "=" + s.stack}
	var deployments list[live]
	var secrets, accounts []string
	err := together(
		func() error { return s.client.List(ctx, kube.Deployments, ours, &deployments) },
		func() (err error) { secrets, err = s.names(ctx, kube.Secrets, ours); return err },
		func() (err error) { accounts, err = s.names(ctx, kube.ServiceAccounts, ours); return err })
	if err != nil {
		return s.problem(err)
	}
	var used strings.Builder
	for _, d := range deployments.Items {
		spec, _ := d.raw["spec"].(object)
		used.WriteString(shownWhole(spec) + d.Annotations[notePrevious])
	}
	if len(deployments.Items) > 0 {
		used.WriteString(quote(keyName(s.stack)))
	}
	drop := func(k kube.Kind, names []string) func() error {
		names = slices.DeleteFunc(names, func(n string) bool { return strings.Contains(used.String(), quote(n)) })
		return func() error {
			return each(len(names), func(i int) error {
				if err := s.client.Delete(ctx, k, names[i], nil); !apierrors.IsNotFound(err) {
					return err
				}
				return nil
			})
		}
	}
	return s.problem(together(drop(kube.Secrets, secrets), drop(kube.ServiceAccounts, accounts)))
}
