package k8s

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func decoded(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

const liveText = `{"metadata":{"name":"edge-api","uid":"1","labels":{"ours":"a","theirs":"b"},"annotations":{"x":"1"}},
"spec":{"replicas":1,"paused":false,"template":{"spec":{"containers":[
 {"name":"sidecar","image":"mesh"},
 {"name":"api","image":"i","terminationMessagePath":"/dev/log","command":["/a","b"],
  "env":[{"name":"A","value":"1"},{"name":"INJECTED","value":"2"},{"name":"E"}],
  "ports":[{"containerPort":80,"protocol":"TCP"}]}]}}}}`

const fieldsText = `{"f:metadata":{"f:labels":{"f:ours":{}},"f:annotations":{"f:x":{}}},
"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"api\"}":{".":{},"f:name":{},"f:image":{},"f:command":{},
 "f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}},"k:{\"name\":\"E\"}":{".":{},"f:name":{}}},
 "f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{}}}}}}}}}`

func TestOwned(t *testing.T) {
	entry := func(manager string, op metav1.ManagedFieldsOperationType) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: op, FieldsV1: &metav1.FieldsV1{Raw: []byte(fieldsText)}}
	}
	got, ok := owned(decoded(t, liveText), []metav1.ManagedFieldsEntry{entry("kubectl", "Update"), entry(manager, "Apply")}, manager)
	want := decoded(t, `{"metadata":{"labels":{"ours":"a"},"annotations":{"x":"1"}},
	"spec":{"replicas":1,"template":{"spec":{"containers":[{"name":"api","image":"i","command":["/a","b"],
	 "env":[{"name":"A","value":"1"},{"name":"E"}],"ports":[{"containerPort":80,"protocol":"TCP"}]}]}}}}`)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, none := range [][]metav1.ManagedFieldsEntry{nil, {entry(manager, "Update")}, {entry("other", "Apply")}} {
		if o, ok := owned(decoded(t, liveText), none, manager); ok {
			t.Errorf("owned %v of %v", o, none)
		}
	}
}

func TestDifferences(t *testing.T) {
	have := decoded(t, `{"spec":{"replicas":2,"old":true,"list":[{"name":"a","v":1},{"name":"b"}],"same":{"x":[1,2]}}}`)
	want := object{"spec": object{"replicas": int64(1), "new": "x", "list": []any{object{"name": "a", "v": int64(2)}, object{"name": "b"}}, "same": object{"x": []any{int64(1), int64(2)}}}}
	var got []string
	for _, d := range differences(have, want, "") {
		got = append(got, d.path+": "+shown(d.have)+" -> "+shown(d.want))
	}
	if w := []string{"spec.list[a].v: 1 -> 2", "spec.new:  -> x", "spec.old: true -> ", "spec.replicas: 2 -> 1"}; !slices.Equal(got, w) {
		t.Errorf("got %q, want %q", got, w)
	}
	if d := differences(have, have, ""); len(d) != 0 {
		t.Errorf("an object differs from itself: %v", d)
	}
}
