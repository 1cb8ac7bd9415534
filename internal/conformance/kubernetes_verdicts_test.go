package conformance

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// TestKubernetesVerdicts: what only a cluster can have against a daemon is told at once, in its words, under its code.
func TestKubernetesVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, daemon string
		namespace    []string                     // labels
		prepare      func(*testing.T, kubernetes) // what stands in the way
		image        func(*testing.T) string      // in place of the plain one
		reason       deploy.Reason
		says         []string
	}{
		{name: "no service account", daemon: "kubernetes: { serviceAccountName: absent }", reason: deploy.ServiceAccountMissing, says: []string{"absent"}},
		{name: "no priority class", daemon: "kubernetes: { priorityClassName: absent }", reason: deploy.ConfigRefused, says: []string{"priority class", "absent"}},
		{name: "no secret", daemon: "environment: { X: { secretRef: { name: absent, key: x } } }", reason: deploy.SecretMissing, says: []string{"absent"}},
		{name: "no key", daemon: "environment: { X: { secretRef: { name: there, key: absent } } }", prepare: secretThere, reason: deploy.SecretMissing, says: []string{"absent"}},
		{name: "no pull secret", daemon: "kubernetes: { imagePullSecrets: [absent] }", image: deniedImage, reason: deploy.ImageDenied, says: []string{"absent"}},
		{name: "quota", daemon: "cpu: \"0.1\"", prepare: quota, reason: deploy.QuotaExceeded, says: []string{"small", "pods=1"}},
		{name: "limit range", daemon: "memory: { min: 64Mi, desired: 64Mi }", prepare: limitRange, reason: deploy.QuotaExceeded, says: []string{"maximum memory usage per Container is 16Mi"}},
		{name: "webhook", daemon: "cpu: \"0.1\"", prepare: refusingWebhook, reason: deploy.AdmissionDenied, says: []string{"never on a Friday"}},
		{name: "pod security", daemon: "cpu: \"0.1\"", namespace: []string{"pod-security.kubernetes.io/enforce", "restricted"}, reason: deploy.AdmissionDenied, says: []string{"runAsNonRoot"}},
		{name: "no node", daemon: "kubernetes: { nodeSelector: { no: such } }", reason: deploy.Unschedulable, says: []string{"node affinity/selector"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			on := newKubernetes(t, c.namespace...)
			if c.prepare != nil {
				c.prepare(t, on)
			}
			p := newProject(t, on)
			image := on.image(t, testbed.Plain)
			if c.image != nil {
				image = c.image(t)
			}
			p.manifest("platforms: [kubernetes]\ndaemons:\n  api: { image: \"" + image + "\", command: [/daemon, run], " + c.daemon + " }\n")
			known := on.firstSaid(t, c.says[0])
			got := outcome(t, p.up(4), "api")
			ended := time.Now()
			select {
			case at := <-known:
				t.Logf("up ended %.2fs after the cluster knew", ended.Sub(at).Seconds())
			default: // it never got as far as an object
			}
			if got.Verdict == nil || got.Verdict.Reason != c.reason || got.Verdict.Hint == "" {
				t.Fatalf("%s %+v, want it failed with %s", got.Outcome, got.Verdict, c.reason)
			}
			for _, text := range c.says {
				if !strings.Contains(got.Verdict.Message+got.Verdict.Hint, text) {
					t.Errorf("the verdict does not say %q: %s; %s", text, got.Verdict.Message, got.Verdict.Hint)
				}
			}
			if soon := unschedulable.Seconds(); c.reason == deploy.Unschedulable && got.TookSeconds < soon {
				t.Errorf("given up after %vs: a node may still have come", got.TookSeconds)
			}
			if d := p.daemonStatus(4, "api"); d.Ready || d.Reason != c.reason {
				t.Errorf("status: %+v, want the same reason", d)
			}
		})
	}
}

// firstSaid gives the moment at which an object's status, or an event, first says a text, as the tests' own watches see it.
func (k kubernetes) firstSaid(t *testing.T, text string) <-chan time.Time {
	t.Helper()
	first := make(chan time.Time, 1)
	for _, kind := range []kube.Kind{kube.Deployments, kube.ReplicaSets, kube.Pods, kube.Events} {
		go func() {
			_ = k.api.Watch(t.Context(), kind, kube.Selector{}, "0", func(c kube.Change) error {
				var o struct {
					Message string          `json:"message"`
					Status  json.RawMessage `json:"status"`
				}
				if json.Unmarshal(c.Object, &o) == nil && strings.Contains(o.Message+string(o.Status), text) {
					select {
					case first <- time.Now():
					default:
					}
				}
				return nil
			})
		}()
	}
	return first
}

// unschedulable is how long the scheduler is given to find a node.
const unschedulable = 30 * time.Second

func (k kubernetes) make(t *testing.T, kind kube.Kind, name string, rest object) {
	t.Helper()
	rest["apiVersion"], rest["kind"], rest["metadata"] = kind.APIVersion(), kind.Name, object{"name": name}
	if err := k.api.Create(t.Context(), kind, "test", rest, nil); err != nil {
		t.Fatal(err)
	}
}

func secretThere(t *testing.T, on kubernetes) {
	on.make(t, kube.Secrets, "there", object{"stringData": object{"y": "1"}})
}

func quota(t *testing.T, on kubernetes) {
	on.make(t, kube.Kind{Version: "v1", Resource: "resourcequotas", Name: "ResourceQuota"}, "small", object{"spec": object{"hard": object{"pods": "0"}}})
}

func limitRange(t *testing.T, on kubernetes) {
	on.make(t, kube.Kind{Version: "v1", Resource: "limitranges", Name: "LimitRange"}, "small",
		object{"spec": object{"limits": []any{object{"type": "Container", "max": object{"memory": "16Mi"}}}}})
}

func deniedImage(t *testing.T) string {
	registry := testbed.Registry(t)
	ref := registry.Push(t, "acme/api:1")
	registry.RequireBasic("alice", "not-told-to-anybody")
	return ref
}

// refusingWebhook has pods of the namespace refused by a webhook.
func refusingWebhook(t *testing.T, on kubernetes) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil || review.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Result: &metav1.Status{Message: "never on a Friday"}}
		review.Request = nil
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	webhooks := kube.Kind{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations", Name: "ValidatingWebhookConfiguration", Cluster: true}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	name := on.api.Namespace
	t.Cleanup(func() {
		client := on.cluster.Client(t)
		if err := client.Delete(context.WithoutCancel(t.Context()), "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/"+name); err != nil {
			t.Error(err)
		}
	})
	on.make(t, webhooks, name, object{"webhooks": []any{object{
		"name": "calendar.alien.test", "sideEffects": "None", "admissionReviewVersions": []string{"v1"}, "failurePolicy": "Fail",
		"clientConfig":      object{"url": server.URL, "caBundle": base64.StdEncoding.EncodeToString(ca)},
		"namespaceSelector": object{"matchLabels": object{"kubernetes.io/metadata.name": name}},
		"rules":             []any{object{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE"}, "resources": []string{"pods"}}},
	}}})
}

// TestKubernetesRecreationFails: what is recreated without a change is put back by another recreation, and judged like
// anything that is put back.
func TestKubernetesRecreationFails(t *testing.T) {
	t.Parallel()
	on := behindCluster(t)
	p := newProject(t, on)
	ready := filepath.Join(p.dir, "ready")
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.manifest(strings.Replace(checkedByFile, "startPeriodSeconds: 300", "intervalSeconds: 1, failureThreshold: 1", 1))
	p.up(0)
	on.proxy.Before(func(_ int, c testbed.ClusterCall) {
		if c.Mutates() && c.Method == http.MethodPatch {
			_ = os.Remove(ready)
		}
	})
	got := outcome(t, p.up(4, "--force-recreate"), "api")
	if v := got.Verdict; v == nil || v.Reason != deploy.UnhealthyNow || !strings.Contains(v.Message, "the previous instance is not ready again: it runs, but its health check fails") {
		t.Errorf("%s: %+v", got.Outcome, got.Verdict)
	}
}
