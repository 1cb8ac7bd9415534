package k8s

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// start is when the pods of these tests were made; now is ten seconds later.
func start() time.Time { return time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC) }
func now() time.Time   { return start().Add(10 * time.Second) }

// testView is a daemon with one pod, whose status is given as YAML.
func testView(t *testing.T, status string, edit ...func(*view)) view {
	t.Helper()
	one := int32(1)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{UID: "d", Generation: 3}, Spec: appsv1.DeploymentSpec{Replicas: &one}}
	d.Spec.Template.Annotations = map[string]string{noteHash: "h"}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "p", Name: "edge-api-x", CreationTimestamp: metav1.Time{Time: start()}, Annotations: map[string]string{noteHash: "h"}}}
	p.Spec.NodeName, p.Spec.Containers = "node-1", []corev1.Container{{Name: "api", Image: "r/api:1"}}
	if err := yaml.UnmarshalStrict([]byte(status), &p.Status); err != nil {
		t.Fatal(err)
	}
	v := view{daemon: "api", deployment: d, pods: []*corev1.Pod{p}}
	for _, e := range edit {
		e(&v)
	}
	return v
}

func probed(v *view) {
	v.pods[0].Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 3}
}

func failing(v *view) {
	v.events = map[string][]*corev1.Event{"p": {{Reason: "Unhealthy", Message: "Readiness probe failed: no such file\n",
		LastTimestamp: metav1.Time{Time: start().Add(5 * time.Second)}}}}
}

func waiting(reason, message string) string {
	return "containerStatuses: [{name: api, state: {waiting: {reason: " + reason + ", message: '" + strings.ReplaceAll(message, "'", "''") + "'}}}]"
}

const runningStatus = `containerStatuses: [{name: api, ready: READY, restartCount: 0, state: {running: {startedAt: "2026-05-17T12:00:01Z"}}}]`

func TestObserve(t *testing.T) {
	ready, unready := strings.Replace(runningStatus, "READY", "true", 1), strings.Replace(runningStatus, "READY", "false", 1)
	for _, c := range []struct {
		name, status string
		edit         []func(*view)
		want         deploy.Observation // Daemon, Instance and Node filled in
	}{
		{"running", ready, nil, deploy.Observation{State: deploy.Running, StartedAt: start().Add(time.Second)}},
		{"healthy", ready, []func(*view){probed}, deploy.Observation{State: deploy.Running, Health: deploy.Healthy, StartedAt: start().Add(time.Second)}},
		{"starting", unready, []func(*view){probed}, deploy.Observation{State: deploy.Running, Health: deploy.Starting, StartedAt: start().Add(time.Second)}},
		{"unhealthy", unready, []func(*view){probed, failing}, deploy.Observation{State: deploy.Running, Health: deploy.Unhealthy, StartedAt: start().Add(time.Second),
			Probe: &deploy.Probe{Code: 1, Output: "no such file", At: start().Add(5 * time.Second)}}},
		{"failing in its start period", unready, []func(*view){probed, failing, func(v *view) { v.pods[0].Annotations[noteStartPeriod] = "1m" }},
			deploy.Observation{State: deploy.Running, Health: deploy.Starting, StartedAt: start().Add(time.Second),
				Probe: &deploy.Probe{Code: 1, Output: "no such file", At: start().Add(5 * time.Second)}}},
		{"created", "{}", nil, deploy.Observation{State: deploy.Created}},
		{"pulling", waiting("ContainerCreating", ""), nil, deploy.Observation{State: deploy.Created}},
		{"crashed once", `containerStatuses: [{name: api, restartCount: 0, state: {terminated: {exitCode: 7, reason: Error, startedAt: "2026-05-17T12:00:01Z", finishedAt: "2026-05-17T12:00:02Z"}}}]`, nil,
			deploy.Observation{State: deploy.BackOff, StartedAt: start().Add(time.Second), LastExit: &deploy.Exit{Code: 7, At: start().Add(2 * time.Second)}}},
		{"crash loop", `containerStatuses: [{name: api, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled, startedAt: "2026-05-17T12:00:01Z", finishedAt: "2026-05-17T12:00:02Z"}}}]`, nil,
			deploy.Observation{State: deploy.BackOff, StartedAt: start().Add(time.Second), Restarts: 2, NextStart: start().Add(22 * time.Second),
				LastExit: &deploy.Exit{Code: 137, Signal: "SIGKILL", OOM: true, At: start().Add(2 * time.Second)}}},
		{"crashed again", `containerStatuses: [{name: api, restartCount: 1, state: {terminated: {exitCode: 7, reason: Error, startedAt: "2026-05-17T12:00:03Z", finishedAt: "2026-05-17T12:00:04Z"}},
			lastState: {terminated: {exitCode: 8, reason: Error, startedAt: "2026-05-17T12:00:01Z", finishedAt: "2026-05-17T12:00:02Z"}}}]`, nil,
			deploy.Observation{State: deploy.BackOff, StartedAt: start().Add(3 * time.Second), Restarts: 1, LastExit: &deploy.Exit{Code: 7, At: start().Add(4 * time.Second)}}},
		{"restarted, its end forgotten", strings.Replace(ready, "restartCount: 0", "restartCount: 2", 1), nil,
			deploy.Observation{State: deploy.Running, StartedAt: start().Add(time.Second), Restarts: 2, LastExit: &deploy.Exit{Code: -1, At: start().Add(time.Second)}}},
		{"stopped by hand", ready, []func(*view){func(v *view) { *v.deployment.Spec.Replicas = 0 }},
			deploy.Observation{Instance: "d/3", State: deploy.Stopped, ByHand: true, Node: "-"}},
		{"pod of an earlier template", ready, []func(*view){func(v *view) { v.pods[0].Annotations[noteHash] = "old" }},
			deploy.Observation{Instance: "d/3", State: deploy.Created, Node: "-"}},
		{"terminating", ready, []func(*view){func(v *view) { v.pods[0].DeletionTimestamp = &metav1.Time{Time: start()} }},
			deploy.Observation{Instance: "d/3", State: deploy.Created, Node: "-"}},
		{"injected sidecar first", `containerStatuses: [{name: mesh, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}}, ` + ready[len("containerStatuses: ["):], nil,
			deploy.Observation{State: deploy.Running, StartedAt: start().Add(time.Second)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Daemon = "api"
			if c.want.Instance == "" {
				c.want.Instance = "p"
			}
			switch c.want.Node {
			case "":
				c.want.Node = "node-1"
			case "-":
				c.want.Node = ""
			}
			got := testView(t, c.status, c.edit...).observe(now()).Observation
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerdicts: what the cluster says, in its own words, becomes the reason that every platform has.
func TestVerdicts(t *testing.T) {
	terminated := func(reason, message string) string {
		return `containerStatuses: [{name: api, state: {terminated: {exitCode: 128, reason: ` + reason + `, message: '` + message + `', startedAt: "1970-01-01T00:00:00Z", finishedAt: "2026-05-17T12:00:02Z"}}}]`
	}
	scheduling := func(message string) string {
		return "conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: '" + message + "'}]"
	}
	later := now().Add(30 * time.Second)
	for _, c := range []struct {
		name, status string
		at           time.Time
		want         deploy.Reason // "" is none
	}{
		{"image not found", waiting("ErrImagePull", `rpc error: code = NotFound desc = failed to pull and unpack image "r/api:1": failed to resolve reference "r/api:1": r/api:1: not found`), now(), deploy.ImageNotFound},
		{"image denied", waiting("ErrImagePull", `failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized`), now(), deploy.ImageDenied},
		{"image denied or absent", waiting("ErrImagePull", `pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`), now(), deploy.ImageDenied},
		{"rate limited", waiting("ErrImagePull", `unexpected status code 429 Too Many Requests: toomanyrequests`), now(), deploy.ImageRateLimited},
		{"registry down", waiting("ErrImagePull", `failed to do request: Head "https://r/v2/api/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused`), now(), deploy.RegistryUnreachable},
		{"wrong platform", waiting("ErrImagePull", `failed to pull and unpack image "r/api:1": no match for platform in manifest: not found`), now(), deploy.ImagePlatform},
		{"back-off says nothing new", waiting("ImagePullBackOff", `Back-off pulling image "r/api:1"`), now(), ""},
		{"back-off with its cause", waiting("ImagePullBackOff", `Back-off pulling image "r/api:1": ErrImagePull: failed to resolve reference "r/api:1": r/api:1: not found`), now(), deploy.ImageNotFound},
		{"invalid name", waiting("InvalidImageName", `couldn't parse image name`), now(), deploy.ImageInvalid},
		{"never", waiting("ErrImageNeverPull", "x"), now(), deploy.ImageNotPresent},
		{"secret missing", waiting("CreateContainerConfigError", `secret "db" not found`), now(), deploy.SecretMissing},
		{"key missing", waiting("CreateContainerConfigError", `couldn't find key password in Secret ns/db`), now(), deploy.SecretMissing},
		{"root image, non-root user", waiting("CreateContainerConfigError", `container has runAsNonRoot and image will run as root`), now(), deploy.ConfigRefused},
		{"no command", terminated("StartError", `failed to create containerd task: exec: "/no/such": stat /no/such: no such file or directory: unknown`), now(), deploy.CommandNotFound},
		{"not executable", terminated("StartError", `exec: "/x": permission denied: unknown`), now(), deploy.CommandNotExecutable},
		{"bad format", terminated("StartError", `exec /x: exec format error`), now(), deploy.ExecFormat},
		{"unknown user", waiting("CreateContainerError", `unable to find user nobody2: no matching entries in passwd file`), now(), deploy.UserUnknown},
		{"waiting for a node", scheduling("0/1 nodes are available: 1 Insufficient memory."), now(), ""},
		{"no node", scheduling("0/1 nodes are available: 1 Insufficient memory."), later, deploy.Unschedulable},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := testView(t, c.status).observe(c.at)
			var got deploy.Reason
			if l.Problem != nil {
				got = l.Problem.Reason
			}
			if got != c.want {
				t.Errorf("got %q (%v), want %q", got, l.Problem, c.want)
			}
			if c.name == "waiting for a node" && !l.again.Equal(start().Add(unschedulableAfter+time.Second)) {
				t.Errorf("to be looked at again at %v", l.again)
			}
		})
	}
}

func TestPodRefused(t *testing.T) {
	for message, want := range map[string]deploy.Reason{
		`pods "edge-api-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1`:                      deploy.QuotaExceeded,
		`pods "edge-api-x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 128Mi`:                               deploy.QuotaExceeded,
		`pods "edge-api-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`:                               deploy.AdmissionDenied,
		`admission webhook "no.example.com" denied the request: not on a Friday`:                                                       deploy.AdmissionDenied,
		`pods "edge-api-" is forbidden: error looking up service account ns/edge-execution: serviceaccount "edge-execution" not found`: deploy.ServiceAccountMissing,
	} {
		v := testView(t, "{}", func(v *view) {
			v.pods = nil
			rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{UID: types.UID("rs")}}
			rs.Spec.Template.Annotations = map[string]string{noteHash: "h"}
			rs.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Message: message}}
			old := rs.DeepCopy()
			old.Spec.Template.Annotations[noteHash] = "old"
			old.Status.Conditions[0].Message = "something else"
			v.replicaSets = []*appsv1.ReplicaSet{old, rs}
		})
		if l := v.observe(now()); l.Problem == nil || l.Problem.Reason != want || !strings.Contains(l.Problem.Error(), message) {
			t.Errorf("%s: %v, want %s", message, l.Problem, want)
		}
	}
}
