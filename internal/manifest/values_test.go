package manifest

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValuesOfTheFriendlyForm(t *testing.T) {
	s, findings := Load(corpusOptions("testdata/corpus/valid/values.yaml"))
	if len(findings) > 0 {
		t.Fatalf("unexpected findings: %v", findings)
	}
	if want := (Deployment{ID: "d-1", Name: "Site One"}); s.Deployment != want {
		t.Errorf("deployment is %+v", s.Deployment)
	}
	cache, _ := s.Resource("cache")
	want := Binding{Fields: []BindingField{
		{"service", text("redis")}, {"connectionUrl", secret("redis://cache", "environment variable REDIS_URL")}, {"database", BindingValue{Literal: "2"}},
	}}
	for _, p := range []Platform{Local, Kubernetes} {
		if diff := cmp.Diff(want, cache.Bindings[p]); diff != "" {
			t.Errorf("the binding on %s (-want +got):\n%s", p, diff)
		}
	}
	llm, _ := s.Resource("llm")
	if b := llm.Bindings[Kubernetes]; b.Service() != "external-ai" || len(b.Fields) != 3 {
		t.Errorf("the ai's binding is %+v", b)
	}
	wantWorker := []Env{{"KEPT", Plain("own")}, {"OVER", Plain("in-eu")}, {"TOKEN", Secret("first", "the values file")}}
	if diff := cmp.Diff(wantWorker, s.Daemons[1].Environment); diff != "" {
		t.Errorf("the worker's environment (-want +got):\n%s", diff)
	}
	wantAPI := []Env{{"OVER", Plain("in-eu")}, {"TOKEN", Plain("second")}, {"ONLY", Plain("x")}}
	if diff := cmp.Diff(wantAPI, s.Daemons[0].Environment); diff != "" {
		t.Errorf("the api's environment (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{
		"resources.cache.kubernetes.database": "values.values:2:87 bindings.cache.database",
		"resources.cache.local.dataDir":       "values.values:2:10 bindings.cache",
		"resources.cache":                     "values.yaml:3:21 resources.cache",
		"daemons.worker.environment.OVER":     "values.values:5:26 variables[0].value",
		"daemons.worker.environment.KEPT":     "values.yaml:2:80 daemons.worker.environment.KEPT",
	} {
		at := s.At(path)
		if got := fmt.Sprintf("%s:%d:%d %s", filepath.Base(at.File), at.Line, at.Column, at.Path); got != want {
			t.Errorf("%s stands at %s, want %s", path, got, want)
		}
	}
}

// TestAnswers says how a value of each kind reaches a daemon.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		kind, value string
		want        Value
	}{
		{"string", "text", Plain("text")},
		{"string", "'in-${REGION}'", Plain("in-eu")},
		{"string", "{ fromEnv: ACME_API_KEY }", Secret("k$ey${X}", "environment variable ACME_API_KEY")},
		{"string", "{ secretRef: { name: a, key: b } }", FromRef(SecretRef{Name: "a", Key: "b"})},
		{"secret", "plain", Secret("plain", "the values file")},
		{"number", "1.50", Plain("1.50")},
		{"number", "-1e-3", Plain("-1e-3")},
		{"number", "'0.1'", Plain("0.1")},
		{"number", "12345678901234567890.123456789", Plain("12345678901234567890.123456789")},
		{"integer", "250", Plain("250")},
		{"integer", "1.0", Plain("1.0")},
		{"boolean", "true", Plain("true")},
		{"boolean", "'false'", Plain("false")},
		{"enum", "a", Plain("a")},
		{"stringList", "[]", Plain("[]")},
		{"stringList", `[a, "b,c", "<\"\n"]`, Plain(`["a","b,c","<\"\n"]`)},
	} {
		stack := fmt.Sprintf(`{"id": "e", "inputs": [{"id": "in", "kind": %q, "providedBy": ["deployer"], "required": true, "label": "l", "description": "d",
  "validation": {"values": ["a"]}, "env": [{"name": "IN"}]}], "resources": {"a": {"config": {"type": "daemon", "id": "a", "links": [], "permissions": "p",
  "code": {"type": "image", "image": "x:1"}, "environment": {"IN": "own"}}, "lifecycle": "live", "dependencies": []}}}`, c.kind)
		s, findings := Load(Options{Path: "-", Stdin: strings.NewReader(stack), Values: valuesFile(t, "inputs: { in: "+c.value+" }"), LookupEnv: environment})
		if len(findings) > 0 {
			t.Errorf("%s %s: %v", c.kind, c.value, findings)
			continue
		}
		if diff := cmp.Diff([]Env{{"IN", c.want}}, s.Daemons[0].Environment); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.kind, c.value, diff)
		}
	}
}

func TestValuesFiles(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, path, code string }{
		{"missing", filepath.Join(dir, "none"), CodeNotFound},
		{"directory", dir, CodeUnreadable},
		{"standard input", "-", CodeUnreadable},
		{"empty", valuesFile(t, ""), ""},
		{"comments", valuesFile(t, "# nothing\n"), ""},
		{"JSON", valuesFile(t, `{"deployment": {"id": "x"}}`), ""},
		{"two documents", valuesFile(t, "inputs: {}\n---\ninputs: {}\n"), CodeDocuments},
		{"list", valuesFile(t, "- a\n"), CodeType},
	} {
		s, findings := Load(Options{Path: "-", Stdin: strings.NewReader("name: e\ndaemons: { a: { image: x } }\n"), Values: c.path, LookupEnv: environment})
		if s == nil {
			t.Fatalf("%s: the values took the stack away", c.name)
		}
		if ok := c.code == "" && len(findings) == 0 || len(findings) == 1 && findings[0].Code == c.code && findings[0].File == c.path; !ok {
			t.Errorf("%s: got %v, want %q", c.name, findings, c.code)
		}
	}
}

// TestHostileStacks: large stacks and values made to cost the most stay cheap.
func TestHostileStacks(t *testing.T) {
	const size = maxSize / 2
	numbered := func(head, format, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size-200; i++ {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
		}
		return b.String() + tail
	}
	daemon := `"d#": {"config": {"type": "daemon", "id": "d#", "links": [], "permissions": "p", "code": {"type": "image", "image": "x"}}, "lifecycle": "live", "dependencies": []}`
	input := `{"id": "i#", "kind": "boolean", "providedBy": ["deployer"], "required": true, "label": "l", "description": "d", "env": [{"name": "I#"}], "default": {"type": "boolean", "value": true}}`
	gated := `"k#": {"config": {"type": "kv", "id": "k#"}, "lifecycle": "live", "dependencies": [], "enabledWhen": "i0"}`
	daemons := numbered(`{"id": "e", "resources": {`, daemon, "}}")
	one := strings.NewReplacer("#", "0").Replace
	for name, c := range map[string]struct{ stack, values string }{
		"variables for all":   {daemons, numbered("variables: {", "V#: x", "}")},
		"unknown targets":     {daemons, numbered("variables: [", "{ name: V, value: x, targetResources: [x#] }", "]")},
		"unknown bindings":    {daemons, numbered("bindings: {", "x#: { type: kv }", "}")},
		"unknown inputs":      {daemons, numbered("inputs: {", "x#: 1", "}")},
		"inputs for all":      {numbered(`{"id": "e", "inputs": [`, input, "], ") + numbered(`"resources": {`, daemon, "}}"), ""},
		"gates":               {numbered(`{"id": "e", "inputs": [`+one(input)+`], "resources": {`, gated, "}}"), "inputs: { i0: false }"},
		"targets of an input": {numbered(`{"id": "e", "resources": {`, daemon, "}, ") + `"inputs": [` + strings.Replace(one(input), `{"name": "I0"}`, numbered("", `{"name": "A", "targetResources": ["d*", "x#"]}`, ""), 1) + "]}", ""},
		"grants":              {numbered(`{"id": "e", "inputs": [`+one(input)+`], "permissions": {"profiles": {"p": {"*": [`, `"kv/#"`, `]}}}, "resources": {`) + one(gated) + "}}", ""},
		"one line":            {numbered(`{"id": "e", "resources": {}, "x": [`, "1", "]}"), ""},
		"open":                {strings.Repeat(`{"a":`, size/5), ""},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, findings := Load(Options{Path: "-", Stdin: strings.NewReader(c.stack), Values: valuesFile(t, c.values), LookupEnv: environment})
		for _, f := range findings {
			_ = f.Excerpt(0)
		}
		runtime.ReadMemStats(&after)
		if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > 400 || len(findings) > 2*maxFindings {
			t.Errorf("%s: %d findings for %d MiB", name, len(findings), spent)
		}
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Message == "" }) {
			t.Errorf("%s: a finding says nothing", name)
		}
	}
}
