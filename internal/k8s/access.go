package k8s

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// right is one thing that a user may do in the namespace.
type right struct {
	kind kube.Kind
	sub  string // subresource
	verb string
}

func (r right) resource() string {
	if r.sub != "" {
		return r.kind.Resource + "/" + r.sub
	}
	return r.kind.Resource
}

// rights are what a command needs.
func rights(command string) []right {
	var out []right
	add := func(k kube.Kind, verbs ...string) {
		for _, verb := range verbs {
			out = append(out, right{kind: k, verb: verb})
		}
	}
	add(kube.Deployments, "get", "list", "watch")
	add(kube.ReplicaSets, "list", "watch")
	add(kube.Pods, "list", "watch")
	add(kube.Leases, "get", "create", "update", "delete", "watch")
	switch command {
	case "down":
		add(kube.Deployments, "delete")
		add(kube.Secrets, "get", "list", "delete")
		add(kube.ServiceAccounts, "list", "delete")
	case "restart":
		add(kube.Deployments, "patch")
		add(kube.Secrets, "get")
	default:
		add(kube.Deployments, "create", "patch", "delete")
		add(kube.Secrets, "get", "list", "create", "delete")
		add(kube.ServiceAccounts, "get", "list", "create", "patch", "delete")
		add(kube.Pods, "delete")
		out = append(out, right{kube.Pods, "log", "get"})
	}
	return out
}

// extras are rights that commands do without, and know more with: the events of failed checks and mounts, and
// whether an autoscaler is set on a daemon.
func extras() []right {
	return []right{{kube.Events, "", "list"}, {kube.Events, "", "watch"}, {kube.Autoscalers, "", "list"}}
}

// Role is the Role, as YAML to apply, with all that commands need in a namespace, and nothing else.
func Role(namespace string) string {
	return role(namespace, slices.Concat(rights("up"), rights("down"), rights("restart"), extras()))
}

// checkAccess asks, before anything is written, whether the user may do all that a command needs. One call tells what most
// clusters' rules grant; what that does not show to be allowed is asked for by itself, and that answer counts.
func (p *platform) checkAccess(ctx context.Context, command string) error {
	granted, err := p.rulesOfUser(ctx)
	if err != nil {
		return p.problem(err)
	}
	doubtful := slices.DeleteFunc(rights(command), func(r right) bool { return r.grantedBy(granted) })
	allowed := make([]bool, len(doubtful))
	err = each(len(doubtful), func(i int) (err error) { allowed[i], err = p.may(ctx, doubtful[i]); return err })
	if err != nil {
		return p.problem(err)
	}
	var missing []right
	for i, r := range doubtful {
		if !allowed[i] {
			missing = append(missing, r)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &deploy.Problem{
		Reason:  deploy.EngineDenied,
		Message: fmt.Sprintf("the cluster does not let this user %s in namespace %s", sentence(missing), p.client.Namespace),
		Hint:    "have this Role created and bound to the user:\n" + role(p.client.Namespace, missing),
	}
}

// rulesOfUser are the rules that grant the user something in the namespace, as far as the cluster can list them. A cluster
// that does not list any has said nothing.
func (p *platform) rulesOfUser(ctx context.Context) ([]authorizationv1.ResourceRule, error) {
	review := authorizationv1.SelfSubjectRulesReview{}
	review.APIVersion, review.Kind = kube.RulesReviews.APIVersion(), kube.RulesReviews.Name
	review.Spec.Namespace = p.client.Namespace
	var answer authorizationv1.SelfSubjectRulesReview
	err := p.client.Create(ctx, kube.RulesReviews, manager, review, &answer)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		err = nil
	}
	return answer.Status.ResourceRules, err
}

// grantedBy says that one of the rules grants a right, for objects of any name.
func (r right) grantedBy(rules []authorizationv1.ResourceRule) bool {
	covers := func(list []string, want ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(want, s) })
	}
	anyOf := []string{"*", r.resource()}
	if r.sub != "" {
		anyOf = append(anyOf, "*/"+r.sub)
	}
	return slices.ContainsFunc(rules, func(rule authorizationv1.ResourceRule) bool {
		return len(rule.ResourceNames) == 0 && covers(rule.Verbs, "*", r.verb) && covers(rule.APIGroups, "*", r.kind.Group) && covers(rule.Resources, anyOf...)
	})
}

func (p *platform) may(ctx context.Context, r right) (bool, error) {
	review := authorizationv1.SelfSubjectAccessReview{}
	review.APIVersion, review.Kind = kube.AccessReviews.APIVersion(), kube.AccessReviews.Name
	review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
		Namespace: p.client.Namespace, Verb: r.verb, Group: r.kind.Group, Resource: r.kind.Resource, Subresource: r.sub}
	var answer authorizationv1.SelfSubjectAccessReview
	err := p.client.Create(ctx, kube.AccessReviews, manager, review, &answer)
	return answer.Status.Allowed, err
}

// sentence lists rights: "create, patch deployments and list secrets".
func sentence(missing []right) string {
	var parts []string
	for _, rule := range merge(missing) {
		parts = append(parts, strings.Join(rule.verbs, ", ")+" "+strings.Join(rule.resources, ", "))
	}
	return strings.Join(parts, "; ")
}

// rule is a rule of a Role.
type rule struct {
	group            string
	resources, verbs []string
}

// merge makes rules of rights, one per resource, and then one for all resources of a group with the same verbs.
func merge(rights []right) []rule {
	var rules []rule
	for _, r := range rights {
		i := slices.IndexFunc(rules, func(x rule) bool { return x.group == r.kind.Group && x.resources[0] == r.resource() })
		if i < 0 {
			rules = append(rules, rule{r.kind.Group, []string{r.resource()}, nil})
			i = len(rules) - 1
		}
		if !slices.Contains(rules[i].verbs, r.verb) {
			rules[i].verbs = append(rules[i].verbs, r.verb)
		}
	}
	for _, r := range rules {
		slices.Sort(r.verbs)
	}
	var out []rule
	for _, r := range rules {
		i := slices.IndexFunc(out, func(x rule) bool { return x.group == r.group && slices.Equal(x.verbs, r.verbs) })
		if i < 0 {
			out = append(out, r)
		} else {
			out[i].resources = append(out[i].resources, r.resources...)
		}
	}
	return out
}

// role writes rights as a Role to paste.
func role(namespace string, rights []right) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: alien\n  namespace: %s\nrules:\n", namespace)
	for _, r := range merge(rights) {
		fmt.Fprintf(&b, "- apiGroups: [%q]\n  resources: [%s]\n  verbs: [%s]\n", r.group, strings.Join(r.resources, ", "), strings.Join(r.verbs, ", "))
	}
	return b.String()
}
