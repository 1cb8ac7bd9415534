package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/alienplatform/alien-go/internal/cli/output"
)

// exits runs a program and holds its exit code: exits 3 alien daemon up. What it printed can be compared afterwards.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("cannot run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// norm writes a text with everything that differs from run to run replaced, so that the rest can be held exactly:
// norm stdout out.txt.
func norm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: norm FROM TO")
	}
	text := ts.ReadFile(args[0])
	for _, name := range []string{"WORK", "STACK", "IMAGE"} {
		if v := ts.Getenv(name); v != "" {
			text = strings.ReplaceAll(text, v, "<"+name+">")
		}
	}
	for _, r := range volatile() {
		text = r.find.ReplaceAllString(text, r.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

type replacement struct {
	find *regexp.Regexp
	with string
}

func volatile() []replacement {
	rules := [][2]string{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`, "<TIME>"},
		{`sha256:[0-9a-f]{64}`, "<DIGEST>"},
		{`\b[0-9a-f]{64}\b`, "<ID>"},
		{`\b[0-9a-f]{12}\b`, "<SHORT>"},
		{`\b(\d+ms|\d+\.\d+s|\d+m\d\ds|\d+s)\b`, "<DURATION>"},
		{`("tookSeconds"|"uptimeSeconds"): [0-9.]+`, "$1: 0"},
		{`(?m)[^ "\n]+ \([^ ()"]+@[^ ()"]+\)`, "<SOURCE>"},
		{`docker \([^)]*\)`, "<PLACE>"},
		{`127\.0\.0\.1:\d+`, "<LISTENER>"},
		{`(\S) {2,}`, "$1  "},
		{`(?m) +$`, ""},
	}
	out := make([]replacement, 0, len(rules))
	for _, r := range rules {
		out = append(out, replacement{regexp.MustCompile(r[0]), r[1]})
	}
	return out
}

// valid holds JSON against the schema that `alien schema output` prints, and lets nothing through that the schema does not
// know: valid stdout, or valid -lines stdout for a stream of documents.
func (k *kinds) valid(ts *testscript.TestScript, neg bool, args []string) {
	lines := len(args) == 2 && args[0] == "-lines"
	if neg || len(args) != 1 && !lines {
		ts.Fatalf("usage: valid [-lines] FILE")
	}
	schema := strictSchema(ts)
	text := ts.ReadFile(args[len(args)-1])
	documents := []string{text}
	if lines {
		documents = strings.Split(strings.TrimSpace(text), "\n")
	}
	for _, document := range documents {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
		if err != nil {
			ts.Fatalf("not JSON: %v\n%s", err, document)
		}
		if err := schema.Validate(instance); err != nil {
			ts.Fatalf("not as the schema says: %v\n%s", err, document)
		}
		k.add(instance)
	}
}

// kinds are the kinds of documents that scripts have held against the schema.
type kinds struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (k *kinds) add(document any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if kind, ok := document.(map[string]any)["kind"].(string); ok {
		k.seen[kind] = true
	}
}

// assertAll holds that there was a document of every kind. It means something only where every script ran.
func (k *kinds) assertAll(t *testing.T) {
	var schema struct {
		OneOf []struct {
			Ref string `json:"$ref"`
		} `json:"oneOf"`
	}
	if err := json.Unmarshal(output.Schema(), &schema); err != nil || len(schema.OneOf) == 0 {
		t.Fatalf("cannot read the kinds of the schema: %v", err)
	}
	for _, one := range schema.OneOf {
		if kind := path.Base(one.Ref); !k.seen[kind] {
			t.Errorf("no script holds a document of the kind %s against the schema", kind)
		}
	}
}

// strictSchema is the schema of output with every object closed.
func strictSchema(ts *testscript.TestScript) *jsonschema.Schema {
	var document map[string]any
	ts.Check(json.Unmarshal(output.Schema(), &document))
	for _, def := range document["$defs"].(map[string]any) {
		def.(map[string]any)["additionalProperties"] = false
	}
	b, err := json.Marshal(document)
	ts.Check(err)
	closed, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	ts.Check(err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	ts.Check(c.AddResource("output.json", closed))
	schema, err := c.Compile("output.json")
	ts.Check(err)
	return schema
}

// signalBackground sends a signal to every program in the background: signal TERM.
func signalBackground(ts *testscript.TestScript, neg bool, args []string) {
	known := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}
	if neg || len(args) != 1 || known[args[0]] == 0 {
		ts.Fatalf("usage: signal INT|TERM")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(known[args[0]]))
	}
}

// eventually runs a program again and again until it succeeds and its standard output matches: eventually REGEXP PROGRAM
// [ARG…]. It is for what happens outside and tells nobody.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP PROGRAM [ARG…]")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = ts.Exec(args[1], args[2:]...) // what it prints decides
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("30 s, and no %q", args[0])
		case <-tick.C:
		}
	}
}
