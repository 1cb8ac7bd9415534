package manifest

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// FuzzLoad: whatever the bytes are, loading ends, says where each problem is, and what it accepts the schema accepts.
func FuzzLoad(f *testing.F) {
	for _, half := range []string{"valid", "invalid"} {
		for _, file := range corpusFiles(f, half) {
			raw, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, findings := Load(Options{Path: "-", Stdin: bytes.NewReader(raw), LookupEnv: environment})
		if s == nil && len(findings) == 0 {
			t.Fatal("neither a stack nor a finding")
		}
		broken := checkFindings(t, findings)
		_, _ = LoadName(Options{Path: "-", Stdin: bytes.NewReader(raw), LookupEnv: environment})
		if broken {
			return
		}
		value, err := plainBytes(raw)
		if err != nil {
			t.Skip("the schema cannot be asked")
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("the schema refuses what the loader accepts: %v", err)
		}
	})
}

// checkFindings holds findings to being explained, placed and in order, and says whether one is an error.
func checkFindings(t *testing.T, findings []Finding) (broken bool) {
	t.Helper()
	explained := map[string]bool{}
	for _, info := range Codes() {
		explained[info.Code] = true
	}
	for i, finding := range findings {
		broken = broken || finding.Severity == Error
		if !explained[finding.Code] || finding.Message == "" || finding.Line < 0 || finding.Line > 0 && finding.Column < 1 {
			t.Errorf("a bad finding: %+v", finding)
		}
		if i > 0 && finding.File == findings[i-1].File && finding.Line < findings[i-1].Line {
			t.Errorf("%s comes behind %s", finding, findings[i-1])
		}
		_ = finding.Excerpt(0)
	}
	return broken
}

// FuzzCompiled: what is compiled JSON to the loader is that to the schema, with any values, and what it accepts can be answered
// again with the same outcome.
func FuzzCompiled(f *testing.F) {
	for _, half := range []string{"valid", "invalid"} {
		for _, file := range corpusFiles(f, half) {
			o := corpusOptions(file)
			raw, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			values, _ := os.ReadFile(o.Values)
			if isJSON(raw) {
				f.Add(raw, values)
			}
		}
	}
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, raw, values []byte) {
		if !isJSON(raw) {
			t.Skip("only JSON is compiled")
		}
		o := Options{Path: "-", Stdin: bytes.NewReader(raw), LookupEnv: environment}
		if len(values) > 0 {
			o.Values = valuesFile(t, string(values))
		}
		s, findings := Load(o)
		if checkFindings(t, findings) || s == nil {
			return
		}
		value, err := plainBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("the schema refuses what the loader accepts: %v", err)
		}
	})
}

// FuzzValues: whatever a values file holds, loading ends, places what it finds, and shows no secret.
func FuzzValues(f *testing.F) {
	for _, half := range []string{"valid", "invalid"} {
		for _, file := range corpusFiles(f, half) {
			if values := corpusOptions(file).Values; values != "" {
				raw, err := os.ReadFile(values)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(raw)
			}
		}
	}
	stack, err := os.ReadFile("testdata/corpus/invalid/INPUT_VALUE.all.json")
	if err != nil {
		f.Fatal(err)
	}
	secret := "the-hidden-value"
	lookup := func(string) (string, bool) { return secret, true }
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, findings := Load(Options{Path: "-", Stdin: bytes.NewReader(stack), Values: valuesFile(t, string(raw)), LookupEnv: lookup})
		checkFindings(t, findings)
		if s == nil {
			t.Fatal("the values took the stack away")
		}
		for _, finding := range findings {
			if strings.Contains(finding.String(), secret) && !bytes.Contains(raw, []byte("$")) {
				t.Errorf("a finding shows a secret: %s", finding)
			}
		}
	})
}

// FuzzInterpolate: interpolation ends, is bounded, and leaves texts without ${ alone.
func FuzzInterpolate(f *testing.F) {
	for _, seed := range []string{"", "$", "${A}", "${A:-b}", "${A:?why}", "$${A}", "${B:-${C:-${A}}}", "${", "${A:-${", "a${RAW}b", "}{$}"} {
		f.Add(seed)
	}
	lookup := func(name string) (string, bool) { return "${" + name + "}", name < "M" }
	f.Fuzz(func(t *testing.T, text string) {
		out, slips := (&interpolator{lookup: lookup}).expand(text)
		if !strings.Contains(text, "${") && (out != text || len(slips) > 0) {
			t.Errorf("%q became %q, %v", text, out, slips)
		}
		if len(out) > 4*len(text) {
			t.Errorf("%q became %d bytes", text, len(out))
		}
		for _, s := range slips {
			if !strings.Contains(text, s.token) || s.message == "" {
				t.Errorf("%q gives the slip %+v", text, s)
			}
		}
	})
}
