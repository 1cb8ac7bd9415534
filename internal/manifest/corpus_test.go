package manifest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the golden files anew")

// environment is what the corpus sees.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"REGION": "eu", "ACME_API_KEY": "k$ey${X}", "REDIS_URL": "redis://cache", "SET": "set", "EMPTY": "", "PARTNER_KEY": "0123456789abcdef",
	}[name]
	return value, ok
}

// corpusFiles are the manifests of one half of the corpus.
func corpusFiles(t testing.TB, half string) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.yaml", "*.json"} {
		found, err := filepath.Glob(filepath.Join("testdata/corpus", half, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatalf("there is no %s corpus", half)
	}
	slices.Sort(files)
	return files
}

// corpusOptions load a file of the corpus, with the values that stand beside it under the same name.
func corpusOptions(file string) Options {
	o := Options{Path: file, LookupEnv: environment}
	values := strings.TrimSuffix(file, filepath.Ext(file)) + ".values"
	if _, err := os.Stat(values); err == nil {
		o.Values = values
	}
	return o
}

func TestValidCorpusLoads(t *testing.T) {
	for _, file := range corpusFiles(t, "valid") {
		s, findings := Load(corpusOptions(file))
		for _, f := range findings {
			if f.Severity == Error {
				t.Errorf("unexpected finding: %s", f)
			}
		}
		if s == nil || s.Name == "" {
			t.Errorf("%s: there is no stack", file)
		}
	}
}

// TestInvalidCorpus holds each file to the one code that its name starts with, and all texts to the golden file, which
// is meant to be read.
func TestInvalidCorpus(t *testing.T) {
	var all strings.Builder
	for _, file := range corpusFiles(t, "invalid") {
		code, _, _ := strings.Cut(filepath.Base(file), ".")
		_, findings := Load(corpusOptions(file))
		if len(findings) == 0 {
			t.Errorf("%s: nothing is found", file)
		}
		for _, f := range findings {
			if f.Code != code {
				t.Errorf("%s: gives %s", file, f)
			}
			f.File = filepath.Base(f.File)
			fmt.Fprintf(&all, "%s\n%s", f, f.Excerpt(0))
		}
		all.WriteString("\n")
	}
	golden(t, "testdata/invalid.golden", all.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update writes it anew:\n%s", path, diff)
	}
}

// elsewhere are the codes that no file of the corpus can show; TestFiles does.
func elsewhere() []string { return []string{CodeNotFound, CodeUnreadable, CodeTooLarge} }

func TestEveryCodeIsExplainedAndShown(t *testing.T) {
	explained := map[string]bool{}
	for _, info := range Codes() {
		if info.Summary == "" || info.Details == "" || info.Fix == "" {
			t.Errorf("%s is not explained", info.Code)
		}
		if explained[info.Code] {
			t.Errorf("%s is explained twice", info.Code)
		}
		explained[info.Code] = true
	}
	shown := map[string]bool{}
	for _, code := range elsewhere() {
		shown[code] = true
	}
	for _, file := range corpusFiles(t, "invalid") {
		code, _, _ := strings.Cut(filepath.Base(file), ".")
		shown[code] = true
	}
	if diff := cmp.Diff(explained, shown); diff != "" {
		t.Errorf("codes with an explanation (-) and with a corpus file (+):\n%s", diff)
	}
	for _, code := range sourceCodes(t) {
		if !explained[code] {
			t.Errorf("%s is used and not explained", code)
		}
	}
}

// invisible says whether a schema cannot see what a code is about: the bytes, the YAML, the environment and files.
func invisible(code string) bool {
	for _, prefix := range []string{
		"FILE_", "YAML_", "VARIABLE_", "FROM_", // the bytes, the environment, other files
		"FIELD_IGNORED", "GATE_DROPS_LINK", // only warnings
		"ID_", "TARGET_", "GATE_", "BINDING_", // what different parts say of each other
		"INPUT_PATTERN", "INPUT_MISSING", "INPUT_VALUE",
	} {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

// TestSchemaAgreesWithLoader runs both over the corpus. What only the loader can see it alone refuses, and so it does with
// tags and merges: the schema gets the value that they leave.
func TestSchemaAgreesWithLoader(t *testing.T) {
	schema := compileSchema(t)
	for _, file := range corpusFiles(t, "valid") {
		value, err := plainValue(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		} else if err := schema.Validate(value); err != nil {
			t.Errorf("the schema refuses what the loader accepts: %s: %v", file, err)
		}
	}
	for _, file := range corpusFiles(t, "invalid") {
		base := filepath.Base(file)
		code, _, _ := strings.Cut(base, ".")
		alone := []string{"FIELD_TYPE.tags.yaml", "FIELD_TYPE.merge.yaml", "FIELD_TYPE.compiled-fraction.json", "INPUT_INVALID.twice.json"}
		if invisible(code) || slices.Contains(alone, base) || strings.Contains(base, ".values") {
			continue
		}
		value, err := plainValue(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		} else if schema.Validate(value) == nil {
			t.Errorf("the schema accepts what the loader refuses: %s", file)
		}
	}
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// plainValue is a file as a schema sees it.
func plainValue(file string) (any, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return plainBytes(raw)
}

func plainBytes(raw []byte) (any, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if isJSON(raw) {
		return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	}
	found, err := documents(raw)
	if err != nil {
		return nil, err
	}
	var value any
	if err := found[0].Decode(&value); err != nil {
		return nil, err
	}
	return jsonLike(value), nil
}

// jsonLike turns what YAML has and JSON has not into what an editor makes of it.
func jsonLike(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = jsonLike(item)
		}
	case map[any]any:
		out := map[string]any{}
		for key, item := range v {
			out[fmt.Sprint(key)] = jsonLike(item)
		}
		return out
	case []any:
		for i, item := range v {
			v[i] = jsonLike(item)
		}
	case fmt.Stringer:
		return v.String()
	}
	return v
}

// TestSchemaDescribesEveryProperty keeps editors helpful.
func TestSchemaDescribesEveryProperty(t *testing.T) {
	var document any
	if err := yaml.Unmarshal(Schema(), &document); err != nil {
		t.Fatal(err)
	}
	count := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		object, ok := v.(map[string]any)
		if !ok {
			return
		}
		properties, _ := object["properties"].(map[string]any)
		for name, p := range properties {
			property, ok := p.(map[string]any)
			if !ok || strings.Contains(path, ".allOf") || strings.HasSuffix(path, ".if") {
				continue
			}
			count++
			if property["description"] == nil {
				t.Errorf("%s.%s has no description", path, name)
			}
		}
		for key, item := range object {
			walk(path+"."+key, item)
		}
	}
	walk("", document)
	if count < 40 {
		t.Errorf("only %d properties were looked at", count)
	}
}
