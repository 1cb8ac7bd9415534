package conformance

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// confides: what begins so is in a Secret, and in no other object of the namespace.
func (k kubernetes) confides(t *testing.T, prefix string) {
	t.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(prefix))
	encoded = encoded[:len(encoded)-4] // the last ones depend on what follows
	configMaps := kube.Kind{Version: "v1", Resource: "configmaps", Name: "ConfigMap"}
	for _, kind := range []kube.Kind{kube.Secrets, kube.Deployments, kube.ReplicaSets, kube.Pods, kube.Events, kube.Leases, kube.ServiceAccounts, configMaps} {
		var list json.RawMessage
		if err := k.api.List(t.Context(), kind, kube.Selector{}, &list); err != nil {
			t.Fatal(err)
		}
		held := strings.Contains(string(list), prefix) || strings.Contains(string(list), encoded)
		if held != (kind == kube.Secrets) {
			t.Errorf("%s: a text that begins with %s is there: %t", kind.Resource, prefix, held)
		}
	}
}
