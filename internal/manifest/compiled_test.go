package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestCompiledModels shows what compiled stacks become, and where each part of it stands. The files are meant to be read.
func TestCompiledModels(t *testing.T) {
	for _, name := range []string{"compiled-example", "compiled-smallest", "compiled-inputs", "compiled-nulls", "compiled-bindings"} {
		s, findings := Load(corpusOptions(filepath.Join("testdata/corpus/valid", name+".json")))
		var out bytes.Buffer
		for _, f := range findings {
			fmt.Fprintln(&out, f)
		}
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(s); err != nil {
			t.Fatal(err)
		}
		for _, path := range slices.Sorted(maps.Keys(s.index)) {
			if at := s.index[path]; strings.HasPrefix(path, "daemons.") {
				fmt.Fprintf(&out, "%s %s:%d:%d %s\n", path, filepath.Base(at.File), at.Line, at.Column, at.Path)
			}
		}
		golden(t, filepath.Join("testdata/compiled", name+".golden"), out.String())
	}
}

// example is the whole stack that the spec shows, with a value for its one required input.
func example(t *testing.T, values string) (*Stack, []Finding) {
	t.Helper()
	return Load(Options{Path: "testdata/corpus/valid/compiled-example.json", Values: valuesFile(t, values), LookupEnv: environment})
}

func valuesFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExample(t *testing.T) {
	s, findings := example(t, "inputs: { partnerKey: { fromEnv: PARTNER_KEY } }\n")
	if len(findings) != 1 || findings[0].Code != CodeGateLink {
		t.Errorf("found %v, want one warning about the gated link", findings)
	}
	c, _ := s.Daemon("collector")
	if c.Source != "./collector" || c.PublicEndpoints != 1 || !c.HTTPHealthCheck || c.StopGrace != 45*time.Second {
		t.Errorf("the collector is %+v", c)
	}
	if want := (Quantity{Request: "0.25", Limit: "0.5"}); c.CPU != want {
		t.Errorf("the collector's cpu is %+v", c.CPU)
	}
	u, _ := s.Daemon("uploader")
	if u.CPU != (Quantity{}) || u.Memory != (Quantity{}) || s.Stated("daemons.uploader.cpu") || !s.Stated("daemons.collector.cpu") {
		t.Errorf("what the builder writes by itself counts as stated: %+v", u)
	}
	if at := s.At("daemons.uploader.image"); at.Path != "resources.uploader.config.code.image" || at.Line == 0 || !strings.Contains(at.Source, "uploader:3") {
		t.Errorf("the image stands at %+v", at)
	}
	if len(s.At("daemons.collector.cpu.min").Path) == 0 || s.At("name").Line != 2 {
		t.Error("places are lost")
	}
}

// TestDeclined: a no takes the resource, the link and its variable out, and the places of other links stay right.
func TestDeclined(t *testing.T) {
	s, _ := example(t, "inputs: { partnerKey: 0123456789abcdef, useCache: false }\nbindings: { lookup-cache: { type: kv, service: redis } }\n")
	if _, ok := s.Resource("lookup-cache"); ok {
		t.Error("the resource is still there")
	}
	c, _ := s.Daemon("collector")
	want := []Link{{"readings", "storage"}, {"outbox", "queue"}, {"partner-creds", "vault"}, {"ledger", "postgres"}}
	if diff := cmp.Diff(want, c.Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if at := s.At("daemons.collector.links[1]"); at.Path != "resources.collector.config.links[2]" {
		t.Errorf("the second link stands at %+v", at)
	}
	if s.Stated("daemons.collector.links[4]") {
		t.Error("a link that is gone has a place")
	}
}

func TestDeclinedDaemon(t *testing.T) {
	stack := `{"id": "e", "inputs": [{"id": "on", "kind": "boolean", "providedBy": ["deployer"], "required": true, "label": "l", "description": "d"}],
  "resources": {"a": {"config": {"type": "daemon", "id": "a", "links": [], "permissions": "p", "code": {"type": "image", "image": "x:1"}},
    "lifecycle": "live", "dependencies": [], "enabledWhen": "on"}}}`
	for answer, daemons := range map[string]int{"true": 1, "false": 0, `"${NO:-false}"`: 0} {
		s, findings := Load(Options{Path: "-", Stdin: strings.NewReader(stack), Values: valuesFile(t, "inputs: { on: "+answer+" }"), LookupEnv: environment})
		if len(findings) > 0 || len(s.Daemons) != daemons {
			t.Errorf("%s gives %d daemons, %v", answer, len(s.Daemons), findings)
		}
	}
	if s, _ := load(t, stack); len(s.Daemons) != 1 {
		t.Error("without an answer the daemon is gone")
	}
}

// TestPlatformsOfInputs: what is not asked for on a platform is neither required nor delivered there.
func TestPlatformsOfInputs(t *testing.T) {
	stack := `{"id": "e", "inputs": [{"id": "n", "kind": "string", "providedBy": ["deployer"], "required": true, "label": "l", "description": "d",
    "platforms": ["kubernetes"], "env": [{"name": "N"}]}],
  "resources": {"a": {"config": {"type": "daemon", "id": "a", "links": [], "permissions": "p", "code": {"type": "image", "image": "x:1"}},
    "lifecycle": "live", "dependencies": []}}}`
	for _, c := range []struct {
		platform  Platform
		values    string
		variables int
		findings  int
	}{{Local, "", 0, 0}, {Kubernetes, "", 0, 1}, {Local, "inputs: { n: x }", 0, 0}, {Kubernetes, "inputs: { n: x }", 1, 0}, {Local, "inputs: { n: { fromEnv: MISSING } }", 0, 0}, {Local, "inputs: { n: [] }", 0, 1}} {
		s, findings := Load(Options{
			Path: "-", Stdin: strings.NewReader(stack), Platforms: []Platform{c.platform}, Values: valuesFile(t, c.values), LookupEnv: environment,
		})
		if len(findings) != c.findings || len(s.Daemons[0].Environment) != c.variables {
			t.Errorf("%s with %q: %v, %v", c.platform, c.values, findings, s.Daemons[0].Environment)
		}
	}
}

// TestNameOfBrokenJSON: a stack can be taken down by a file that breaks off.
func TestNameOfBrokenJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"id": "edge", "resources": {`:                             "edge",
		"{\n  \"inputs\": [{\"id\": \"no\"}],\n  \"id\": \"edge\",": "edge",
		`{"resources": {"id": "no"}, "name": "edge",}`:              "edge",
		`{"resources": {"id": "no"},}`:                              "",
		`{"id": 5,`:                                                 "",
	} {
		got, err := LoadName(Options{Path: "-", Stdin: strings.NewReader(text), LookupEnv: environment})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
}

// mutations change one place of a document in every way that a schema and a loader could see differently.
func mutations(document any, change func(put func(any), remove func())) {
	switch d := document.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(d)) {
			before := d[name]
			change(func(v any) { d[name] = v }, func() { delete(d, name) })
			d[name] = before
			mutations(before, change)
		}
		change(func(v any) { d["unknownName"] = v }, func() {})
		delete(d, "unknownName")
	case []any:
		for i, before := range d {
			change(func(v any) { d[i] = v }, func() { d[i] = map[string]any{} })
			d[i] = before
			mutations(before, change)
		}
	}
}

// TestSchemaAgreesOnMutations changes every place of the valid compiled stacks, and asks both.
func TestSchemaAgreesOnMutations(t *testing.T) {
	schema := compileSchema(t)
	asked := 0
	for _, file := range corpusFiles(t, "valid") {
		if !strings.Contains(file, "compiled-") || strings.Contains(file, "compiled-example") {
			continue // the example is large, and has no object that the others have not
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		mutations(document, func(put func(any), remove func()) {
			for _, v := range []any{nil, json.Number("1"), json.Number("-1"), json.Number("1.5"), "", "x", true, []any{}, []any{"x"}, map[string]any{}, map[string]any{"x": "y"}} {
				put(v)
				asked++
				agree(t, schema, document)
			}
			remove()
			agree(t, schema, document)
		})
	}
	if asked < 1000 {
		t.Errorf("only %d documents were tried", asked)
	}
}

// agree asks loader and schema about one document.
func agree(t *testing.T, schema *jsonschema.Schema, document any) {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	_, findings := Load(Options{Path: "-", Stdin: bytes.NewReader(raw), LookupEnv: environment})
	findings = slices.DeleteFunc(findings, func(f Finding) bool { return f.Severity != Error })
	visible := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return invisible(f.Code) || beyondSchema(f) })
	refused := schema.Validate(document)
	if len(visible) > 0 && refused == nil {
		t.Errorf("the schema accepts what the loader refuses: %v\n%s", visible, raw)
	}
	if len(findings) == 0 && refused != nil {
		t.Errorf("the schema refuses what the loader accepts: %v\n%s", refused, raw)
	}
}

// beyondSchema are findings of visible codes that compare two places with each other.
func beyondSchema(f Finding) bool {
	for _, said := range []string{"is above max", "there is an input", "at most, and"} {
		if strings.Contains(f.Message, said) {
			return true
		}
	}
	return false
}
