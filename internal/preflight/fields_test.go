package preflight_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

func TestFieldByPath(t *testing.T) {
	for query, want := range map[string]string{
		"daemons.*.memory":                        "daemons.*.memory",
		"daemons.api.memory":                      "daemons.*.memory",
		"memory":                                  "daemons.*.memory",
		"MEMORY":                                  "daemons.*.memory",
		"memory.desired":                          "daemons.*.memory.desired",
		"healthCheck.timeoutSeconds":              "daemons.*.healthCheck.timeoutSeconds",
		"timeoutSeconds":                          "daemons.*.healthCheck.timeoutSeconds",
		"daemons.api.runtime.mounts[0].target":    "daemons.*.runtime.mounts[*].target",
		"mounts":                                  "daemons.*.runtime.mounts",
		"command":                                 "daemons.*.command",
		"name":                                    "name",
		"daemons.api":                             "daemons.*",
		"daemons.image":                           "daemons.*.image",
		"daemons.Memory.desired":                  "daemons.*.memory.desired",
		"daemons.environment.LOG_LEVEL":           "daemons.*.environment.*",
		"daemons.image.memory":                    "daemons.*.memory",
		"daemons":                                 "daemons",
		"daemons.api.environment.LOG_LEVEL":       "daemons.*.environment.*",
		"environment.LOG_LEVEL":                   "daemons.*.environment.*",
		"resources.cache.kubernetes.service":      "resources.*.*.service",
		"resources.cache.type":                    "resources.*.type",
		"kubernetes":                              "kubernetes",
		"daemons.api.environment.X.secretRef.key": "daemons.*.environment.*.secretRef.key",
		"replicas":                                "",
		"":                                        "",
		"daemons.":                                "",
	} {
		f, ok := preflight.FieldByPath(query)
		if f.Path != want || ok != (want != "") {
			t.Errorf("FieldByPath(%q) = %q, %v, want %q", query, f.Path, ok, want)
		}
	}
}

// TestFieldsAreWhole: every row says what it is, what each target does, and what to do where one refuses.
func TestFieldsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range preflight.Fields() {
		if seen[f.Path] {
			t.Errorf("%s has two rows", f.Path)
		}
		seen[f.Path] = true
		if f.Type == "" || !strings.HasSuffix(f.Description, ".") {
			t.Errorf("%s is not described: type %q, description %q", f.Path, f.Type, f.Description)
		}
		if got := targetsOf(f); !slices.Equal(got, every) {
			t.Errorf("%s is for %v, want %v", f.Path, got, every)
		}
		for _, s := range f.Support {
			refuses := !s.OK || len(s.Values) > 0
			if refuses && (s.Note == "" || s.Instead == "") || !refuses && s.Instead != "" {
				t.Errorf("%s on %s: %+v does not say why and what instead", f.Path, s.Target, s)
			}
		}
	}
}

func targetsOf(f preflight.Field) []manifest.Target {
	var targets []manifest.Target
	for _, s := range f.Support {
		targets = append(targets, s.Target)
	}
	return targets
}

// TestFieldsAreTheSchemas: the table has a row for every field of the friendly form, and no other.
func TestFieldsAreTheSchemas(t *testing.T) {
	schema := map[string]any{}
	if err := json.Unmarshal(manifest.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	inSchema := map[string]bool{}
	collect(schema["$defs"].(map[string]any), "friendly", "", inSchema)
	inTable := map[string]bool{}
	for _, f := range preflight.Fields() {
		inTable[f.Path] = true
	}
	for path := range inSchema {
		if !inTable[path] {
			t.Errorf("%s is in the schema and not in the table", path)
		}
	}
	for path := range inTable {
		if !inSchema[path] && path != "resources.*.*.service" {
			t.Errorf("%s is in the table and not in the schema", path)
		}
	}
}

// collect walks the objects of a schema definition and notes the path of every field.
func collect(defs map[string]any, name, path string, into map[string]bool) {
	collectNode(defs, map[string]any{"$ref": "#/$defs/" + name}, path, into)
}

func collectNode(defs map[string]any, node any, path string, into map[string]bool) {
	schema, ok := node.(map[string]any)
	binding := strings.HasPrefix(path, "resources.*.") // it may hold anything, itself included
	if !ok || binding {
		return
	}
	if ref, ok := schema["$ref"].(string); ok {
		collectNode(defs, defs[strings.TrimPrefix(ref, "#/$defs/")], path, into)
	}
	for _, word := range []string{"oneOf", "anyOf", "allOf"} {
		for _, option := range asList(schema[word]) {
			collectNode(defs, option, path, into)
		}
	}
	for _, word := range []string{"then", "else"} {
		collectNode(defs, schema[word], path, into)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		if property != false {
			note(defs, property, join(path, name), into)
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		note(defs, more, join(path, "*"), into)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		collectNode(defs, items, path+"[*]", into)
	}
}

func note(defs map[string]any, property any, path string, into map[string]bool) {
	into[path] = true
	collectNode(defs, property, path, into)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}
