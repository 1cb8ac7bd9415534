package deploy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/alienplatform/alien-go/internal/workload"
)

// Causes lists why a daemon is not what the workload says: first how what it was made from differs, then what happened to
// the instance. images is Observed.Images. A daemon that runs as described has none, also one that is unhealthy: making
// it anew would change nothing about what it runs.
func Causes(w workload.Workload, d Daemon, images map[string]string) []Cause {
	causes := SpecCauses(w, d, images)
	if d.State != Running {
		causes = append(causes, Cause{Path: CauseState, Kind: Changed, Old: stateText(d.Observation), New: string(Running)})
	}
	if d.Renamed != "" {
		causes = append(causes, Cause{Path: CauseName, Kind: Changed, Old: d.Renamed, New: w.Name()})
	}
	if n := len(d.Duplicates); n > 0 {
		causes = append(causes, Cause{Path: CauseDuplicates, Kind: Changed, Old: strconv.Itoa(n), New: "0"})
	}
	return causes
}

// SpecCauses lists how what a daemon was made from differs from the workload: its fields, sorted by path, and the image
// that its reference stands for now, where both that and what runs are known.
func SpecCauses(w workload.Workload, d Daemon, images map[string]string) []Cause {
	causes := fieldCauses(d, w.Keeping(d.Fields).Fingerprint(d.Key))
	now, known := images[w.Image]
	if known && d.ImageID != "" && now != d.ImageID && !hasPath(causes, CauseImage) {
		causes = append(causes, Cause{Path: CauseImage, Kind: Changed, Old: shortDigest(d.ImageID), New: shortDigest(now)})
	}
	return append(causes, d.Drift...)
}

// fieldCauses compares what was recorded with what should be. The hash decides; the fields only explain it.
func fieldCauses(d Daemon, desired workload.Fingerprint) []Cause {
	if d.Hash == desired.Hash {
		return nil
	}
	old, want := fieldMap(d.Fields), fieldMap(desired.Fields)
	var causes []Cause
	for path := range old {
		if _, ok := want[path]; !ok {
			causes = append(causes, compareField(path, old, want))
		}
	}
	for path, f := range want {
		if old[path] != f {
			causes = append(causes, compareField(path, old, want))
		}
	}
	slices.SortFunc(causes, func(a, b Cause) int { return strings.Compare(a.Path, b.Path) })
	if len(causes) == 0 || len(d.Fields) == 0 {
		return []Cause{{Path: CauseRecord}}
	}
	return causes
}

func fieldMap(fields []workload.Field) map[string]workload.Field {
	out := make(map[string]workload.Field, len(fields))
	for _, f := range fields {
		out[f.Path] = f
	}
	return out
}

// compareField describes a field that differs. One that is absent on a side has its default there, if it has one.
func compareField(path string, old, want map[string]workload.Field) Cause {
	before, had := old[path]
	after, has := want[path]
	if standard := workload.Default(path); standard != "" {
		if !had {
			before.Value, had = standard, true
		}
		if !has {
			after.Value, has = standard, true
		}
	}
	c := Cause{Path: path, Kind: Changed, Secret: before.Secret || after.Secret}
	switch {
	case !had:
		c.Kind = Added
	case !has:
		c.Kind = Removed
	}
	if !c.Secret {
		c.Old, c.New = before.Value, after.Value
	}
	return c
}

func hasPath(causes []Cause, path string) bool {
	return slices.ContainsFunc(causes, func(c Cause) bool { return c.Path == path })
}

// stateText says a state the way people do.
func stateText(o Observation) string {
	if o.State == Stopped && o.ByHand {
		return "stopped by hand"
	}
	return string(o.State)
}

// shortDigest keeps the twelve digits that people compare digests by.
func shortDigest(id string) string {
	algorithm, digits, ok := strings.Cut(id, ":")
	if !ok {
		algorithm, digits = "", id
	} else {
		algorithm += ":"
	}
	return algorithm + digits[:min(12, len(digits))]
}
