package workload

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// maxFieldValue bounds what a plain value may add to the label the fingerprint is kept in: annotations of a Kubernetes
// object share 256 KiB, and one environment variable may have half of that.
const maxFieldValue = 512

// Fingerprint says what of the workload decides what runs. Two workloads that run the same have the same hash, whatever
// the order of their variables and whichever version of the tool made it: fields at their default are left out, so that
// a field that a later version adds does not touch the hashes of workloads that do not use it.
//
// The settle time, the failures allowed and the pull policy are not in it: they change how a start is judged, not what
// is started, and must not restart a daemon.
//
// A secret appears as its HMAC under key, which is the stack's own random key: without the key neither the value nor
// whether two daemons share one can be guessed.
func (w Workload) Fingerprint(key []byte) Fingerprint {
	f := fields{key: key}
	f.add("image", imageField(w.Image))
	f.list("command", w.Command)
	for _, e := range w.Env {
		f.value("environment."+e.Name, e.Value)
	}
	f.places(w)
	f.runtime(w)
	f.limits(w)
	f.add("stopGracePeriodSeconds", seconds(w.StopGrace))
	f.health(w.Health)
	f.cluster(w.Cluster)
	slices.SortFunc(f.out, func(a, b Field) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Value, b.Value))
	})
	return Fingerprint{Hash: hashOf(f.out), Fields: f.out}
}

// imageField drops the directory of an archive: the same file in another checkout is no reason to restart a daemon, and
// another content is told by the image's identity.
func imageField(image string) string {
	kind, path, ok := archive(image)
	if !ok {
		return image
	}
	return kind + filepath.Base(path)
}

// Default gives the value that a field has when a fingerprint does not hold it, "" for a field without one. These values
// are part of the hash's definition and never change.
func Default(path string) string {
	switch path {
	case "stopGracePeriodSeconds":
		return "30"
	case "healthCheck.intervalSeconds":
		return "5"
	case "healthCheck.timeoutSeconds":
		return "2"
	case "healthCheck.failureThreshold":
		return "3"
	case "healthCheck.startPeriodSeconds":
		return "0"
	case "runtime.privileged", "runtime.init":
		return "false"
	case "runtime.pidNamespace":
		return "private"
	case "runtime.networkMode":
		return "appnet"
	}
	return ""
}

// fields collects the facts of one workload.
type fields struct {
	key []byte
	out []Field
}

// add notes a fact unless it is at its default.
func (f *fields) add(path, value string) {
	if value != Default(path) {
		f.out = append(f.out, Field{Path: path, Value: bounded(value)})
	}
}

// list notes a list as JSON, so that its items cannot run into each other; nil is the default.
func (f *fields) list(path string, items []string) {
	if items != nil {
		f.add(path, compactJSON(items))
	}
}

// issuedPrefix begins what is noted of a secret that is known by its id.
const issuedPrefix = "id:"

// value notes a variable, an empty one too: set to nothing is not the same as not set.
func (f *fields) value(path string, v manifest.Value) {
	id, issued := v.ID()
	switch {
	case issued:
		f.out = append(f.out, Field{Path: path, Value: issuedPrefix + id, Secret: true})
	case v.Ref() != nil:
		f.out = append(f.out, Field{Path: path, Value: "ref:" + v.Ref().Name + "/" + v.Ref().Key, Secret: true})
	case v.IsSecret():
		f.out = append(f.out, Field{Path: path, Value: f.seal(path, v.Reveal()), Secret: true})
	default:
		f.out = append(f.out, Field{Path: path, Value: bounded(v.Reveal())})
	}
}

// seal makes a secret comparable without showing it. The path is part of it, so that equal secrets do not look equal.
// Without a key there is nothing safe to record.
func (f *fields) seal(path, value string) string {
	if len(f.key) == 0 {
		return "unkeyed"
	}
	mac := hmac.New(sha256.New, f.key)
	fmt.Fprintf(mac, "%d:%s%s", len(path), path, value)
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))
}

func (f *fields) places(w Workload) {
	for _, b := range w.Binds {
		path := "runtime.mounts[" + b.Target + "]"
		f.add(path+".source", b.Source)
		options := b.Options
		if b.ReadOnly {
			options = append([]string{"ro"}, options...)
		}
		f.add(path+".options", strings.Join(options, ","))
	}
	for _, v := range w.Volumes {
		f.add("links."+v.Resource, v.Name+" at "+v.Target)
	}
}

func (f *fields) runtime(w Workload) {
	f.add("runtime.user", w.User)
	f.add("runtime.privileged", strconv.FormatBool(w.Privileged))
	f.add("runtime.init", strconv.FormatBool(w.Init))
	if w.HostPID {
		f.add("runtime.pidNamespace", "host")
	}
	if w.HostNetwork {
		f.add("runtime.networkMode", "host")
	}
}

// limits names both as the long form of the manifest does, of which the short form (memory: 128Mi) is the min.
func (f *fields) limits(w Workload) {
	f.add("cpu.desired", formatCPU(w.CPULimit))
	f.add("cpu.min", formatCPU(w.CPURequest))
	f.add("memory.desired", formatMemory(w.MemoryLimit))
	f.add("memory.min", formatMemory(w.MemoryRequest))
}

func (f *fields) health(h *manifest.HealthCheck) {
	if h == nil {
		return
	}
	f.add("healthCheck.command", compactJSON(h.Command))
	f.add("healthCheck.intervalSeconds", seconds(h.Interval))
	f.add("healthCheck.timeoutSeconds", seconds(h.Timeout))
	f.add("healthCheck.failureThreshold", strconv.Itoa(h.FailureThreshold))
	f.add("healthCheck.startPeriodSeconds", seconds(h.StartPeriod))
}

// cluster notes what is stated for clusters. The annotations of a service account are among it: a pod that runs under it
// keeps the identity that it was started with.
func (f *fields) cluster(c Cluster) {
	f.add("permissions", c.Profile)
	f.pairs("kubernetes.serviceAccounts."+c.Profile+".annotations.", c.AccountAnnotations)
	f.list("kubernetes.imagePullSecrets", c.ImagePullSecrets)
	f.pairs("kubernetes.nodeSelector.", c.NodeSelector)
	f.pairs("kubernetes.labels.", c.Labels)
	f.pairs("kubernetes.annotations.", c.Annotations)
	f.add("kubernetes.serviceAccountName", c.ServiceAccountName)
	f.add("kubernetes.priorityClassName", c.PriorityClassName)
	for i, t := range c.Tolerations {
		f.add(fmt.Sprintf("kubernetes.tolerations[%d]", i), tolerationField(t))
	}
}

// pairs notes each pair, an empty value too.
func (f *fields) pairs(prefix string, pairs map[string]string) {
	for key, value := range pairs {
		f.value(prefix+key, manifest.Plain(value))
	}
}

func tolerationField(t manifest.Toleration) string {
	parts := []string{cmp.Or(t.Key, "*"), cmp.Or(t.Operator, "Equal"), t.Value, cmp.Or(t.Effect, "*")}
	if t.Seconds != nil {
		parts = append(parts, strconv.Itoa(*t.Seconds))
	}
	return strings.Join(parts, " ")
}

// hashOf is over lengths and texts, so that no two lists of fields run together to the same bytes.
func hashOf(fields []Field) string {
	h := sha256.New()
	for _, f := range fields {
		fmt.Fprintf(h, "%d:%s%d:%s%t\n", len(f.Path), f.Path, len(f.Value), f.Value, f.Secret)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// bounded keeps a long value comparable by its hash and recognisable by its beginning.
func bounded(value string) string {
	if len(value) <= maxFieldValue {
		return value
	}
	cut := maxFieldValue / 2
	for cut > 0 && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes, sha256 %x)", value[:cut], len(value), sha256.Sum256([]byte(value)))
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// compactJSON writes a list of strings as people would: without escaping <, > and &.
func compactJSON(items []string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if items == nil {
		items = []string{}
	}
	if err := enc.Encode(items); err != nil {
		panic(err) // a list of strings always has a JSON form
	}
	return strings.TrimSuffix(b.String(), "\n")
}
