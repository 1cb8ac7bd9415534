package k8s

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// object is an API object as it is sent: only what we state is in it, so that nothing else becomes ours.
type object = map[string]any

// rendered is all that a daemon needs to exist.
type rendered struct {
	deployment     object
	secret         object // nil where it has no secret of its own
	serviceAccount object // nil where it needs none
}

// render writes a workload as the objects of a cluster. It is pure.
func render(w workload.Workload, fp workload.Fingerprint, key []byte, o recordOptions) rendered {
	var r rendered
	secret := ""
	if data := secretData(w); len(data) > 0 {
		secret = secretName(w, key)
		r.secret = secretOf(w, secret, data)
	}
	if w.Cluster.Profile != "" {
		r.serviceAccount = serviceAccountOf(w)
	}
	r.deployment = deploymentOf(w, fp, secret, o)
	return r
}

func deploymentOf(w workload.Workload, fp workload.Fingerprint, secret string, o recordOptions) object {
	labels := withPairs(daemonLabels(w), w.Cluster.Labels)
	annotations := withPairs(object{noteHash: fp.Hash}, w.Cluster.Annotations)
	if w.Health != nil && w.Health.StartPeriod > 0 {
		annotations[noteStartPeriod] = w.Health.StartPeriod.String()
	}
	template := object{
		"metadata": object{"labels": withPairs(daemonLabels(w), w.Cluster.Labels), "annotations": annotations},
		"spec":     podSpec(w, secret),
	}
	if v := imageVersion(w.Image); v != "" {
		labels["app.kubernetes.io/version"] = v
	}
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": w.Name(), "labels": labels, "annotations": withPairs(notes(w, fp, o), w.Cluster.Annotations)},
		"spec": object{
			"replicas": int64(1), "revisionHistoryLimit": int64(2), "strategy": object{"type": "Recreate"},
			"selector": object{"matchLabels": selector(w.Stack, w.Daemon)},
			"template": template,
		},
	}
}

func podSpec(w workload.Workload, secret string) object {
	account := serviceAccountName(w)
	spec := object{
		"restartPolicy": "Always", "enableServiceLinks": false, "automountServiceAccountToken": account != "",
		"terminationGracePeriodSeconds": seconds(w.StopGrace),
		"securityContext":               podSecurity(w),
		"containers":                    []any{container(w, secret)},
	}
	if account != "" {
		spec["serviceAccountName"] = account
	}
	placement(spec, w.Cluster.ClusterOptions)
	if w.HostPID {
		spec["hostPID"] = true
	}
	if w.HostNetwork {
		spec["hostNetwork"], spec["dnsPolicy"] = true, "ClusterFirstWithHostNet"
	}
	if len(w.Binds) > 0 {
		volumes := make([]any, len(w.Binds))
		for i, b := range w.Binds {
			volumes[i] = object{"name": volumeName(i), "hostPath": object{"path": b.Source}}
		}
		spec["volumes"] = volumes
	}
	return spec
}

func container(w workload.Workload, secret string) object {
	c := object{
		"name": w.Daemon, "image": w.Image, pullPolicyField: pullPolicy(w.PullPolicy),
		"securityContext": containerSecurity(w),
	}
	if w.Command != nil {
		command := make([]any, len(w.Command))
		for i, part := range w.Command {
			command[i] = workload.DoubleDollars(part)
		}
		c["command"] = command
	}
	if env := environment(w, secret); len(env) > 0 {
		c["env"] = env
	}
	if r := resources(w); len(r) > 0 {
		c["resources"] = r
	}
	if len(w.Binds) > 0 {
		c["volumeMounts"] = mounts(w.Binds)
	}
	probes(c, w.Health)
	return c
}

// environment lists the variables in the order that expansion needs: secrets, then bindings after their placeholders,
// then the rest in the order of the manifest.
func environment(w workload.Workload, secret string) []any {
	var secrets, bindings, plain []any
	names := make([]string, 0, len(w.Env))
	for _, e := range w.Env {
		entry := variable(w, e, secret)
		switch {
		case e.Value.Ref() == nil && e.Value.IsSecret() && !strings.HasPrefix(e.Name, "ALIEN_BINDING_"):
			at, _ := slices.BinarySearch(names, e.Name)
			names, secrets = slices.Insert(names, at, e.Name), slices.Insert(secrets, at, any(entry))
		case workload.OfBinding(e.Name):
			bindings = append(bindings, entry)
		default:
			plain = append(plain, entry)
		}
	}
	return slices.Concat(secrets, bindings, plain)
}

// variable writes one variable so that its value arrives byte for byte.
func variable(w workload.Workload, e manifest.Env, secret string) object {
	switch {
	case e.Value.Ref() != nil:
		return object{"name": e.Name, "valueFrom": object{"secretKeyRef": object{"name": e.Value.Ref().Name, "key": e.Value.Ref().Key}}}
	case e.Value.IsSecret():
		return object{"name": e.Name, "valueFrom": object{"secretKeyRef": object{"name": secret, "key": e.Name}}}
	case slices.Contains(w.Cluster.PodFields, e.Name):
		return object{"name": e.Name, "valueFrom": object{"fieldRef": object{"fieldPath": e.Value.Reveal()}}}
	case slices.Contains(w.Cluster.Expands, e.Name):
		return object{"name": e.Name, "value": e.Value.Reveal()}
	}
	if e.Value.Reveal() == "" { // the API server drops a value that is empty, and it then would look changed
		return object{"name": e.Name}
	}
	return object{"name": e.Name, "value": workload.DoubleDollars(e.Value.Reveal())}
}

// podSecurity and containerSecurity ask for as little as the manifest leaves possible: for a user that is not root,
// everything that the restricted Pod Security Standard wants.
func podSecurity(w workload.Workload) object {
	s := object{"seccompProfile": object{"type": "RuntimeDefault"}}
	user, group, both := strings.Cut(w.User, ":")
	if uid, err := strconv.ParseInt(user, 10, 64); err == nil {
		s["runAsUser"] = uid
		s["runAsNonRoot"] = uid != 0
	}
	if gid, err := strconv.ParseInt(group, 10, 64); both && err == nil {
		s["runAsGroup"] = gid
	}
	return s
}

func containerSecurity(w workload.Workload) object {
	if w.Privileged {
		return object{"privileged": true}
	}
	s := object{"allowPrivilegeEscalation": false}
	user, _, _ := strings.Cut(w.User, ":")
	if uid, err := strconv.ParseInt(user, 10, 64); err == nil && uid != 0 {
		s["capabilities"] = object{"drop": []any{"ALL"}}
	}
	return s
}

// pullPolicyField is where a container says when its image is fetched.
const pullPolicyField = "imagePullPolicy"

func pullPolicy(p manifest.PullPolicy) string {
	switch p {
	case manifest.PullAlways:
		return "Always"
	case manifest.PullNever:
		return "Never"
	}
	return "IfNotPresent"
}

// resources are the amounts; a limit only where it is stated.
func resources(w workload.Workload) object {
	r := object{}
	set := func(kind, name, amount string) {
		if r[kind] == nil {
			r[kind] = object{}
		}
		r[kind].(object)[name] = amount
	}
	for _, a := range []struct {
		kind          string
		milli, memory int64
	}{{"requests", w.CPURequest, w.MemoryRequest}, {"limits", w.CPULimit, w.MemoryLimit}} {
		if a.milli > 0 {
			set(a.kind, "cpu", cpuQuantity(a.milli))
		}
		if a.memory > 0 {
			set(a.kind, "memory", memoryQuantity(a.memory))
		}
	}
	return r
}

// cpuQuantity and memoryQuantity write amounts as the API server would, lest they look changed.
func cpuQuantity(milli int64) string {
	if milli%1000 == 0 {
		return strconv.FormatInt(milli/1000, 10)
	}
	return strconv.FormatInt(milli, 10) + "m"
}

func memoryQuantity(bytes int64) string {
	units := []string{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}
	i := 0
	for ; i < len(units)-1 && bytes%1024 == 0; i++ {
		bytes /= 1024
	}
	return strconv.FormatInt(bytes, 10) + units[i]
}

func volumeName(i int) string { return fmt.Sprintf("mount-%d", i) }

func mounts(binds []workload.Bind) []any {
	out := make([]any, len(binds))
	for i, b := range binds {
		m := object{"name": volumeName(i), "mountPath": b.Target}
		if b.ReadOnly {
			m["readOnly"] = true
		}
		for _, option := range b.Options {
			switch option {
			case "rslave":
				m["mountPropagation"] = "HostToContainer"
			case "rshared":
				m["mountPropagation"] = "Bidirectional"
			}
		}
		out[i] = m
	}
	return out
}

// probes turn a health check into a readiness probe. Where that is made more seldom than every second, a start-up probe
// finds out soon after the start; it never gives the container up, because health restarts nothing.
func probes(c object, h *manifest.HealthCheck) {
	if h == nil {
		return
	}
	command := make([]any, len(h.Command))
	for i, part := range h.Command {
		command[i] = part
	}
	exec := object{"command": command}
	c["readinessProbe"] = object{
		"exec": exec, "periodSeconds": seconds(h.Interval), "timeoutSeconds": seconds(h.Timeout),
		"failureThreshold": int64(h.FailureThreshold), "successThreshold": int64(1),
	}
	if h.Interval > time.Second {
		c["startupProbe"] = object{
			"exec": exec, "periodSeconds": int64(1), "timeoutSeconds": seconds(h.Timeout),
			"failureThreshold": int64(math.MaxInt32), "successThreshold": int64(1),
		}
	}
}

// seconds rounds up: half a second must not become none.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// secretData are the secret values that we keep for a daemon, by variable.
func secretData(w workload.Workload) map[string]string {
	data := map[string]string{}
	for _, e := range w.Env {
		if e.Value.IsSecret() && e.Value.Ref() == nil {
			data[e.Name] = e.Value.Reveal()
		}
	}
	return data
}

// secretName is made from the content, so that another content is another Secret, and keyed, so that nobody can check a
// guess against it. What is known by an id counts by that: its content is known only when it is made.
func secretName(w workload.Workload, key []byte) string {
	mac := hmac.New(sha256.New, key)
	content := secretData(w)
	for _, e := range w.Env {
		if id, issued := e.Value.ID(); issued {
			content[e.Name] = "id:" + id
		}
	}
	for _, name := range sortedKeys(content) {
		fmt.Fprintf(mac, "%d:%s%d:%s", len(name), name, len(content[name]), content[name])
	}
	return w.Name() + "-" + hex.EncodeToString(mac.Sum(nil))[:12]
}

func secretOf(w workload.Workload, name string, data map[string]string) object {
	encoded := object{}
	for k, v := range data {
		encoded[k] = base64.StdEncoding.EncodeToString([]byte(v))
	}
	return object{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
		"metadata": object{"name": name, "labels": daemonLabels(w)},
		"data":     encoded,
	}
}

// serviceAccountName is the account a daemon runs under: its profile's, or the one that is named. Empty is the
// namespace's own, whose token it does not get.
func serviceAccountName(w workload.Workload) string {
	if w.Cluster.Profile != "" {
		return w.Stack + "-" + w.Cluster.Profile
	}
	return w.Cluster.ServiceAccountName
}

func serviceAccountOf(w workload.Workload) object {
	meta := object{"name": serviceAccountName(w), "labels": object{
		labelStack: w.Stack, "app.kubernetes.io/part-of": w.Stack, "app.kubernetes.io/managed-by": manager}}
	if len(w.Cluster.AccountAnnotations) > 0 {
		meta["annotations"] = withPairs(object{}, w.Cluster.AccountAnnotations)
	}
	return object{"apiVersion": kube.ServiceAccounts.APIVersion(), "kind": kube.ServiceAccounts.Name, "metadata": meta}
}
