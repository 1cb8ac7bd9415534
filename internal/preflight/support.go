package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Field is one row of the support table: what a manifest field means, and where it is honoured.
type Field struct {
	Path        string    `json:"path"` // * stands for a name, [*] for an index: daemons.*.runtime.mounts[*].source
	Type        string    `json:"type"`
	Default     string    `json:"default,omitempty"`
	Description string    `json:"description"`
	Support     []Support `json:"support"` // always local/docker, local/process, kubernetes

	// value gives what the model holds, "" for nothing; without it only Stated tells whether the field is used.
	value func(manifest.Daemon) string
	// ownCheck says that a check with a code of its own enforces the row.
	ownCheck bool
}

// Support says how one target treats a field.
type Support struct {
	Target manifest.Target `json:"target"`
	OK     bool            `json:"supported"`
	// Values are the only ones honoured here; empty where every valid one is.
	Values []string `json:"values,omitempty"`
	// Note is what is particular here, or why the field is refused.
	Note string `json:"note,omitempty"`
	// Instead is what to do where the field, or one of its values, is refused.
	Instead string `json:"instead,omitempty"`
}

// On gives how the target treats the field. Local without a runtime is local on Docker.
func (f Field) On(target manifest.Target) Support {
	if target == (manifest.Target{Platform: manifest.Local}) {
		target = localDocker()
	}
	for _, s := range f.Support {
		if s.Target == target {
			return s
		}
	}
	return Support{Target: target, Note: "this tool does not deploy there", Instead: insteadOf(target.Platform)}
}

// Columns are the targets of the support table, in its order.
func Columns() []manifest.Target {
	return []manifest.Target{localDocker(), localProcess(), kubernetes()}
}

// on makes the three cells of a row.
func on(docker, process, cluster Support) []Support {
	cells := []Support{docker, process, cluster}
	for i, target := range Columns() {
		cells[i].Target = target
	}
	return cells
}

func everywhere() []Support                { return on(yes(), yes(), yes()) }
func locally(s, cluster Support) []Support { return on(s, s, cluster) }

func yes() Support                   { return Support{OK: true} }
func noted(note string) Support      { return Support{OK: true, Note: note} }
func no(why, instead string) Support { return Support{Note: why, Instead: instead} }
func only(values []string, why, instead string) Support {
	return Support{OK: true, Values: values, Note: why, Instead: instead}
}

// checkFields refuses every field, or value of one, that the table says the target does not honour.
func checkFields(r *report) {
	for _, f := range Fields() {
		cell := f.On(r.target)
		if f.ownCheck || cell.OK && len(cell.Values) == 0 {
			continue
		}
		r.eachDaemon(func(d manifest.Daemon, path string) {
			at := path + strings.TrimPrefix(f.Path, "daemons.*")
			if used, value := f.used(r.stack, d, at); used && !slices.Contains(cell.Values, value) {
				name := strings.TrimPrefix(f.Path, "daemons.*.")
				if value != "" {
					name += ": " + value
				}
				r.failTarget(FieldUnsupported, at, fmt.Sprintf("%s is not possible on %s: %s", name, r.target, cell.Note), cell.Instead)
			}
		})
	}
}

// used says whether the daemon uses the field, and with what value. A default counts only where it is written.
func (f Field) used(stack *manifest.Stack, d manifest.Daemon, path string) (bool, string) {
	if f.value == nil {
		return stack.Stated(path), ""
	}
	value := f.value(d)
	return value != "" && (value != f.Default || stack.Stated(path)), value
}

// FieldByPath finds a row by its path (daemons.*.memory), by one of a manifest (daemons.api.memory,
// daemons.api.runtime.mounts[0].target), by that without the daemon's name (daemons.memory) or by its end (memory,
// healthCheck.timeoutSeconds). Where a part may be a field or a daemon of that name, it is the field: that is what can be
// explained.
func FieldByPath(path string) (Field, bool) {
	query := segments(path)
	if strings.EqualFold(query[0], "daemons") && len(query) > 1 {
		if f, ok := findField(slices.Insert(slices.Clone(query), 1, "*")); ok {
			return f, true
		}
	}
	return findField(query)
}

// findField finds the row that the segments name as a whole, else the shortest one that they are the end of.
func findField(query []string) (Field, bool) {
	var best Field
	for _, f := range Fields() {
		row := segments(f.Path)
		if len(query) > len(row) {
			continue
		}
		whole := len(query) == len(row)
		tail := row[len(row)-len(query):]
		if !matches(tail, query) || !whole && tail[0] == "*" {
			continue
		}
		if whole {
			return f, true
		}
		if best.Path == "" || len(row) < len(segments(best.Path)) {
			best = f
		}
	}
	return best, best.Path != ""
}

func segments(path string) []string {
	return strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
}

func matches(pattern, query []string) bool {
	return slices.EqualFunc(pattern, query, func(p, q string) bool {
		return p == "*" && q != "" || strings.EqualFold(p, q)
	})
}
