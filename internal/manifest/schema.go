package manifest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
)

// definitions holds the schema's parts: one file for each form, an object of definitions by name. What stands for the
// form itself is called after it.
//
//go:embed schema/*.json
var definitions embed.FS

// schemaParts are the forms, with what tells a document of each from the others.
func schemaParts() []string { return []string{string(Friendly), string(Compiled)} }

// Schema is the JSON Schema (draft 2020-12) of a manifest, in either form. It accepts what Load accepts, as far as a
// schema can see: environment variables, files and the YAML itself (duplicate keys, aliases, tabs) are beyond it.
func Schema() []byte {
	all := map[string]json.RawMessage{}
	for _, form := range schemaParts() {
		for name, definition := range part(form) {
			all[name] = definition
		}
	}
	schema := struct {
		Schema      string                     `json:"$schema"`
		Title       string                     `json:"title"`
		Description string                     `json:"description"`
		If          json.RawMessage            `json:"if"`
		Then        json.RawMessage            `json:"then"`
		Else        json.RawMessage            `json:"else"`
		Defs        map[string]json.RawMessage `json:"$defs"`
	}{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		Title:       "alien manifest",
		Description: "A stack of daemons, as people write it or as a builder compiles it.",
		// The same question as isCompiled asks.
		If:   json.RawMessage(`{"type": "object", "required": ["id", "resources"], "properties": {"daemons": false}}`),
		Then: json.RawMessage(`{"$ref": "#/$defs/compiled"}`),
		Else: json.RawMessage(`{"$ref": "#/$defs/friendly"}`),
		Defs: all,
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		panic(fmt.Sprintf("cannot encode the manifest schema: %v", err)) // the parts are built in, and a test encodes them
	}
	return out.Bytes()
}

// part reads the definitions of one form.
func part(form string) map[string]json.RawMessage {
	raw, err := definitions.ReadFile("schema/" + form + ".json")
	if err != nil {
		panic(fmt.Sprintf("cannot read the schema of the %s form: %v", form, err))
	}
	var found map[string]json.RawMessage
	if err := json.Unmarshal(raw, &found); err != nil {
		panic(fmt.Sprintf("cannot decode the schema of the %s form: %v", form, err))
	}
	return found
}
