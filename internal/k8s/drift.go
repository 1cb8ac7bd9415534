package k8s

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/workload"
)

// belongings are what daemons need beside their Deployments, as far as it is there.
type belongings struct {
	secrets  []string // names
	accounts map[string]*account
}

// drift tells how what the cluster has is not what we would apply, though the manifest is the same.
func (p *platform) drift(ctx context.Context, w workload.Workload, d *live, key []byte, there belongings) []deploy.Cause {
	want := render(w, w.Fingerprint(key), key, recordedOptions(d.Annotations))
	have, ok := d.ours()
	if !ok || lingering(d.ManagedFields) >= 0 {
		return []deploy.Cause{{Path: deploy.CauseRecord}}
	}
	out := p.changes(ctx, d, have, want.deployment)
	if want.secret != nil && !slices.Contains(there.secrets, nameOf(want.secret)) {
		out = append(out, deploy.Cause{Path: "secret " + nameOf(want.secret), Kind: deploy.Removed})
	}
	if want.serviceAccount != nil {
		out = append(out, accountDrift(there.accounts, want.serviceAccount)...)
	}
	return out
}

// changes are what applying a Deployment would change: what a forced dry run shows, where the user may make one. That is
// only asked for where the fields themselves differ, which takes no right but to read.
func (p *platform) changes(ctx context.Context, d *live, have, want object) []deploy.Cause {
	found := slices.DeleteFunc(drifted(d.raw, have, want), onlyPull)
	if len(found) == 0 {
		return nil
	}
	if len(obstacles(d.raw, want)) == 0 {
		var after live
		trial := withPrevious(want, d.Annotations[notePrevious])
		err := p.client.Apply(ctx, kube.Deployments, d.Name, trial, kube.ApplyOptions{Manager: manager, Force: true, DryRun: true}, &after)
		if shown := differences(stated(d.raw), stated(after.raw), "", true); err == nil && len(shown) > 0 {
			found = slices.DeleteFunc(shown, onlyPull)
		}
	}
	var out []deploy.Cause
	for _, diff := range found {
		out = append(out, causeOf(diff, d.raw, want))
	}
	return out
}

// onlyPull says that a difference is about how an image comes to the node, which does not change what runs.
func onlyPull(d difference) bool { return strings.HasSuffix(d.path, "."+pullPolicyField) }

// stated is an object without what the server writes of its own accord.
func stated(o object) object {
	out := maps.Clone(o)
	delete(out, "status")
	if meta, ok := out["metadata"].(object); ok {
		meta = maps.Clone(meta)
		for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
			delete(meta, field)
		}
		out["metadata"] = meta
	}
	return out
}

// causeOf writes a difference down. What a variable with a secret holds is not shown, whoever put it there.
func causeOf(diff difference, raw, want object) deploy.Cause {
	c := deploy.Cause{Path: diff.path, Kind: deploy.Changed}
	have := diff.have
	if have == nil {
		have = at(raw, diff.path)
	}
	switch {
	case have == nil:
		c.Kind = deploy.Added
	case diff.want == nil:
		c.Kind = deploy.Removed
	}
	if c.Secret = hidden(diff.path, want); !c.Secret {
		c.Old, c.New = shown(have), shown(diff.want)
	}
	return c
}

// hidden says whether a path lies in a variable whose value is a secret. One that we do not know may be one.
func hidden(path string, want object) bool {
	_, after, ok := strings.Cut(path, ".env[")
	name, _, _ := strings.Cut(after, "]")
	if !ok {
		return false
	}
	env, _ := ownContainer(want)["env"].([]any)
	return byKey(env, "name", name)["value"] == nil
}

// ownContainer is the container that we write into a Deployment, which is the only one.
func ownContainer(want object) object {
	list, _ := dig(want, "spec", "template", "spec", "containers").([]any)
	if len(list) == 0 {
		return nil
	}
	c, _ := list[0].(object)
	return c
}

// dig follows names into an object.
func dig(v any, names ...string) any {
	for _, name := range names {
		o, ok := v.(object)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

// at is what a path of differences holds.
func at(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		name, item, isItem := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		v = dig(v, name)
		if list, ok := v.([]any); ok && isItem {
			v = nil
			if o := byKey(list, mergeKey(list), item); o != nil {
				v = o
			}
		}
	}
	return v
}

// shown writes a value for people, short.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	text, _ := json.Marshal(v)
	return string(text[:min(len(text), 200)])
}

// withPrevious is a Deployment with what it would go back to.
func withPrevious(deployment object, previous string) object {
	if previous == "" {
		return deployment
	}
	out, meta := maps.Clone(deployment), maps.Clone(deployment["metadata"].(object))
	notes := maps.Clone(meta["annotations"].(object))
	notes[notePrevious] = previous
	meta["annotations"], out["metadata"] = notes, meta
	return out
}

// lingering finds the record of our own that is left where an apply was broken off after what stood in its way had been
// taken away; -1 where there is none.
func lingering(managed []metav1.ManagedFieldsEntry) int {
	return slices.IndexFunc(managed, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == manager && m.Operation == metav1.ManagedFieldsOperationUpdate && m.Subresource == ""
	})
}
