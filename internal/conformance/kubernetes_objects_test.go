package conformance

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// deployment reads a daemon's Deployment.
func (k kubernetes) deployment(t *testing.T, name string) appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := k.api.Get(t.Context(), kube.Deployments, name, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// apply applies a part of a Deployment as somebody else.
func (k kubernetes) apply(t *testing.T, manager, name string, part object) {
	t.Helper()
	part["apiVersion"], part["kind"] = "apps/v1", "Deployment"
	if part["metadata"] == nil {
		part["metadata"] = object{}
	}
	part["metadata"].(object)["name"] = name
	if err := k.api.Apply(t.Context(), kube.Deployments, name, part, kube.ApplyOptions{Manager: manager, Force: true}, &appsv1.Deployment{}); err != nil {
		t.Fatal(err)
	}
}

// TestKubernetesEnvironment: every value arrives byte for byte, whatever Kubernetes would make of dollars, and those that
// only the cluster knows are where they belong.
func TestKubernetesEnvironment(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	secret := object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "redis"}, "stringData": object{"url": "redis://u:p$(X)@h"}}
	if err := on.api.Create(t.Context(), kube.Secrets, "test", secret, nil); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"DOLLAR": "$", "DOLLARS": "$$", "PAREN": "$(HOME)", "MIXED": "$$(X) $ $$$(DOLLAR)", "QUOTES": `a "b" 'c'`, "NEWLINES": "one\ntwo\n",
		"EMPTY": "", "SPACES": "  x  ", "UNICODE": "grün → \u2028", "BACKSLASH": `\n\t\\`, "BRACES": "${X}", "FROM_ENV": "s$ecret${X}$(Y)$$",
	}
	p.extra = []string{"FROM_ENV=" + values["FROM_ENV"]}
	env := map[string]any{}
	for name, value := range values {
		env[name] = strings.ReplaceAll(value, "${", "$${")
	}
	env["FROM_ENV"] = map[string]string{"fromEnv": "FROM_ENV"}
	env["REF"] = map[string]any{"secretRef": map[string]string{"name": "redis", "key": "url"}}
	daemons, err := json.Marshal(map[string]any{"api": map[string]any{"image": p.expand("IMAGE"), "command": []string{"/daemon", "env", "$(HOME) $$"},
		"environment": env, "links": []string{"cache", "creds", "own"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.manifest("platforms: [kubernetes]\ndaemons: " + string(daemons) + `
resources:
  cache: { type: kv, kubernetes: { service: redis, connectionUrl: { secretRef: { name: redis, key: url } }, keyPrefix: "$(TEAM)$$:" } }
  own: { type: kv, kubernetes: { service: redis, connectionUrl: { fromEnv: FROM_ENV } } }
  creds: { type: vault }
`)
	p.up(0)
	got := p.printedEnvironment()
	values["REF"] = "redis://u:p$(X)@h"
	values["ALIEN_DEPLOYMENT_TYPE"] = "kubernetes"
	values["ALIEN_DEPLOYMENT_ID"], values["ALIEN_DEPLOYMENT_NAME"] = p.stack, p.stack
	values["ALIEN_CACHE_BINDING"] = `{"service":"redis","connectionUrl":"redis://u:p$(X)@h","keyPrefix":"$(TEAM)$$:"}`
	values["ALIEN_OWN_BINDING"] = `{"service":"redis","connectionUrl":"s$ecret${X}$(Y)$$"}`
	values["ALIEN_CREDS_BINDING"] = `{"service":"kubernetes-secret","namespace":"` + on.api.Namespace + `","vaultPrefix":"` + p.stack + `-creds"}`
	for name, want := range values {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s arrived as %q (set: %t), want %q", name, have, ok, want)
		}
	}
	if c := on.deployment(t, p.stack+"-api").Spec.Template.Spec; *c.EnableServiceLinks || *c.AutomountServiceAccountToken {
		t.Errorf("service links %t, token %t; want neither", *c.EnableServiceLinks, *c.AutomountServiceAccountToken)
	}
}

// TestKubernetesSecrets: a changed secret replaces the pod and its Secret, one that is missing is told at once, and no
// value is anywhere but in Secrets.
func TestKubernetesSecrets(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	text := "\ndaemons:\n  api: { image: IMAGE, environment: { TOKEN: { fromEnv: TOKEN } } }\n"
	p.manifest(text)
	secrets := func() []string {
		all, err := on.api.ListMetadata(t.Context(), kube.Secrets, kube.Selector{Labels: ours(p.stack, "api")})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		return names
	}
	p.extra = []string{"TOKEN=first-Hush"}
	p.up(0)
	first, pod := secrets(), p.only("api")
	p.extra = []string{"TOKEN=second-Hush"}
	p.up(0)
	second := secrets()
	if len(first) != 1 || len(second) != 1 || slices.Equal(first, second) || p.only("api") == pod {
		t.Errorf("Secrets %v, then %v; want one each, another one, and another pod", first, second)
	}
	for _, k := range []kube.Kind{kube.Deployments, kube.ReplicaSets, kube.Pods, kube.Events} {
		var raw json.RawMessage
		if err := on.api.List(t.Context(), k, kube.Selector{}, &raw); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "Hush") || strings.Contains(string(raw), "SHVzaA") {
			t.Errorf("a secret is in %s", k.Resource)
		}
	}
	p.manifest("platforms: [kubernetes]\ndaemons:\n  api: { image: IMAGE, environment: { TOKEN: { secretRef: { name: nothing, key: x } } } }\n")
	got := outcome(t, p.up(4), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.SecretMissing || got.Outcome != deploy.OutcomeRolledBack || !strings.Contains(got.Verdict.Message, "nothing") {
		t.Errorf("a secretRef to nowhere: %+v %+v", got, got.Verdict)
	}
	p.alien("daemon", "down").exits(0)
	if left := on.leftovers(t, p.stack); len(left) != 0 {
		t.Errorf("down left %v", left)
	}
}

// TestKubernetesOthers: what others set is left alone where we set nothing, taken back where there must never be two, and
// a conflict, which names them, everywhere else.
func TestKubernetesOthers(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	p.manifest(oneRunning)
	p.up(0)
	name := p.stack + "-api"
	before := p.only("api")
	on.apply(t, "kubectl", name, object{"metadata": object{"annotations": object{"team": "blue"}}, "spec": object{"minReadySeconds": 1}})
	if got := outcome(t, p.up(0), "api"); got.Action != deploy.Unchanged || p.only("api") != before {
		t.Errorf("a person's annotation: %s, want unchanged", got.Action)
	}
	on.apply(t, "autoscaler", name, object{"spec": object{"replicas": 3}})
	p.alien("daemon", "diff", "--exit-code").exits(6).says("spec.replicas")
	p.up(0)
	if d := on.deployment(t, name); *d.Spec.Replicas != 1 || d.Annotations["team"] != "blue" || d.Spec.MinReadySeconds != 1 {
		t.Errorf("after up: %d replicas, %v", *d.Spec.Replicas, d.Annotations)
	}
	on.apply(t, "meddler", name, object{"spec": object{"revisionHistoryLimit": 7}})
	got := outcome(t, p.up(4), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.FieldConflict || !strings.Contains(got.Verdict.Message, "meddler") || !strings.Contains(got.Verdict.Message, ".spec.revisionHistoryLimit") {
		t.Errorf("a conflict: %+v %+v", got, got.Verdict)
	}
}

// TestKubernetesRestricted: a daemon with an ordinary user runs where the restricted Pod Security standard is enforced, and
// one without is told so at once.
func TestKubernetesRestricted(t *testing.T) {
	on := newKubernetes(t, "pod-security.kubernetes.io/enforce", "restricted")
	p := newProject(t, on)
	p.manifest("\ndaemons:\n  api: { image: IMAGE, command: [/daemon, run], runtime: { user: \"1000:1000\" } }\n")
	p.up(0)
	p.manifest("\ndaemons:\n  api: { image: IMAGE, command: [/daemon, run] }\n")
	got := outcome(t, p.up(4), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.AdmissionDenied || got.Outcome != deploy.OutcomeRolledBack {
		t.Errorf("root where it is not admitted: %+v %+v", got, got.Verdict)
	}
}

// TestKubernetesQuota: what the namespace does not allow is told at once, in its words.
func TestKubernetesQuota(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	quota := kube.Kind{Version: "v1", Resource: "resourcequotas", Name: "ResourceQuota"}
	if err := on.api.Create(t.Context(), quota, "test", object{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": object{"name": "small"},
		"spec": object{"hard": object{"pods": "0"}}}, nil); err != nil {
		t.Fatal(err)
	}
	p.manifest(oneRunning)
	got := outcome(t, p.up(4), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.QuotaExceeded || !strings.Contains(got.Verdict.Message, "small") {
		t.Errorf("over quota: %+v %+v", got, got.Verdict)
	}
}

// TestKubernetesUnchangedUpWritesNothing: nothing that up, status and diff ask for could change anything.
func TestKubernetesUnchangedUpWritesNothing(t *testing.T) {
	on := newKubernetes(t)
	proxy := testbed.NewClusterProxy(t, on.cluster, on.cluster.Kubeconfig)
	on.cluster = &testbed.KubernetesCluster{Kubeconfig: proxy.Kubeconfig, Context: on.cluster.Context}
	direct := newKubernetes(t)
	image := direct.image(t, testbed.Plain)
	p := newProject(t, on)
	p.file("alien.yaml", "name: "+p.stack+strings.ReplaceAll(oneRunning, "IMAGE", image))
	p.up(0)
	writes := proxy.Mutations()
	t.Logf("a first up of one daemon makes %d calls, %d of them writes: %v", len(proxy.Calls()), len(writes), writes)
	proxy.Reset()
	p.up(0)
	p.status(0)
	p.alien("daemon", "diff", "--exit-code").exits(0)
	if m := proxy.Mutations(); len(m) != 0 || len(proxy.Calls()) == 0 {
		t.Errorf("%d calls, of which could change something: %v", len(proxy.Calls()), m)
	}
}

// TestKubernetesMissingNamespace: a mistyped namespace is told, with the way out.
func TestKubernetesMissingNamespace(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	p.manifest(oneRunning)
	on.api.Namespace += "-not"
	p.on = on
	p.alien("daemon", "up").exits(1).says("NAMESPACE_NOT_FOUND", "--create-namespace")
	p.alien("daemon", "down").exits(0)
}

// TestKubernetesRights: what a user lacks is told before anything is written, as a Role to paste; with that Role all goes
// well.
func TestKubernetesRights(t *testing.T) {
	on := newKubernetes(t)
	admin := on
	image := on.image(t, testbed.Plain)
	on.cluster = &testbed.KubernetesCluster{Kubeconfig: on.cluster.Restricted, Context: on.cluster.Context}
	p := newProject(t, on)
	p.file("alien.yaml", "name: "+p.stack+strings.ReplaceAll(oneRunning, "IMAGE", image))
	p.alien("daemon", "up").exits(1).says("ENGINE_DENIED", "forbidden")
	roles := kube.Kind{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles", Name: "Role"}
	bindings := kube.Kind{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings", Name: "RoleBinding"}
	bind := func(name string, rules []any) {
		for kind, o := range map[kube.Kind]object{
			roles: {"metadata": object{"name": name}, "rules": rules},
			bindings: {"metadata": object{"name": name}, "roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
				"subjects": []any{object{"kind": "User", "name": testbed.RestrictedUser, "apiGroup": "rbac.authorization.k8s.io"}}},
		} {
			o["apiVersion"], o["kind"] = kind.APIVersion(), kind.Name
			if err := admin.api.Create(t.Context(), kind, "test", o, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	look := []string{"get", "list", "watch"}
	bind("look", []any{
		object{"apiGroups": []string{"", "apps"}, "resources": []string{"pods", "secrets", "deployments", "replicasets", "events"}, "verbs": look},
	})
	p.alien("daemon", "up").exits(1).says("create", "deployments", "kind: Role", "leases")
	bind("change", []any{
		object{"apiGroups": []string{"apps"}, "resources": []string{"deployments"}, "verbs": []string{"create", "patch", "delete"}},
		object{"apiGroups": []string{""}, "resources": []string{"secrets", "serviceaccounts"}, "verbs": []string{"get", "list", "create", "patch", "delete"}},
		object{"apiGroups": []string{""}, "resources": []string{"pods"}, "verbs": []string{"delete"}},
		object{"apiGroups": []string{""}, "resources": []string{"pods/log"}, "verbs": []string{"get"}},
		object{"apiGroups": []string{"coordination.k8s.io"}, "resources": []string{"leases"}, "verbs": []string{"get", "watch", "create", "update", "delete"}},
	})
	p.up(0)
	p.alien("daemon", "restart", "api").exits(0)
	p.alien("daemon", "down").exits(0)
	var pods corev1.PodList
	if err := admin.api.List(t.Context(), kube.Pods, kube.Selector{Labels: "daemons.alien.dev/stack=" + p.stack}, &pods); err != nil || len(pods.Items) != 0 {
		t.Errorf("down left %d pods: %v", len(pods.Items), err)
	}
}
