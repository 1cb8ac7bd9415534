package k8s

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// A kubelet tells by an event that it has started a container, as soon as it has. The pod's status says so when the kubelet
// next looks around, up to a second later. So the settle time begins with the event: what is left of the wait for the
// status is not waited for twice. Without the event, or the right to see it, it begins with the status.

// launch names a container of a pod.
type launch struct {
	pod       types.UID
	container string
}

// firstStart reads which container an event tells the first start of.
func firstStart(e *corev1.Event) (launch, bool) {
	name, ours := strings.CutPrefix(e.InvolvedObject.FieldPath, "spec.containers{")
	name, closed := strings.CutSuffix(name, "}")
	return launch{e.InvolvedObject.UID, name}, ours && closed && e.Reason == "Started"
}

// hearStarts notes when containers are started, from a version of the events on. An event that was missed costs time only.
func (m *mirror) hearStarts(ctx context.Context, version string) {
	for failed := 0; ctx.Err() == nil; failed++ {
		err := m.client.Watch(ctx, kube.Events, kube.Selector{Fields: "involvedObject.kind=Pod,reason=Started"}, version, func(c kube.Change) error {
			var e corev1.Event
			if json.Unmarshal(c.Object, &e) != nil {
				return nil
			}
			version, failed = e.ResourceVersion, 0
			if s, ok := firstStart(&e); ok && c.Type == "ADDED" { // the same event is counted up when it starts again
				m.change(func() { m.starts[s] = time.Now() })
			}
			return nil
		})
		if kube.TooOld(err) || kube.Refused(err) || kube.Pause(ctx, failed) != nil {
			return
		}
	}
}

// startHeard is when we heard of the start of a pod's container, where it has been started only once.
func (v view) startHeard(p *corev1.Pod, restarts int) time.Time {
	if restarts > 0 {
		return time.Time{}
	}
	return v.starts[p.UID]
}
