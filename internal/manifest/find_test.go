package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(filepath.Join(deep, "alien.yaml"), 0o700); err != nil { // a directory of that name is no manifest
		t.Fatal(err)
	}
	if path, err := Find(deep); err == nil && strings.HasPrefix(path, root) {
		t.Errorf("found %s where there is none", path)
	}
	for _, name := range []string{"alien.json", "alien.yml", "alien.yaml"} { // each beats the ones before
		want := filepath.Join(root, name)
		if err := os.WriteFile(want, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if path, err := Find(deep); err != nil || path != want {
			t.Errorf("Find gives %s, %v, want %s", path, err, want)
		}
	}
	t.Chdir(deep)
	if path, err := Find("."); err != nil || path != filepath.Join("..", "..", "alien.yaml") {
		t.Errorf("from below, Find gives %s, %v", path, err)
	}
	t.Chdir(root)
	if path, err := Find("."); err != nil || path != "alien.yaml" {
		t.Errorf("beside it, Find gives %s, %v", path, err)
	}
}

func TestLoadName(t *testing.T) {
	for _, c := range []struct{ name, manifest, want string }{
		{"plain", "name: edge\ndaemons: {}\n", "edge"},
		{"everything else wrong", "daemons: [1]\nreplicas: 3\nname: edge\n", "edge"},
		{"interpolated", "name: edge-${REGION}\ndaemons: { a: { environment: { X: { fromEnv: MISSING } } } }\n", "edge-eu"},
		{"broken below", "name: edge\ndaemons:\n\tapi: {\n", "edge"},
		{"broken above", "daemons: [\nname: \"edge\"\n", "edge"},
		{"alias bomb", "name: edge\ndaemons: &a [*a]\n", "edge"},
		{"compiled", `{"id": "edge-${REGION}", "resources": {}}`, "edge-${REGION}"},
		{"compiled, with a name", `{"name": "other", "id": "edge", "resources": {}}`, "edge"},
		{"alias", "x-a: &n edge\nname: *n\n", "edge"},
		{"no name", "daemons: {}\n", ""},
		{"name is a list", "name: [edge]\n", ""},
		{"undefined", "name: ${MISSING}\n", ""},
		{"empty", "", ""},
		{"text", "edge\n", ""},
		{"broken, no name", "daemons: [\n", ""},
	} {
		got, err := LoadName(Options{Path: "-", Stdin: strings.NewReader(c.manifest), LookupEnv: environment})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestExcerptCutsLongLines(t *testing.T) {
	line := strings.Repeat("a", 300) + "X" + strings.Repeat("b", 300)
	got := Finding{Location: Location{Line: 7, Column: 301, Source: line}}.Excerpt(0)
	lines := strings.Split(got, "\n")
	if len(lines) != 3 || len(lines[0]) > excerptWidth+6 || lines[0][strings.Index(lines[1], "^")] != 'X' {
		t.Errorf("the excerpt is\n%s", got)
	}
	if got := (Finding{Location: Location{Line: 1, Column: 99, Source: "short"}}).Excerpt(0); got != "  1 | short\n    |      ^\n" {
		t.Errorf("a column behind the line gives\n%s", got)
	}
	for _, columns := range []int{60, 25, 3} {
		narrow := strings.Split(Finding{Location: Location{Line: 7, Column: 301, Source: line}}.Excerpt(columns), "\n")
		if len(narrow) != 3 || len(narrow[0]) > max(columns, 26) || narrow[0][strings.Index(narrow[1], "^")] != 'X' {
			t.Errorf("in %d columns:\n%s", columns, strings.Join(narrow, "\n"))
		}
	}
	if got := (Finding{Message: "m"}).Excerpt(0); got != "" {
		t.Errorf("a finding about the file has the excerpt %q", got)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"command", "commandsEnabled", "cpu", "environment", "image", "links"}
	for word, want := range map[string]string{
		"comand": "command", "imgae": "image", "Image": "image", "enviroment": "environment", "link": "links", "mem": "",
		"commands_enabled": "commandsEnabled", "x": "", "": "", "image2": "image", "cup": "cpu", strings.Repeat("image", 100): "",
	} {
		if got, _ := nearest(word, known); got != want {
			t.Errorf("nearest(%q) is %q, want %q", word, got, want)
		}
	}
}
