package docker

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/docker/docker/api/types/filters"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/image"
	"github.com/alienplatform/alien-go/internal/workload"
)

// The labels of what is ours. A container carries all that planning needs to know, so that one list call is enough.
const (
	labelStack    = "dev.alien.daemons.stack"
	labelDaemon   = "dev.alien.daemons.daemon"
	labelResource = "dev.alien.daemons.resource" // on volumes
	labelHash     = "dev.alien.daemons.spec-hash"
	labelSpec     = "dev.alien.daemons.spec" // the fields behind the hash, as JSON; of secrets only keyed hashes
	labelKey      = "dev.alien.daemons.key"  // the stack's hash key
	labelImage    = "dev.alien.daemons.image"
	labelDigest   = "dev.alien.daemons.digest"
	labelSettle   = "dev.alien.daemons.settle"
	labelVersion  = "dev.alien.daemons.version"
	labelSource   = "dev.alien.daemons.source"
)

// The endings of names that a daemon's further containers have. No daemon's name holds a dot, so none can collide.
const (
	nextSuffix     = ".next"     // prepared, never started
	previousSuffix = ".previous" // kept, the rollback target
	retiredSuffix  = ".retired"  // on its way out
)

// containerLabels record on a container what it was made from.
func containerLabels(w workload.Workload, fp workload.Fingerprint, img image.Image, o deploy.BeginOptions) map[string]string {
	fields, _ := json.Marshal(fp.Fields) // strings and bools: it cannot fail
	return map[string]string{
		labelStack:   w.Stack,
		labelDaemon:  w.Daemon,
		labelHash:    fp.Hash,
		labelSpec:    string(fields),
		labelKey:     base64.StdEncoding.EncodeToString(o.Key),
		labelImage:   w.Image,
		labelDigest:  img.Digest,
		labelSettle:  w.Settle.String(),
		labelVersion: o.Version,
		labelSource:  o.Source,
	}
}

// recorded is what a container's labels tell. What is unreadable is absent: the plan then says that the record is bad.
func recorded(labels map[string]string) deploy.Daemon {
	d := deploy.Daemon{
		Hash:    labels[labelHash],
		Image:   labels[labelImage],
		Digest:  labels[labelDigest],
		Source:  labels[labelSource],
		Version: labels[labelVersion],
	}
	d.Daemon = labels[labelDaemon]
	_ = json.Unmarshal([]byte(labels[labelSpec]), &d.Fields)
	if key, err := base64.StdEncoding.DecodeString(labels[labelKey]); err == nil && len(key) > 0 {
		d.Key = key
	}
	d.Settle, _ = time.ParseDuration(labels[labelSettle])
	return d
}

// labelled filters by labels, given as name, value, name, value; an empty value asks only for the label's presence.
func labelled(pairs ...string) filters.Args {
	args := filters.NewArgs()
	for i := 0; i+1 < len(pairs); i += 2 {
		text := pairs[i]
		if pairs[i+1] != "" {
			text += "=" + pairs[i+1]
		}
		args.Add("label", text)
	}
	return args
}

// seconds is a duration as the engine's API wants it, rounded up: a stop grace of half a second must not become none.
func seconds(d time.Duration) *int {
	n := int((d + time.Second - 1) / time.Second)
	return &n
}

// id12 shortens an id to what `docker ps` shows.
func id12(id string) string { return id[:min(12, len(id))] }
