package k8s

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

// The labels and annotations of what is ours.
const (
	prefix      = "daemons.alien.dev/"
	labelStack  = prefix + "stack"
	labelDaemon = prefix + "daemon"
	labelRole   = prefix + "role" // of what the whole stack shares: key, lock

	noteHash     = prefix + "spec-hash"
	noteSpec     = prefix + "spec" // the fields behind the hash, as JSON; of secrets only keyed hashes
	noteImage    = prefix + "image"
	noteSettle   = prefix + "settle"
	noteVersion  = prefix + "version"
	noteSource   = prefix + "source"
	notePrevious = prefix + "previous"     // what was applied before, until the update has proved ready
	noteRestart  = prefix + "restarted-at" // on the pod template
	noteHolder   = prefix + "holder"       // on the lease

	noteStartPeriod = prefix + "start-period" // on the pod template: how long failing checks say nothing
)

// The field managers. Restarts have one of their own, so that the next apply does not take them back.
const (
	manager        = "alien"
	restartManager = "alien-restart"
)

// keyName is the Secret with a stack's hash key, and leaseName the Lease that is its lock. No daemon's objects can have
// these names: those of a stack begin with <stack>-, and a stack's name holds no dot.
func keyName(stack string) string   { return stack + ".alien-key" }
func leaseName(stack string) string { return stack + ".alien-lock" }

// roleKey and roleLock are what labelRole says.
const (
	roleKey  = "key"
	roleLock = "lock"
)

// stackLabels mark what the whole stack shares.
func stackLabels(stack, role string) map[string]any {
	return map[string]any{labelStack: stack, labelRole: role, "app.kubernetes.io/part-of": stack, "app.kubernetes.io/managed-by": manager}
}

// selector is how a daemon's pods are found: stack and daemon, and nothing else.
func selector(stack, daemon string) map[string]any {
	return map[string]any{labelStack: stack, labelDaemon: daemon}
}

// daemonLabels mark everything of one daemon, for us, for people and for other tools.
func daemonLabels(w workload.Workload) map[string]any {
	l := selector(w.Stack, w.Daemon)
	l["app.kubernetes.io/name"] = w.Daemon
	l["app.kubernetes.io/instance"] = w.Name()
	l["app.kubernetes.io/part-of"] = w.Stack
	l["app.kubernetes.io/managed-by"] = manager
	return l
}

// labelValue is Kubernetes' rule for one.
func labelValue() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
}

// imageVersion is the tag of an image where it makes a label's value.
func imageVersion(image string) string {
	image, _, _ = strings.Cut(image, "@")
	i := strings.LastIndexByte(image, ':')
	if i < 0 || strings.Contains(image[i:], "/") || !labelValue().MatchString(image[i+1:]) {
		return ""
	}
	return image[i+1:]
}

// notes record on a Deployment what it was made from.
func notes(w workload.Workload, fp workload.Fingerprint, o recordOptions) map[string]any {
	fields, _ := json.Marshal(fp.Fields) // strings and bools: it cannot fail
	return map[string]any{
		noteHash: fp.Hash, noteSpec: string(fields), noteImage: w.Image, noteSettle: o.Settle, noteVersion: o.Version, noteSource: o.Source,
	}
}

// recordOptions are what is recorded and is no reason for a change.
type recordOptions struct{ Settle, Version, Source string }

// recordedOptions are those of a live object.
func recordedOptions(notes map[string]string) recordOptions {
	return recordOptions{Settle: notes[noteSettle], Version: notes[noteVersion], Source: notes[noteSource]}
}

// recorded is what a Deployment tells of what it was made from.
func recorded(m metav1.ObjectMeta) deploy.Daemon {
	d := deploy.Daemon{
		Hash: m.Annotations[noteHash], Image: m.Annotations[noteImage],
		Source: m.Annotations[noteSource], Version: m.Annotations[noteVersion],
	}
	d.Daemon = m.Labels[labelDaemon]
	_ = json.Unmarshal([]byte(m.Annotations[noteSpec]), &d.Fields)
	d.Settle, _ = time.ParseDuration(m.Annotations[noteSettle])
	d.Unfinished = m.Annotations[notePrevious] != ""
	return d
}
