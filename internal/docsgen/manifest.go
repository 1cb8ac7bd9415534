package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/cli"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

// manifestPage is the reference of the manifest: one table for each object in it.
func manifestPage() string {
	var b strings.Builder
	b.WriteString("# Manifest\n\nIn a path, `*` stands for a name that you choose and `[*]` for an index. The JSON Schema for editors is\n" +
		"[manifest.schema.json](manifest.schema.json), or `alien schema manifest`. `alien explain FIELD` prints a row of these tables.\n")
	fields := preflight.Fields()
	for _, object := range objects(fields) {
		fmt.Fprintf(&b, "\n## %s\n\n| field | type | default | meaning | where it works |\n|---|---|---|---|---|\n", heading(object))
		for _, f := range fields {
			if parent(f.Path) == object {
				row(&b, code(strings.TrimPrefix(strings.TrimPrefix(f.Path, object), ".")), f.Type, orDash(code(f.Default)), text(f.Description), where(f))
			}
		}
	}
	return b.String()
}

// objects are the paths that have fields, in the order of the table.
func objects(fields []preflight.Field) []string {
	var all []string
	for _, f := range fields {
		if p := parent(f.Path); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func heading(object string) string {
	if object == "" {
		return "The file"
	}
	return code(object)
}

// where says on which targets a field works, in as few words as possible: local/docker and local/process are local
// where they agree, and all three are everywhere or nowhere.
func where(f preflight.Field) string {
	var names, answers []string
	for _, target := range preflight.Columns() {
		names, answers = append(names, target.String()), append(answers, support(f.On(target)))
	}
	if answers[0] == answers[1] {
		names, answers = append([]string{string(manifest.Local)}, names[2:]...), answers[1:]
	}
	if len(answers) == 2 && answers[0] == answers[1] {
		return anywhere(answers[0])
	}
	var lines []string
	for i, name := range names {
		lines = append(lines, name+": "+answers[i])
	}
	return strings.Join(lines, "<br>")
}

// anywhere says of an answer that it holds for all targets.
func anywhere(answer string) string {
	if more, ok := strings.CutPrefix(answer, "yes"); ok {
		return "everywhere" + more
	}
	if more, ok := strings.CutPrefix(answer, "**no**"); ok {
		return "**nowhere**" + more
	}
	return answer
}

func support(s preflight.Support) string {
	words := []string{"yes"}
	switch {
	case !s.OK:
		words[0] = "**no**"
	case len(s.Values) > 0:
		words[0] = "only " + code(strings.Join(s.Values, ", "))
	}
	for _, more := range []string{s.Note, s.Instead} {
		if more != "" {
			words = append(words, text(more))
		}
	}
	return strings.Join(words, "; ")
}

// codesPage explains every stable code.
func codesPage() string {
	var b strings.Builder
	b.WriteString("# Codes\n\nCodes are stable: scripts may rely on them. `alien explain CODE` prints the same.\n")
	for _, part := range []struct {
		title, about string
		codes        []manifest.CodeInfo
	}{
		{"Findings", "What is wrong with a manifest, found before any engine, cluster or registry is contacted.",
			slices.Concat(manifest.Codes(), preflight.Codes())},
		{"Reasons", "Why a daemon is not ready, or a change did not happen; the same on every platform.", deploy.Reasons()},
		{"Errors", "How a command ended that has no better code.", cli.NewReference().Codes},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", part.title, part.about)
		slices.SortFunc(part.codes, func(x, y manifest.CodeInfo) int { return strings.Compare(x.Code, y.Code) })
		for _, c := range part.codes {
			fmt.Fprintf(&b, "\n### %s\n\n%s. %s\n\nWhat to do: %s\n", c.Code,
				text(capital(strings.TrimSuffix(c.Summary, "."))), text(capital(c.Details)), text(c.Fix))
		}
	}
	return b.String()
}
