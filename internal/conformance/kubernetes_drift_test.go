package conformance

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
)

var rewrite = flag.Bool("update", false, "write the golden files")

// edit changes a daemon's Deployment as a person does with kubectl edit.
func (k kubernetes) edit(t *testing.T, name string, ops ...kube.PatchOp) {
	t.Helper()
	if err := k.api.Patch(t.Context(), kube.Deployments, name, "kubectl-edit", ops, false, &appsv1.Deployment{}); err != nil {
		t.Fatal(err)
	}
}

// rolled waits until the pod of what a Deployment says now is there.
func (k kubernetes) rolled(t *testing.T, name string) {
	t.Helper()
	testbed.Eventually(t, time.Minute, func(ctx context.Context) error {
		var d appsv1.Deployment
		err := k.api.Get(ctx, kube.Deployments, name, &d)
		if s := d.Status; err == nil && (s.ObservedGeneration != d.Generation || s.UpdatedReplicas != 1 || s.AvailableReplicas != 1) {
			err = fmt.Errorf("the Deployment is at %+v", s)
		}
		return err
	})
}

// envOf is the variables of a Deployment's containers of a name.
func envOf(d appsv1.Deployment, container string) map[string]corev1.EnvVar {
	out := map[string]corev1.EnvVar{}
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, e := range c.Env {
			if c.Name == container {
				out[e.Name] = e
			}
		}
	}
	return out
}

// TestKubernetesEdited: what a person has made of what we applied is told exactly; what could have two of a daemon run is
// always taken back, everything else only where that is asked for.
func TestKubernetesEdited(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	p.manifest(oneRunning)
	p.up(0)
	name := p.stack + "-api"

	on.edit(t, name, kube.PatchOp{Op: "replace", Path: "/spec/strategy", Value: object{"type": "RollingUpdate", "rollingUpdate": object{"maxSurge": 1}}})
	p.alien("daemon", "diff", "--exit-code").exits(6).says("spec.strategy", "RollingUpdate", "Recreate")
	p.up(0)
	if s := on.deployment(t, name).Spec.Strategy; s.Type != appsv1.RecreateDeploymentStrategyType || s.RollingUpdate != nil {
		t.Errorf("the strategy was not taken back: %+v", s)
	}

	on.edit(t, name, kube.PatchOp{Op: "replace", Path: "/spec/template/spec/containers/0/env/0", Value: object{"name": "LEVEL", "valueFrom": object{"fieldRef": object{"fieldPath": "metadata.name"}}}})
	got := outcome(t, p.up(4), "api")
	if v := got.Verdict; v == nil || v.Reason != deploy.FieldConflict || !strings.Contains(v.Message, `env[name="LEVEL"].valueFrom.fieldRef (by kubectl-edit)`) {
		t.Errorf("a value replaced by valueFrom: %+v %+v", got, got.Verdict)
	}
	p.up(0, "--force-conflicts")
	if e := envOf(on.deployment(t, name), "api")["LEVEL"]; e.Value != "1" || e.ValueFrom != nil {
		t.Errorf("the value was not taken back: %+v", e)
	}
	if got := outcome(t, p.up(0), "api"); got.Action != deploy.Unchanged {
		t.Errorf("after that: %s %+v", got.Action, got)
	}
	p.manifest("\ndaemons:\n  api: { image: IMAGE, command: [/daemon, run] }\n")
	p.up(0)
	if e, there := envOf(on.deployment(t, name), "api")["LEVEL"]; there {
		t.Errorf("a variable that was taken back outlives the manifest: %+v", e)
	}
}

// TestKubernetesDriftIsExact: diff names the path of what was changed, and no default of the server.
func TestKubernetesDriftIsExact(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	p.extra = []string{"TOKEN=hush"}
	p.manifest("\ndaemons:\n  api: { image: IMAGE, environment: { LEVEL: \"1\", TOKEN: { fromEnv: TOKEN } }, memory: { desired: 64Mi } }\n")
	p.up(0)
	name := p.stack + "-api"
	index := slices.IndexFunc(on.deployment(t, name).Spec.Template.Spec.Containers[0].Env, func(e corev1.EnvVar) bool { return e.Name == "TOKEN" })
	if index != 0 {
		t.Fatalf("secrets are to come first, TOKEN is variable %d", index)
	}
	on.edit(t, name,
		kube.PatchOp{Op: "replace", Path: "/spec/template/spec/containers/0/resources/limits/memory", Value: "96Mi"},
		kube.PatchOp{Op: "replace", Path: "/spec/template/spec/terminationGracePeriodSeconds", Value: 7},
		kube.PatchOp{Op: "replace", Path: "/spec/template/spec/containers/0/env/0", Value: object{"name": "TOKEN", "value": "somebody's-hush"}})
	r := p.alien("daemon", "diff", "--exit-code").exits(6)
	if strings.Contains(r.stdout, "hush") {
		t.Errorf("diff shows a secret:\n%s", r.stdout)
	}
	var paths []string
	on.rolled(t, name)
	for _, c := range p.up(0, "--dry-run").Plan.Changes[0].Causes {
		paths = append(paths, c.Path+" "+c.Old+" "+c.New)
	}
	slices.Sort(paths)
	// The variable's own source excludes the value that stands there now, so that is told field by field.
	want := []string{
		"spec.template.spec.containers[api].env[TOKEN].valueFrom  ",
		"spec.template.spec.containers[api].resources.limits.memory 96Mi 64Mi",
		"spec.template.spec.terminationGracePeriodSeconds 7 30",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	on.edit(t, name, kube.PatchOp{Op: "replace", Path: "/spec/template/spec/containers/0/env/0", Value: object{"name": "TOKEN",
		"valueFrom": object{"secretKeyRef": object{"name": "other", "key": "x"}}}})
	for _, c := range p.up(0, "--dry-run").Plan.Changes[0].Causes {
		if strings.Contains(c.Path, "TOKEN") && (!c.Secret || c.Path != "spec.template.spec.containers[api].env[TOKEN].valueFrom.secretKeyRef.key" && c.Path != "spec.template.spec.containers[api].env[TOKEN].valueFrom.secretKeyRef.name") {
			t.Errorf("a reference to another Secret: %+v", c)
		}
	}
	p.up(0, "--force-conflicts")
	if got := outcome(t, p.up(0), "api"); got.Action != deploy.Unchanged {
		t.Errorf("after that: %s %+v", got.Action, got)
	}
}

// TestKubernetesInjected: a container and a variable that something else has put beside ours stay, and are no change.
func TestKubernetesInjected(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	p.manifest(oneRunning)
	p.up(0)
	name := p.stack + "-api"
	image := p.expand("IMAGE")
	on.apply(t, "mesh", name, object{"spec": object{"template": object{"metadata": object{"annotations": object{"mesh": "yes"}}, "spec": object{"containers": []any{
		object{"name": "proxy", "image": image, "command": []any{"/daemon", "run"}},
		object{"name": "api", "env": []any{object{"name": "INJECTED", "value": "x"}}}}}}}})
	on.rolled(t, name)
	p.alien("daemon", "diff", "--exit-code").exits(0)
	if got := outcome(t, p.up(0), "api"); got.Action != deploy.Unchanged {
		t.Errorf("something injected: %s, want unchanged", got.Action)
	}
	p.manifest(strings.Replace(oneRunning, `"1"`, `"2"`, 1))
	p.up(0)
	d := on.deployment(t, name)
	if env := envOf(d, "api"); len(d.Spec.Template.Spec.Containers) != 2 || env["INJECTED"].Value != "x" || env["LEVEL"].Value != "2" {
		t.Errorf("after an update: %+v", d.Spec.Template.Spec.Containers)
	}
}

// TestKubernetesAutoscaled: an autoscaler on a daemon is told, and nothing is changed as long as it is there.
func TestKubernetesAutoscaled(t *testing.T) {
	on := newKubernetes(t)
	on = on.as(t, k8s.Role(on.api.Namespace))
	p := newProject(t, on)
	p.manifest(oneRunning)
	p.up(0)
	err := on.api.Create(t.Context(), kube.Autoscalers, "test", object{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": object{"name": "busy"},
		"spec": object{"maxReplicas": 3, "scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": p.stack + "-api"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.alien("daemon", "up").exits(4).says("DAEMON_AUTOSCALED", "busy")
	if err := on.api.Delete(t.Context(), kube.Autoscalers, "busy", nil); err != nil {
		t.Fatal(err)
	}
	p.up(0)
}

const withProfile = `
kubernetes: { serviceAccounts: { execution: { annotations: { example.com/role: "ROLE" } } } }
daemons:
  api: { image: IMAGE, permissions: execution }
`

// TestKubernetesServiceAccount: a profile's service account has its annotations, its token is mounted, what others make
// of it is told, one of somebody else is left alone, and down removes it.
func TestKubernetesServiceAccount(t *testing.T) {
	on := newKubernetes(t)
	p := newProject(t, on)
	name := p.stack + "-execution"
	account := func() (a corev1.ServiceAccount) {
		t.Helper()
		if err := on.api.Get(t.Context(), kube.ServiceAccounts, name, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	foreign := object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": name}}
	if err := on.api.Create(t.Context(), kube.ServiceAccounts, "somebody", foreign, nil); err != nil {
		t.Fatal(err)
	}
	before := account()
	p.manifest(strings.Replace(withProfile, "ROLE", "one", 1))
	got := outcome(t, p.up(4), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.NameTaken || !strings.Contains(got.Verdict.Message, name) {
		t.Errorf("somebody's service account: %+v %+v", got, got.Verdict)
	}
	if now := account(); now.ResourceVersion != before.ResourceVersion {
		t.Errorf("somebody's service account was touched: %+v", now)
	}
	if err := on.api.Delete(t.Context(), kube.ServiceAccounts, name, nil); err != nil {
		t.Fatal(err)
	}

	p.up(0)
	pod := on.pods(t, ours(p.stack, "api"))[0]
	mounted := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil })
	if a := account(); a.Annotations["example.com/role"] != "one" || pod.Spec.ServiceAccountName != name || !mounted {
		t.Errorf("service account %+v, pod under %s, token mounted: %t", a, pod.Spec.ServiceAccountName, mounted)
	}
	if got := outcome(t, p.up(0), "api"); got.Action != deploy.Unchanged {
		t.Errorf("again: %s, want unchanged", got.Action)
	}
	patch := kube.PatchOp{Op: "replace", Path: "/metadata/annotations/example.com~1role", Value: "theirs"}
	if err := on.api.Patch(t.Context(), kube.ServiceAccounts, name, "kubectl-edit", []kube.PatchOp{patch}, false, nil); err != nil {
		t.Fatal(err)
	}
	p.alien("daemon", "diff", "--exit-code").exits(6).says("serviceaccount "+name, "theirs", "one")
	if got := outcome(t, p.up(4), "api"); got.Verdict == nil || got.Verdict.Reason != deploy.FieldConflict || !strings.Contains(got.Verdict.Message, "kubectl-edit") {
		t.Errorf("an annotation that somebody changed: %+v %+v", got, got.Verdict)
	}
	p.up(0, "--force-conflicts")
	p.manifest(strings.Replace(withProfile, "ROLE", "two", 1))
	p.up(0)
	if a := account(); a.Annotations["example.com/role"] != "two" {
		t.Errorf("after a change: %+v", a.Annotations)
	}
	p.manifest("\ndaemons:\n  api: { image: IMAGE }\n")
	p.up(0)
	p.alien("daemon", "down").exits(0)
	if left := on.leftovers(t, p.stack); len(left) != 0 {
		t.Errorf("down left %v", left)
	}
}

// TestKubernetesObjects compares what is in the cluster, as far as it is not a default of the server's, with golden files.
func TestKubernetesObjects(t *testing.T) {
	on := newKubernetes(t, "pod-security.kubernetes.io/enforce", "restricted")
	p := newProject(t, on)
	p.extra = []string{"TOKEN=hush"}
	p.manifest(`
platforms: [kubernetes]
kubernetes: { serviceAccounts: { execution: { annotations: { example.com/role: edge } } } }
daemons:
  plain: { image: IMAGE, runtime: { user: "1000" } }
  whole:
    image: IMAGE
    command: [/daemon, slow-start, 50ms, /tmp/ready]
    environment: { LEVEL: "$(X)", TOKEN: { fromEnv: TOKEN } }
    links: [cache, creds]
    permissions: execution
    cpu: { min: 10m, desired: "1" }
    memory: { min: 8Mi, desired: 64Mi }
    stopGracePeriodSeconds: 5
    healthCheck: { command: [/daemon, health, /tmp/ready] }
    runtime: { user: "1000:2000" }
    kubernetes:
      imagePullSecrets: [registry-login]
      nodeSelector: { kubernetes.io/os: linux }
      tolerations: [{ key: dedicated, value: edge, effect: NoExecute, tolerationSeconds: 60 }]
      labels: { team: blue }
      annotations: { example.com/scrape: "false" }
      priorityClassName: system-cluster-critical
resources:
  cache: { type: kv, kubernetes: { service: redis, connectionUrl: { secretRef: { name: redis, key: url } } } }
  creds: { type: vault }
`)
	secret := object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "redis"}, "stringData": object{"url": "redis://cache"}}
	if err := on.api.Create(t.Context(), kube.Secrets, "test", secret, nil); err != nil {
		t.Fatal(err)
	}
	p.up(0)
	var text strings.Builder
	for _, name := range []string{"plain", "whole"} {
		text.WriteString("---\n" + on.applied(t, kube.Deployments, p.stack+"-"+name))
	}
	text.WriteString("---\n" + on.applied(t, kube.ServiceAccounts, p.stack+"-execution"))
	image := p.expand("IMAGE")
	got := strings.NewReplacer(p.stack, "STACK", image, "IMAGE", image[strings.LastIndexByte(image, ':')+1:], "TAG", on.api.Namespace, "NAMESPACE").Replace(text.String())
	path := filepath.Join("testdata", "kubernetes.golden")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// applied is an object without the server's defaults and without what differs each time.
func (k kubernetes) applied(t *testing.T, kind kube.Kind, name string) string {
	t.Helper()
	var raw object
	if err := k.api.Get(t.Context(), kind, name, &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "status")
	without(raw, "metadata", "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "namespace")
	if notes, ok := raw["metadata"].(object)["annotations"].(object); ok {
		for _, each := range []string{"spec", "spec-hash", "source", "version", "image"} {
			delete(notes, "daemons.alien.dev/"+each)
		}
		delete(notes, "deployment.kubernetes.io/revision")
	}
	if spec, ok := raw["spec"].(object); ok {
		without(spec, "progressDeadlineSeconds")
		template := spec["template"].(object)
		without(template["metadata"], "creationTimestamp")
		delete(template["metadata"].(object)["annotations"].(object), "daemons.alien.dev/spec-hash")
		pod := template["spec"].(object)
		without(pod, "dnsPolicy", "schedulerName", "serviceAccount")
		for _, c := range pod["containers"].([]any) {
			without(c, "terminationMessagePath", "terminationMessagePolicy")
			hideSecretNames(c.(object), name)
		}
	}
	text, err := yaml.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// without deletes fields of an object; the first name may be that of an object in it.
func without(v any, names ...string) {
	o := v.(object)
	if inner, ok := o[names[0]].(object); ok && len(names) > 1 {
		without(inner, names[1:]...)
		return
	}
	for _, name := range names {
		delete(o, name)
	}
}

// hideSecretNames replaces the end of our Secrets' names, which is made of a random key.
func hideSecretNames(container object, name string) {
	env, _ := container["env"].([]any)
	for _, e := range env {
		from, _ := e.(object)["valueFrom"].(object)
		ref, _ := from["secretKeyRef"].(object)
		if secret, _ := ref["name"].(string); strings.HasPrefix(secret, name+"-") {
			ref["name"] = name + "-CONTENT"
		}
	}
}
