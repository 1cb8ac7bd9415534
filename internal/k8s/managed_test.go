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

func told(all []difference) []string {
	var out []string
	for _, d := range all {
		out = append(out, d.path+": "+shown(d.have)+" -> "+shown(d.want))
	}
	return out
}

func TestDifferences(t *testing.T) {
	have := decoded(t, `{"spec":{"replicas":2,"old":true,"list":[{"name":"b"},{"name":"a","v":1},{"name":"theirs"}],"same":{"x":[1,2]}}}`)
	want := object{"spec": object{"replicas": int64(1), "new": "x", "list": []any{object{"name": "a", "v": int64(2)}, object{"name": "b"}, object{"name": "c"}}, "same": object{"x": []any{int64(1), int64(2)}}}}
	mine := []string{"spec.list[a].v: 1 -> 2", `spec.list[c]:  -> {"name":"c"}`, "spec.new:  -> x", "spec.replicas: 2 -> 1"}
	if got := told(differences(have, want, "", false)); !slices.Equal(got, mine) {
		t.Errorf("of what is wanted: got %q, want %q", got, mine)
	}
	all := []string{"spec.list[a].v: 1 -> 2", `spec.list[c]:  -> {"name":"c"}`, `spec.list[theirs]: {"name":"theirs"} -> `, "spec.new:  -> x", "spec.old: true -> ", "spec.replicas: 2 -> 1"}
	if got := told(differences(have, want, "", true)); !slices.Equal(got, all) {
		t.Errorf("got %q, want %q", got, all)
	}
	if d := differences(have, have, "", true); len(d) != 0 {
		t.Errorf("an object differs from itself: %v", d)
	}
}

// TestDrifted: what others set beside ours is no drift, nor that somebody else has set ours to what it should be; what we
// own and would not apply is.
func TestDrifted(t *testing.T) {
	live := decoded(t, liveText)
	want := decoded(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"edge-api","labels":{"ours":"a"}},
	"spec":{"replicas":1,"template":{"spec":{"containers":[{"name":"api","image":"i","command":["/a","b"],"env":[{"name":"E"},{"name":"A","value":"1"}]}]}}}}`)
	if got := told(drifted(live, want, want)); len(got) != 0 {
		t.Errorf("drift where all is as it should be: %q", got)
	}
	if got := told(drifted(live, object{}, want)); len(got) != 0 {
		t.Errorf("drift because others own what is as it should be: %q", got)
	}
	mine := decoded(t, `{"metadata":{"annotations":{"x":"1"}},"spec":{"replicas":1}}`)
	if got := told(drifted(live, mine, want)); !slices.Equal(got, []string{`metadata.annotations: {"x":"1"} -> `}) {
		t.Errorf("what we own and would not apply: %q", got)
	}
}

// TestObstacles: what others have set and what excludes ours is found, wherever fields exclude each other.
func TestObstacles(t *testing.T) {
	live := decoded(t, `{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}},"template":{"spec":{"volumes":[{"name":"mount-0","emptyDir":{}}],"containers":[{"name":"mesh"},
	{"name":"api","env":[{"name":"X","value":"theirs"},{"name":"A","valueFrom":{"configMapKeyRef":{"name":"c","key":"k"}}},{"name":"S","value":"plain"},{"name":"F","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},{"name":"P","value":"2"}],
	 "readinessProbe":{"httpGet":{"port":1},"periodSeconds":1}}]}}}}`)
	want := decoded(t, `{"spec":{"strategy":{"type":"Recreate"},"template":{"spec":{"volumes":[{"name":"mount-0","hostPath":{"path":"/x"}}],"containers":[
	{"name":"api","env":[{"name":"A","value":"1"},{"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},{"name":"F","valueFrom":{"fieldRef":{"fieldPath":"x"}}},{"name":"P","value":"1"}],
	 "readinessProbe":{"exec":{"command":["x"]}}}]}}}}`)
	var got []string
	for _, o := range obstacles(live, want) {
		got = append(got, o.pointer+" "+o.field+" "+shown(o.value))
	}
	c, in := "/spec/template/spec/containers/1", `.spec.template.spec.containers[name="api"]`
	wanted := []string{
		`/spec/strategy .spec.strategy.rollingUpdate {"type":"Recreate"}`,
		c + "/env/1 " + in + `.env[name="A"].valueFrom.configMapKeyRef {"name":"A","value":"1"}`,
		c + "/env/2 " + in + `.env[name="S"].value {"name":"S","valueFrom":{"secretKeyRef":{"key":"k","name":"s"}}}`,
		c + "/env/3 " + in + `.env[name="F"].valueFrom.secretKeyRef {"name":"F","valueFrom":{"fieldRef":{"fieldPath":"x"}}}`,
		c + "/readinessProbe " + in + `.readinessProbe.httpGet {"exec":{"command":["x"]}}`,
		`/spec/template/spec/volumes/0 .spec.template.spec.volumes[name="mount-0"].emptyDir {"hostPath":{"path":"/x"},"name":"mount-0"}`,
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if o := obstacles(want, want); len(o) != 0 {
		t.Errorf("what is as it should be is in the way: %v", o)
	}
}

// TestSecretsOfDriftAreHidden: what somebody has put into a variable for a secret is not shown.
func TestSecretsOfDriftAreHidden(t *testing.T) {
	want := decoded(t, `{"spec":{"template":{"spec":{"containers":[{"name":"api","env":[{"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},{"name":"P","value":"1"}]}]}}}}`)
	for path, secret := range map[string]bool{
		"spec.template.spec.containers[api].env[S].value": true, "spec.template.spec.containers[api].env[S]": true,
		"spec.template.spec.containers[api].env[NEW]": true, "spec.template.spec.containers[api].env[P].value": false, "spec.replicas": false,
	} {
		c := causeOf(difference{path, "hush", nil}, object{}, want)
		if c.Secret != secret || (c.Old == "") != secret {
			t.Errorf("%s: %+v, want secret %t", path, c, secret)
		}
	}
}
