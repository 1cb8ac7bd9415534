package output_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestSchemaIsHeld makes every change of the output's form visible in review: within an apiVersion fields are only added.
func TestSchemaIsHeld(t *testing.T) {
	path := filepath.Join("testdata", "schema.json")
	if *update {
		if err := os.WriteFile(path, output.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(output.Schema())); diff != "" {
		t.Error(diff)
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(output.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("output.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("output.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDocumentsAreAsTheSchemaSays fills what real runs seldom show.
func TestDocumentsAreAsTheSchemaSays(t *testing.T) {
	at := time.Date(2026, 5, 17, 8, 0, 0, 0, time.UTC)
	verdict := &deploy.Verdict{Daemon: "api", Reason: deploy.OOMKilled, Message: "it was killed", At: at, Logs: []string{"<a> & b"},
		Exit: &deploy.Exit{Code: 137, Signal: "SIGKILL", OOM: true, At: at}, Probe: &deploy.Probe{Code: -1, Output: "no", At: at}}
	target := output.NewTarget(manifest.Target{Platform: manifest.Local, Runtime: manifest.Docker}, "docker (unix:///run/docker.sock)")
	documents := map[string]any{
		"change": output.Change{Head: output.NewHead(output.KindUp), Stack: "edge", Target: target,
			Plan: deploy.Plan{Stack: "edge", KeptData: []deploy.Data{{Name: "edge-x", Resource: "x"}}, Changes: []deploy.Change{
				{Daemon: "api", Action: deploy.Update, Blocked: "taken", Causes: []deploy.Cause{{Path: "image", Kind: deploy.Changed, Old: "a", New: "b"}}}}},
			Daemons:  []output.DaemonResult{{Daemon: "api", Action: deploy.Update, Outcome: deploy.OutcomeRolledBack, Verdict: verdict}},
			Findings: []manifest.Finding{{Code: "X", Severity: manifest.Warning, Location: manifest.Location{File: "alien.yaml", Line: 1, Column: 2, Path: "name"}, Message: "m", Target: "local"}},
			Error:    &output.Failure{Code: "NOT_READY", Message: "m", Hint: "h", ExitCode: 4}},
		"status": output.Status{Head: output.NewHead(output.KindStatus), Stack: "edge", Target: target, Time: at, Daemons: []deploy.Status{
			{Daemon: "api", State: deploy.BackOff, NotReady: deploy.NotReadyBackOff, LastExit: verdict.Exit, NextStart: at, Since: at,
				UpToDate: deploy.UpToDateNo, Causes: []deploy.Cause{{Path: "memory"}}, Duplicates: []string{"x"}, ByHand: true, Probe: verdict.Probe}}},
		"stacks": output.Stacks{Head: output.NewHead(output.KindStacks), Target: target, Stacks: []deploy.StackSummary{{Name: "edge", Daemons: 2, Ready: 1}}},
	}
	s := schema(t)
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := output.Write(&b, output.JSON, document); err != nil {
				t.Fatal(err)
			}
			instance, err := jsonschema.UnmarshalJSON(&b)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(instance); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSchemaRefusesWhatIsNoDocument(t *testing.T) {
	s := schema(t)
	for _, text := range []string{`{}`, `{"apiVersion": "alien.dev/v1", "kind": "Nothing"}`, `{"apiVersion": "alien.dev/v2", "kind": "Version", "version": "1", "go": "go1", "os": "linux", "arch": "amd64"}`, `[]`} {
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(instance) == nil {
			t.Errorf("it accepts %s", text)
		}
	}
}

func TestFormats(t *testing.T) {
	doc := output.LogLine{Head: output.NewHead(output.KindLogLine), Stack: "edge", Daemon: "api",
		Time: time.Date(2026, 5, 17, 8, 0, 0, 0, time.UTC), Stream: "stdout", Text: "yes: <no> & \"it\""}
	tests := []struct {
		name  string
		write func(*bytes.Buffer) error
		want  string
	}{
		{"JSON line", func(b *bytes.Buffer) error { return output.WriteLine(b, output.JSON, doc) },
			`{"apiVersion":"alien.dev/v1","kind":"LogLine","stack":"edge","daemon":"api","time":"2026-05-17T08:00:00Z","stream":"stdout","text":"yes: <no> & \"it\""}` + "\n"},
		{"YAML document", func(b *bytes.Buffer) error { return output.WriteLine(b, output.YAML, doc) },
			"---\napiVersion: alien.dev/v1\nkind: LogLine\nstack: edge\ndaemon: api\ntime: \"2026-05-17T08:00:00Z\"\nstream: stdout\ntext: 'yes: <no> & \"it\"'\n"},
		{"words that YAML would take for something else", func(b *bytes.Buffer) error {
			return output.Write(b, output.YAML, map[string]any{"a": "true", "b": "1.0", "c": true, "d": []string{}})
		}, "a: \"true\"\nb: \"1.0\"\nc: true\nd: []\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := tt.write(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
