package k8s

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/workload"
)

// taken tells which of the names that workloads would get are others' already.
func (p *platform) taken(ctx context.Context, stack string, ws []workload.Workload) (map[string]string, error) {
	if len(ws) == 0 {
		return nil, nil
	}
	others, err := p.names(ctx, kube.Deployments, kube.Selector{Labels: labelStack + "!=" + stack})
	taken := map[string]string{}
	for _, w := range ws {
		if slices.Contains(others, w.Name()) {
			taken[w.Daemon] = fmt.Sprintf("a Deployment in namespace %s that this stack does not own", p.client.Namespace)
		}
	}
	return taken, err
}

// notOurs says that an object has a name of ours and is not ours.
func notOurs(name, kind string) *deploy.Problem {
	return &deploy.Problem{Reason: deploy.NameTaken, Message: fmt.Sprintf("the name %s is taken by a %s that this stack does not own", name, kind)}
}

// autoscaler is as much of a HorizontalPodAutoscaler as we need.
type autoscaler struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"scaleTargetRef"`
	} `json:"spec"`
}

// autoscaled names the autoscaler of each Deployment that has one. Who may not look at autoscalers does not see them.
func (p *platform) autoscaled(ctx context.Context) (map[string]string, error) {
	var all list[autoscaler]
	err := p.client.List(ctx, kube.Autoscalers, kube.Selector{}, &all)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	of := map[string]string{}
	for _, a := range all.Items {
		if target := a.Spec.ScaleTargetRef; target.Kind == kube.Deployments.Name {
			of[target.Name] = a.Name
		}
	}
	return of, err
}

// barred tells which daemons cannot be had, or cannot be kept single.
func barred(ws []workload.Workload, accounts map[string]*account, scaled map[string]string) map[string]*deploy.Problem {
	out := map[string]*deploy.Problem{}
	for _, w := range ws {
		if a := accounts[serviceAccountName(w)]; a != nil && a.Labels[labelStack] != w.Stack {
			out[w.Daemon] = notOurs(a.Name, kube.ServiceAccounts.Name)
		}
		if by := scaled[w.Name()]; by != "" {
			out[w.Daemon] = &deploy.Problem{Reason: deploy.Autoscaled,
				Message: fmt.Sprintf("the HorizontalPodAutoscaler %s sets how many of it run, and there must only be one", by)}
		}
	}
	return out
}
