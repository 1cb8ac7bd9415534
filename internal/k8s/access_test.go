package k8s

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// TestGrantedBy: a rule that grants less than the whole right leaves it in doubt, and is asked about.
func TestGrantedBy(t *testing.T) {
	rule := func(group, resource, verb string, names ...string) authorizationv1.ResourceRule {
		return authorizationv1.ResourceRule{APIGroups: []string{"batch", group}, Resources: []string{"jobs", resource}, Verbs: []string{"list", verb}, ResourceNames: names}
	}
	patch, logs := right{kube.Deployments, "", "patch"}, right{kube.Pods, "log", "get"}
	for _, c := range []struct {
		name string
		right
		rule authorizationv1.ResourceRule
		want bool
	}{
		{"by name", patch, rule("apps", "deployments", "patch"), true},
		{"by asterisks", patch, rule("*", "*", "*"), true},
		{"another verb", patch, rule("apps", "deployments", "get"), false},
		{"another group", patch, rule("", "deployments", "patch"), false},
		{"another resource", patch, rule("apps", "replicasets", "patch"), false},
		{"objects of a name", patch, rule("apps", "deployments", "patch", "edge-api"), false},
		{"a subresource", logs, rule("", "pods/log", "get"), true},
		{"a subresource of all", logs, rule("", "*/log", "get"), true},
		{"the resource is not its subresource", logs, rule("", "pods", "get"), false},
		{"a subresource is not the resource", right{kube.Pods, "", "get"}, rule("", "pods/log", "get"), false},
	} {
		if got := c.grantedBy([]authorizationv1.ResourceRule{{}, c.rule}); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
