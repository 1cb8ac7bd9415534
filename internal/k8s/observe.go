package k8s

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/workload"
)

// live is a Deployment as the cluster has it: read by us, and as it was written.
type live struct {
	appsv1.Deployment
	raw object
}

// UnmarshalJSON reads both.
func (l *live) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &l.raw); err != nil {
		return err
	}
	return json.Unmarshal(text, &l.Deployment)
}

// MarshalJSON writes the object as it was read.
func (l live) MarshalJSON() ([]byte, error) { return json.Marshal(l.raw) }

// template is what its pods are made from. The generation does not tell whether that has changed: annotations count there.
func (l live) template() any {
	spec, _ := l.raw["spec"].(object)
	return spec["template"]
}

// ours is what we applied of it, without what holds only until an update has proved ready.
func (l live) ours() (object, bool) {
	o, ok := owned(l.raw, l.ManagedFields, manager)
	if !ok {
		return nil, false
	}
	o["apiVersion"], o["kind"] = kube.Deployments.APIVersion(), kube.Deployments.Name
	meta, ok := o["metadata"].(object)
	if !ok {
		return nil, false
	}
	meta["name"] = l.Name
	if notes, ok := meta["annotations"].(object); ok {
		delete(notes, notePrevious)
	}
	return o, true
}

// Observe implements deploy.Platform.
func (p *platform) Observe(ctx context.Context, stack string, ws []workload.Workload) (deploy.Observed, error) {
	var deployments list[live]
	var pods list[corev1.Pod]
	var o deploy.Observed
	var there belongings
	ours := kube.Selector{Labels: labelStack + "=" + stack}
	calls := []func() error{
		func() error { return p.client.List(ctx, kube.Deployments, ours, &deployments) },
		func() error { return p.client.List(ctx, kube.Pods, ours, &pods) },
		func() (err error) { o.Key, err = p.key(ctx, stack); return err },
		func() (err error) { o.Taken, err = p.taken(ctx, stack, ws); return err },
		func() (err error) { o.Unclean, err = p.unclean(ctx, stack); return err },
		func() (err error) { o.Images, o.Unresolved, err = p.resolve(ctx, ws); return err },
	}
	if slices.ContainsFunc(ws, func(w workload.Workload) bool { return len(secretData(w)) > 0 }) {
		calls = append(calls, func() (err error) { there.secrets, err = p.names(ctx, kube.Secrets, ours); return err })
	}
	if slices.ContainsFunc(ws, func(w workload.Workload) bool { return w.Cluster.Profile != "" }) {
		calls = append(calls, func() (err error) { there.accounts, err = p.accounts(ctx, ws); return err })
	}
	var scaled map[string]string
	if len(ws) > 0 {
		calls = append(calls, func() (err error) { scaled, err = p.autoscaled(ctx); return err })
	}
	if err := together(calls...); err != nil {
		return deploy.Observed{}, p.problem(err)
	}
	now := time.Now()
	for i := range deployments.Items {
		d := &deployments.Items[i]
		v := view{daemon: d.Labels[labelDaemon], deployment: &d.Deployment}
		for j := range pods.Items {
			if pods.Items[j].Labels[labelDaemon] == v.daemon {
				v.pods = append(v.pods, &pods.Items[j])
			}
		}
		found := daemonOf(v, d, o.Key, now)
		for _, w := range ws {
			if w = w.Keeping(found.Fields); w.Daemon == v.daemon && w.Fingerprint(o.Key).Hash == found.Hash {
				found.Drift = p.drift(ctx, w, d, o.Key, there)
			}
		}
		o.Daemons = append(o.Daemons, found)
	}
	o.Daemons = append(o.Daemons, ending(deployments.Items, pods.Items)...)
	o.Barred = barred(ws, there.accounts, scaled)
	slices.SortFunc(o.Daemons, func(a, b deploy.Daemon) int { return strings.Compare(a.Daemon, b.Daemon) })
	return o, nil
}

// ending are daemons whose Deployment is gone and whose pods are not yet: a run that was broken off has left them on their
// way out.
func ending(deployments []live, pods []corev1.Pod) []deploy.Daemon {
	var out []deploy.Daemon
	for i := range pods {
		pod := &pods[i]
		name := pod.Labels[labelDaemon]
		has := slices.ContainsFunc(deployments, func(d live) bool { return d.Labels[labelDaemon] == name })
		listed := slices.ContainsFunc(out, func(d deploy.Daemon) bool { return d.Daemon == name })
		if name == "" || has || listed {
			continue
		}
		d := deploy.Daemon{Hash: pod.Annotations[noteHash]}
		d.Observation = deploy.Observation{Daemon: name, Instance: string(pod.UID), State: deploy.Gone, Node: pod.Spec.NodeName}
		out = append(out, d)
	}
	return out
}

// unclean says that a run which was broken off has left its lock, and with it perhaps Secrets that nothing uses. Who may
// not look at locks may not clear up either.
func (p *platform) unclean(ctx context.Context, stack string) (bool, error) {
	var held coordinationv1.Lease
	err := p.client.Get(ctx, kube.Leases, leaseName(stack), &held)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return false, nil
	}
	return err == nil && p.abandoned(&held) != "", err
}

// daemonOf puts together what is known of one daemon.
func daemonOf(v view, d *live, key []byte, now time.Time) deploy.Daemon {
	out := recorded(d.ObjectMeta)
	out.Observation = v.observe(now).Observation
	out.Key = key
	if pod := v.current(); pod != nil {
		if s := v.containerStatus(pod); s != nil {
			out.Digest = digestOf(s.ImageID)
			if strings.Contains(s.ImageID, "@") { // else the node knows it by another name than registries do
				out.ImageID = out.Digest
			}
		}
	}
	return out
}

func nameOf(o object) string {
	name, _ := o["metadata"].(object)["name"].(string)
	return name
}

// digestOf is the digest at the end of what a kubelet calls an image's id.
func digestOf(id string) string {
	if i := strings.LastIndex(id, "@"); i >= 0 {
		return id[i+1:]
	}
	return strings.TrimPrefix(id, "docker-pullable://")
}

// key reads the stack's hash key, nil where there is none yet.
func (p *platform) key(ctx context.Context, stack string) ([]byte, error) {
	var s corev1.Secret
	err := p.client.Get(ctx, kube.Secrets, keyName(stack), &s)
	if apierrors.IsNotFound(err) || err == nil && s.Labels[labelStack] != stack {
		return nil, nil
	}
	return s.Data["key"], err
}

// keySecret keeps the stack's hash key.
func keySecret(stack string, key []byte) object {
	return object{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
		"metadata": object{"name": keyName(stack), "labels": stackLabels(stack, roleKey)},
		"data":     object{"key": base64.StdEncoding.EncodeToString(key)}}
}

// names lists what objects are called.
func (p *platform) names(ctx context.Context, k kube.Kind, s kube.Selector) ([]string, error) {
	all, err := p.client.ListMetadata(ctx, k, s)
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names, err
}

// Stacks implements deploy.Platform.
func (p *platform) Stacks(ctx context.Context) ([]deploy.StackSummary, error) {
	var all list[appsv1.Deployment]
	var pods list[corev1.Pod]
	ours := kube.Selector{Labels: labelStack + "," + labelDaemon}
	err := together(
		func() error { return p.client.List(ctx, kube.Deployments, ours, &all) },
		func() error { return p.client.List(ctx, kube.Pods, ours, &pods) })
	if err != nil {
		return nil, p.problem(err)
	}
	stacks := map[string]*deploy.StackSummary{}
	for i := range all.Items {
		d := &all.Items[i]
		name := d.Labels[labelStack]
		if stacks[name] == nil {
			stacks[name] = &deploy.StackSummary{Name: name, Source: d.Annotations[noteSource]}
		}
		v := view{daemon: d.Labels[labelDaemon], deployment: d}
		for j := range pods.Items {
			if l := pods.Items[j].Labels; l[labelStack] == name && l[labelDaemon] == v.daemon {
				v.pods = append(v.pods, &pods.Items[j])
			}
		}
		stacks[name].Daemons++
		if o := v.observe(time.Now()); o.State == deploy.Running && (o.Health == deploy.Healthy || o.Health == deploy.NoCheck) {
			stacks[name].Ready++
		}
	}
	out := make([]deploy.StackSummary, 0, len(stacks))
	for _, name := range slices.Sorted(maps.Keys(stacks)) {
		out = append(out, *stacks[name])
	}
	return out, nil
}

// shownWhole writes a value as JSON, whole.
func shownWhole(v any) string {
	text, _ := json.Marshal(v) // it was read from JSON
	return string(text)
}

// quote writes a name as JSON does.
func quote(name string) string { return `"` + name + `"` }
