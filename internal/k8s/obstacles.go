package k8s

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// Some fields exclude each other: a variable has a value or says where it comes from, a strategy that replaces has no
// numbers for rolling. Applying one never takes the other away that somebody else has set, so the server would refuse the
// two together. Such fields of others are obstacles, and are replaced before anything is applied.

// obstacle is a part of a live Deployment that has to be replaced as a whole.
type obstacle struct {
	pointer string   // where it is, as a JSON patch has it
	field   string   // the excluding field, as conflicts are told
	owner   []string // the same, as managed fields have it
	value   any      // what takes its place
}

// takenBack says that an obstacle goes whoever set it.
func (o obstacle) takenBack() bool { return conflict{field: o.field}.takenBack() }

// obstacles finds what excludes what we would apply. It is pure.
func obstacles(raw, want object) []obstacle {
	var out []obstacle
	if dig(raw, "spec", "strategy", "rollingUpdate") != nil && dig(want, "spec", "strategy") != nil {
		out = append(out, obstacle{"/spec/strategy", ".spec.strategy.rollingUpdate", []string{"f:spec", "f:strategy", "f:rollingUpdate"}, dig(want, "spec", "strategy")})
	}
	ours := ownContainer(want)
	containers := items(dig(raw, "spec", "template", "spec", "containers"))
	at := itemNamed(containers, ours["name"])
	if at < 0 {
		return append(out, excludedVolumes(raw, want)...)
	}
	theirs := containers[at].(object)
	in := place{fmt.Sprintf("/spec/template/spec/containers/%d", at), fmt.Sprintf(".spec.template.spec.containers[name=%q]", ours["name"]),
		[]string{"f:spec", "f:template", "f:spec", "f:containers", itemKey(ours["name"])}}
	out = append(out, excludedItems(in.below("env"), items(theirs["env"]), items(ours["env"]), sources)...)
	for _, probe := range []string{"readinessProbe", "startupProbe"} {
		have, _ := theirs[probe].(object)
		if wanted, ok := ours[probe].(object); ok {
			out = append(out, excluded(in.below(probe), have, wanted, handlers)...)
		}
	}
	return append(out, excludedVolumes(raw, want)...)
}

func excludedVolumes(raw, want object) []obstacle {
	in := place{"/spec/template/spec/volumes", ".spec.template.spec.volumes", []string{"f:spec", "f:template", "f:spec", "f:volumes"}}
	return excludedItems(in, items(dig(raw, "spec", "template", "spec", "volumes")), items(dig(want, "spec", "template", "spec", "volumes")), members)
}

// place is where in a Deployment something is, in the three ways there are to say so.
type place struct {
	pointer, field string
	owner          []string
}

func (p place) below(name string) place {
	return place{p.pointer + "/" + name, p.field + "." + name, append(slices.Clone(p.owner), "f:"+name)}
}

func (p place) item(i int, name any) place {
	return place{fmt.Sprintf("%s/%d", p.pointer, i), fmt.Sprintf("%s[name=%q]", p.field, name), append(slices.Clone(p.owner), itemKey(name))}
}

// excludedItems compares the items of lists by name.
func excludedItems(in place, have, want []any, choice func(object) []string) []obstacle {
	var out []obstacle
	for _, item := range want {
		wanted := item.(object)
		if i := itemNamed(have, wanted["name"]); i >= 0 {
			out = append(out, excluded(in.item(i, wanted["name"]), have[i].(object), wanted, choice)...)
		}
	}
	return out
}

// excluded finds the first choice of a live value that is none of the wanted one's.
func excluded(in place, have, want object, choice func(object) []string) []obstacle {
	wanted := choice(want)
	for _, c := range choice(have) {
		if slices.Contains(wanted, c) {
			continue
		}
		for part := range strings.SplitSeq(c, ".") {
			in = place{in.pointer, in.field + "." + part, append(in.owner, "f:"+part)}
		}
		return []obstacle{{in.pointer, in.field, in.owner, want}}
	}
	return nil
}

// sources are where a variable's value comes from.
func sources(env object) []string {
	from, ok := env["valueFrom"].(object)
	if !ok {
		if env["value"] == nil {
			return nil
		}
		return []string{"value"}
	}
	var out []string
	for _, source := range sortedKeys(from) {
		out = append(out, "valueFrom."+source)
	}
	return out
}

// handlers are what a probe does.
func handlers(probe object) []string {
	return slices.DeleteFunc(sortedKeys(probe), func(field string) bool {
		return !slices.Contains([]string{"exec", "httpGet", "tcpSocket", "grpc"}, field)
	})
}

// members are the fields of a volume but its name: what it is.
func members(volume object) []string {
	return slices.DeleteFunc(sortedKeys(volume), func(field string) bool { return field == "name" })
}

func items(v any) []any { l, _ := v.([]any); return l }

func itemNamed(all []any, name any) int {
	return slices.IndexFunc(all, func(item any) bool { o, ok := item.(object); return ok && o["name"] == name })
}

func itemKey(name any) string {
	text, _ := json.Marshal(map[string]any{"name": name})
	return "k:" + string(text)
}

// ownerOf names the manager of a field, beside ourselves.
func ownerOf(managed []metav1.ManagedFieldsEntry, field []string) string {
	for _, m := range managed {
		if m.FieldsV1 == nil || m.Manager == manager {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(m.FieldsV1.Raw, &fields) == nil && dig(fields, field...) != nil {
			return m.Manager
		}
	}
	return "somebody"
}

// clearing is the patch that puts what we want in the place of obstacles, at the very version they were seen in.
func clearing(version string, found []obstacle) []kube.PatchOp {
	ops := []kube.PatchOp{{Op: "test", Path: "/metadata/resourceVersion", Value: version}}
	for _, o := range found {
		ops = append(ops, kube.PatchOp{Op: "replace", Path: o.pointer, Value: o.value})
	}
	return ops
}
