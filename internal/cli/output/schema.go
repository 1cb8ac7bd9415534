package output

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// kinds pairs every kind with the type of its document.
func kinds() []struct {
	kind Kind
	doc  any
} {
	return []struct {
		kind Kind
		doc  any
	}{
		{KindUp, Change{}}, {KindDown, Change{}}, {KindRestart, Change{}}, {KindDiff, Diff{}}, {KindStatus, Status{}},
		{KindStacks, Stacks{}}, {KindPreflight, Preflight{}}, {KindField, FieldExplanation{}}, {KindCode, CodeExplanation{}},
		{KindVersion, Version{}}, {KindLogLine, LogLine{}}, {KindCompletion, Completion{}}, {KindError, Error{}},
		{KindCollected, Collected{}}, {KindInstalled, Installed{}}, {KindServing, Serving{}},
		{KindCommand, Command{}}, {KindCommands, Commands{}}, {KindToken, Token{}}, {KindTokens, Tokens{}}, {KindRevoked, Revoked{}},
	}
}

// enums are the words a type of another room can take.
func enums() map[reflect.Type][]string {
	return map[reflect.Type][]string{
		reflect.TypeFor[deploy.Action](): words(deploy.Create, deploy.Update, deploy.Unchanged, deploy.Delete, deploy.Restarted),
		reflect.TypeFor[deploy.Outcome](): words(deploy.OutcomeReady, deploy.OutcomeStarted, deploy.OutcomeFailed,
			deploy.OutcomeRolledBack, deploy.OutcomeTimedOut, deploy.OutcomeInterrupted, deploy.OutcomeRemoved),
		reflect.TypeFor[deploy.State]():  words(deploy.Created, deploy.Running, deploy.BackOff, deploy.Stopped, deploy.Paused, deploy.Gone),
		reflect.TypeFor[deploy.Health](): words(deploy.Starting, deploy.Healthy, deploy.Unhealthy),
		reflect.TypeFor[deploy.NotReady](): words(deploy.NotReadyMissing, deploy.NotReadyCreated, deploy.NotReadyBackOff,
			deploy.NotReadyStopped, deploy.NotReadyPaused, deploy.NotReadyProblem, deploy.NotReadyStarting,
			deploy.NotReadyUnhealthy, deploy.NotReadySettling),
		reflect.TypeFor[deploy.UpToDate]():   words(deploy.UpToDateYes, deploy.UpToDateNo, deploy.UpToDateUnknown),
		reflect.TypeFor[deploy.CauseKind]():  words(deploy.Added, deploy.Removed, deploy.Changed),
		reflect.TypeFor[manifest.Severity](): words(manifest.Error, manifest.Warning),
	}
}

func words[T ~string](ws ...T) []string {
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = string(w)
	}
	return out
}

// Schema is the JSON Schema (draft 2020-12) of every document: one definition per kind, and a document is one of them.
func Schema() []byte {
	defs, oneOf := map[string]any{}, []any{}
	s := schemas{defs: defs, enums: enums()}
	for _, k := range kinds() {
		def := s.object(reflect.TypeOf(k.doc))
		properties := def["properties"].(map[string]any)
		properties["apiVersion"] = map[string]any{"const": APIVersion}
		properties["kind"] = map[string]any{"const": string(k.kind)}
		defs[string(k.kind)] = def
		oneOf = append(oneOf, map[string]any{"$ref": "#/$defs/" + string(k.kind)})
	}
	b, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "output of alien -o json",
		"description": "Every command prints one object with apiVersion and kind; logs and status --watch print one per line. " +
			"Fields may be added within an apiVersion, never removed or changed.",
		"oneOf": oneOf,
		"$defs": defs,
	}, "", "  ")
	if err != nil {
		panic(err) // maps, slices and strings always encode
	}
	return append(b, '\n')
}

// schemas derives schemas from types; named structs become definitions of their own.
type schemas struct {
	defs  map[string]any
	enums map[reflect.Type][]string
}

func (s schemas) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{} // any JSON
	case s.enums[t] != nil:
		return map[string]any{"enum": s.enums[t]}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.reference(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	default:
		return map[string]any{"type": "string"}
	}
}

// reference defines a struct once, under its name beginning with a small letter, apart from the kinds.
func (s schemas) reference(t reflect.Type) map[string]any {
	name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // ends a recursion
		s.defs[name] = s.object(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (s schemas) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" || !f.IsExported() {
			continue
		}
		properties[name] = s.field(f)
		if !strings.Contains(options, "omit") { // omitempty, omitzero
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

func (s schemas) field(f reflect.StructField) map[string]any {
	schema := s.of(f.Type)
	if words := f.Tag.Get("enum"); words != "" {
		schema = map[string]any{"enum": strings.Split(words, ",")}
	}
	if doc := f.Tag.Get("doc"); doc != "" {
		schema["description"] = doc
	}
	return schema
}
