package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/cli/output"
)

// schema is as much of JSON Schema as the output's has.
type schema struct {
	Description string            `json:"description"`
	Type        string            `json:"type"`
	Const       string            `json:"const"`
	Enum        []string          `json:"enum"`
	Ref         string            `json:"$ref"`
	Items       *schema           `json:"items"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	OneOf       []schema          `json:"oneOf"`
	Defs        map[string]schema `json:"$defs"`
}

// outputPage is the reference of what -o json prints.
func outputPage() string {
	var s schema
	if err := json.Unmarshal(output.Schema(), &s); err != nil {
		panic(err) // the schema is derived from types, and a test reads it
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Output for programs\n\n%s\nThe JSON Schema is [output.schema.json](output.schema.json), or `alien schema output`.\n", s.Description)
	for _, kind := range s.OneOf {
		writeObject(&b, kind.name(), s.Defs[kind.name()])
		delete(s.Defs, kind.name())
	}
	b.WriteString("\n# What they are made of\n")
	for _, name := range slices.Sorted(maps.Keys(s.Defs)) {
		writeObject(&b, name, s.Defs[name])
	}
	return b.String()
}

func writeObject(b *strings.Builder, name string, s schema) {
	fmt.Fprintf(b, "\n## %s\n\n| field | type | always there | meaning |\n|---|---|---|---|\n", name)
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		always := "no"
		if slices.Contains(s.Required, field) {
			always = "yes"
		}
		p := s.Properties[field]
		row(b, code(field), p.kind(), always, orDash(text(p.Description)))
	}
}

// kind is the type of a value in words, linked where it has a section of its own.
func (s schema) kind() string {
	switch {
	case s.Const != "":
		return code(s.Const)
	case len(s.Enum) > 0:
		return "one of " + code(strings.Join(s.Enum, "`, `"))
	case s.Ref != "":
		return fmt.Sprintf("[%s](#%s)", s.name(), strings.ToLower(s.name()))
	case s.Items != nil:
		return "list of " + s.Items.kind()
	}
	return s.Type
}

// name is the name of the definition that a schema refers to.
func (s schema) name() string { return s.Ref[strings.LastIndex(s.Ref, "/")+1:] }
