package k8s

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// owned gives the fields of a live object that a field manager applied, as the object it would apply to have them. The
// second answer is false where it applied none.
func owned(live object, managed []metav1.ManagedFieldsEntry, by string) (object, bool) {
	for _, m := range managed {
		if m.Manager != by || m.Operation != metav1.ManagedFieldsOperationApply || m.Subresource != "" || m.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(m.FieldsV1.Raw, &fields) != nil {
			return nil, false
		}
		out, ok := extract(live, fields).(object)
		return out, ok
	}
	return nil, false
}

// extract copies of a value what a set of fields names. A set without members names the whole value.
func extract(value any, fields map[string]any) any {
	if len(fields) == 0 {
		return value
	}
	switch v := value.(type) {
	case object:
		return extractObject(v, fields)
	case []any:
		return extractList(v, fields)
	}
	return value
}

func extractObject(v object, fields map[string]any) object {
	out := object{}
	for key, below := range fields {
		name, ok := strings.CutPrefix(key, "f:")
		member, exists := v[name]
		if !ok || !exists {
			continue
		}
		set, _ := below.(map[string]any)
		out[name] = extract(member, set)
	}
	return out
}

// extractList copies the items that a set names, by their keys (k:) or their values (v:), in the order of the list.
func extractList(v []any, fields map[string]any) []any {
	out := []any{}
	for _, item := range v {
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			below, _ := fields[key].(map[string]any)
			if !named(item, key) {
				continue
			}
			piece := extract(item, withoutSelf(below))
			if o, ok := piece.(object); ok && strings.HasPrefix(key, "k:") {
				piece = withKeys(o, key)
			}
			out = append(out, piece)
		}
	}
	return out
}

// withoutSelf drops the mark that the item itself is owned.
func withoutSelf(fields map[string]any) map[string]any {
	out := maps.Clone(fields)
	delete(out, ".")
	if len(out) == 0 {
		return map[string]any{"f:": map[string]any{}} // owned, and nothing in it
	}
	return out
}

// named says whether a key of a set means this item of a list.
func named(item any, key string) bool {
	if text, ok := strings.CutPrefix(key, "v:"); ok {
		var want any
		return json.Unmarshal([]byte(text), &want) == nil && reflect.DeepEqual(normal(item), want)
	}
	o, ok := item.(object)
	keys := keysOf(key)
	if !ok || keys == nil {
		return false
	}
	for name, want := range keys {
		if have, there := o[name]; there && !reflect.DeepEqual(normal(have), want) || !there {
			return false
		}
	}
	return true
}

func keysOf(key string) map[string]any {
	text, ok := strings.CutPrefix(key, "k:")
	if !ok {
		return nil
	}
	var keys map[string]any
	_ = json.Unmarshal([]byte(text), &keys)
	return keys
}

func withKeys(o object, key string) object {
	for name, value := range keysOf(key) {
		o[name] = value
	}
	return o
}

// normal is a value as decoding JSON gives it.
func normal(v any) any {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case object:
		out := object{}
		for k, m := range n {
			out[k] = normal(m)
		}
		return out
	case []any:
		out := make([]any, len(n))
		for i, m := range n {
			out[i] = normal(m)
		}
		return out
	}
	return v
}

// difference is one place where two objects differ; absent sides are nil.
type difference struct {
	path       string
	have, want any
}

// drifted compares a live object with what we would apply: every field that we would apply has to equal the live one,
// whoever set that, and we must own none that we would not apply.
func drifted(live, owned, want object) []difference {
	want = body(want)
	out := differences(live, want, "", false)
	for _, d := range differences(body(owned), want, "", true) {
		if d.want == nil {
			out = append(out, d)
		}
	}
	return out
}

// body is an object without what names it, which nobody owns.
func body(o object) object {
	out := maps.Clone(o)
	delete(out, "apiVersion")
	delete(out, "kind")
	if meta, ok := out["metadata"].(object); ok {
		meta = maps.Clone(meta)
		delete(meta, "name")
		out["metadata"] = meta
	}
	return out
}

// differences lists where two objects differ. Without both, what only the first one has is left out.
func differences(have, want any, path string, both bool) []difference {
	h, hok := have.(object)
	w, wok := want.(object)
	if hok && wok {
		return objectDifferences(h, w, path, both)
	}
	hl, hok := have.([]any)
	wl, wok := want.([]any)
	if key := mergeKey(hl, wl); hok && wok && key != "" {
		return listDifferences(hl, wl, path, key, both)
	}
	if reflect.DeepEqual(normal(have), normal(want)) {
		return nil
	}
	return []difference{{path, have, want}}
}

func objectDifferences(h, w object, path string, both bool) []difference {
	names := maps.Clone(w)
	if both {
		maps.Copy(names, h)
	}
	var out []difference
	for _, name := range sortedKeys(names) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		out = append(out, differences(h[name], w[name], at, both)...)
	}
	return out
}

// listDifferences compares the items of lists that the cluster merges by a key, in whatever order they are.
func listDifferences(h, w []any, path, key string, both bool) []difference {
	var out []difference
	for _, item := range w {
		name := item.(object)[key]
		at := fmt.Sprintf("%s[%v]", path, name)
		if there := byKey(h, key, name); there != nil {
			out = append(out, differences(there, item, at, both)...)
		} else {
			out = append(out, difference{at, nil, item})
		}
	}
	for _, item := range h {
		if name := item.(object)[key]; both && byKey(w, key, name) == nil {
			out = append(out, difference{fmt.Sprintf("%s[%v]", path, name), item, nil})
		}
	}
	return out
}

// mergeKey is the field by which the cluster tells the items of a list apart, "" where it takes the list as a whole.
func mergeKey(lists ...[]any) string {
	all := slices.Concat(lists...)
	for _, key := range []string{"mountPath", "name"} {
		has := func(item any) bool { o, ok := item.(object); return ok && o[key] != nil }
		if len(all) > 0 && !slices.ContainsFunc(all, func(item any) bool { return !has(item) }) {
			return key
		}
	}
	return ""
}

// byKey finds the item of a list that a key's value names.
func byKey(list []any, key string, value any) object {
	for _, item := range list {
		if o, ok := item.(object); ok && reflect.DeepEqual(o[key], value) {
			return o
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
