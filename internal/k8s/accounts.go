package k8s

import (
	"context"
	"encoding/json"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/workload"
)

// account is a service account as the cluster has it: its metadata, which is all we write, and as it was written.
type account struct {
	metav1.ObjectMeta
	raw object
}

// UnmarshalJSON reads both.
func (a *account) UnmarshalJSON(text []byte) error {
	var meta metav1.PartialObjectMetadata
	if err := json.Unmarshal(text, &meta); err != nil {
		return err
	}
	a.ObjectMeta = meta.ObjectMeta
	return json.Unmarshal(text, &a.raw)
}

// accounts reads the service accounts that have the names of the workloads' profiles, whosever they are.
func (p *platform) accounts(ctx context.Context, ws []workload.Workload) (map[string]*account, error) {
	there := map[string]*account{}
	for _, w := range ws {
		if w.Cluster.Profile != "" {
			there[serviceAccountName(w)] = nil
		}
	}
	names := sortedKeys(there)
	found := make([]*account, len(names))
	err := each(len(names), func(i int) (err error) { found[i], err = p.account(ctx, names[i]); return err })
	for i, name := range names {
		there[name] = found[i]
	}
	return there, err
}

// account reads a service account, nil where there is none.
func (p *platform) account(ctx context.Context, name string) (*account, error) {
	var a account
	err := p.client.Get(ctx, kube.ServiceAccounts, name, &a)
	if apierrors.IsNotFound(err) && !p.namespaceMissing(err) {
		return nil, nil
	}
	return &a, err
}

// accountChanges compares a service account with what we would apply.
func accountChanges(a *account, want object) []difference {
	have, _ := owned(a.raw, a.ManagedFields, manager)
	return drifted(a.raw, have, want)
}

// accountDrift tells how the service account of a daemon is not what it should be.
func accountDrift(there map[string]*account, want object) []deploy.Cause {
	at := "serviceaccount " + nameOf(want)
	a := there[nameOf(want)]
	if a == nil {
		return []deploy.Cause{{Path: at, Kind: deploy.Removed}}
	}
	var out []deploy.Cause
	for _, diff := range accountChanges(a, want) {
		c := causeOf(diff, a.raw, want)
		c.Path = at + " " + c.Path
		out = append(out, c)
	}
	return out
}

// applyAccount makes a service account what it should be, once for all daemons that run under it. Nothing is written
// where it is that already.
func (s *session) applyAccount(ctx context.Context, want object) error {
	name := nameOf(want)
	s.mu.Lock()
	apply := s.accounts[name]
	if apply == nil {
		apply = sync.OnceValue(func() error { return s.applyAccountOnce(ctx, want) })
		s.accounts[name] = apply
	}
	s.mu.Unlock()
	return apply()
}

func (s *session) applyAccountOnce(ctx context.Context, want object) error {
	there, err := s.account(ctx, nameOf(want))
	switch {
	case err != nil:
		return err
	case there != nil && there.Labels[labelStack] != s.stack:
		return notOurs(there.Name, "ServiceAccount")
	case there != nil && len(accountChanges(there, want)) == 0:
		return nil
	}
	var after account
	err = s.client.Apply(ctx, kube.ServiceAccounts, nameOf(want), want, kube.ApplyOptions{Manager: manager, Force: s.platform.opts.ForceConflicts}, &after)
	if c := conflicts(err); len(c) > 0 {
		return conflictProblem(kube.ServiceAccounts.Name, nameOf(want), c)
	}
	return err
}
