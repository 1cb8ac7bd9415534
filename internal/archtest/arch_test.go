// Package archtest holds the house rules that a compiler does not: which room may import what, and what no room does.
package archtest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/alienplatform/alien-go"
	root   = "../.."
)

// Kinds of packages that rooms stay away from. A name ending in /... means all below it too.
var (
	rooms   = []string{module + "/internal/..."}
	network = []string{"net", "net/http/...", "net/rpc/...", "net/smtp", "google.golang.org/grpc/..."}
	process = []string{"os/exec"}
	docker  = []string{"github.com/docker/docker/...", "github.com/docker/cli/...", "github.com/moby/moby/..."}
	cluster = []string{"k8s.io/client-go/...", "sigs.k8s.io/controller-runtime/..."}
	cli     = []string{module + "/internal/cli/..."}
	local   = []string{module + "/internal/local/..."}
	k8s     = []string{module + "/internal/k8s/..."}
	sqlite  = []string{"modernc.org/..."}
	others  = []string{"github.com/...", "golang.org/...", "gopkg.in/...", "k8s.io/...", "modernc.org/..."} // all but the standard library

	// logins is the format of Docker's login file, which whoever talks to a registry brings along. It reaches no engine.
	logins = "github.com/docker/cli/cli/config/..."
)

// TestImports checks what rooms import, directly or through others.
func TestImports(t *testing.T) {
	for _, rule := range []struct {
		room  string // below internal; all packages in it
		never [][]string
		why   string
	}{
		{"manifest", [][]string{rooms}, "manifest imports no other room"},
		{"manifest", [][]string{network, process, docker, cluster}, "loading a manifest is pure"},
		{"preflight", [][]string{network, process, docker, cluster}, "preflight passes before any client exists"},
		{"workload", [][]string{network, process, docker, cluster}, "rendering is pure"},
		{"deploy", [][]string{docker, cluster, local, k8s, cli}, "the engine knows platforms by its interface only"},
		{"oci", [][]string{docker, cluster, local, k8s, cli}, "images are what platforms share"},
		{"local", [][]string{cluster, k8s, cli}, "local knows neither Kubernetes nor the command line"},
		{"k8s", [][]string{docker, local, cli}, "Kubernetes knows neither local runtimes nor the command line"},
		{"commands", [][]string{rooms, docker, cluster}, "the manager knows no deployments' platforms, and imports no other room"},
		{"commands/wire", [][]string{others, network, process}, "the protocol is pure, and public packages are made of it"},
		{"commands/api", [][]string{network, process, sqlite}, "the API's types are pure"},
		{"commands/manager", [][]string{process, sqlite}, "the manager knows its store by its interface only"},
		{"commands/state", [][]string{network, process, sqlite}, "the life of a command is pure"},
	} {
		for _, p := range packages(t) {
			if !within(p.ImportPath, module+"/internal/"+rule.room+"/...") {
				continue
			}
			for _, dep := range p.Deps {
				if forbidden(dep, rule.room, slices.Concat(rule.never...)) {
					t.Errorf("%s depends on %s: %s", short(p.ImportPath), short(dep), rule.why)
				}
			}
		}
	}
}

// TestPublicPackages: whoever takes commands in a program of theirs gets the standard library, and of this project what the
// protocol needs.
func TestPublicPackages(t *testing.T) {
	own := []string{module + "/internal/commands/wire", module + "/internal/commands/outbound"}
	for _, p := range packages(t) {
		if p.ImportPath != module+"/receiver" && p.ImportPath != module+"/commands" {
			continue
		}
		for _, dep := range p.Deps {
			first, _, _ := strings.Cut(dep, "/")
			if strings.Contains(first, ".") && !slices.Contains(own, dep) {
				t.Errorf("%s depends on %s", short(p.ImportPath), short(dep))
			}
		}
	}
}

// forbidden says whether a room may not depend on a package; a room may always depend on itself.
func forbidden(dep, room string, never []string) bool {
	if within(dep, module+"/internal/"+room+"/...") || within(dep, logins) {
		return false
	}
	return slices.ContainsFunc(never, func(pattern string) bool { return within(dep, pattern) })
}

func within(path, pattern string) bool {
	below, tree := strings.CutSuffix(pattern, "/...")
	return path == below || tree && strings.HasPrefix(path, below+"/")
}

func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// goPackage is what go list tells of a package; test files are not counted.
type goPackage struct {
	ImportPath string
	Deps       []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Deps", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestOneImporterOfPlatforms keeps the choice of the platform in one place of the command line.
func TestOneImporterOfPlatforms(t *testing.T) {
	implementations := slices.Concat(local, k8s)
	var importers []string
	for path, file := range sources(t, filepath.Join(root, "internal", "cli"), parser.ImportsOnly) {
		if imports(file, implementations) {
			importers = append(importers, path)
		}
	}
	if len(importers) > 1 {
		slices.Sort(importers)
		t.Errorf("only one file of internal/cli imports platforms, but these do: %s", strings.Join(importers, ", "))
	}
}

func imports(file *ast.File, patterns []string) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		path, err := strconv.Unquote(i.Path.Value)
		return err == nil && slices.ContainsFunc(patterns, func(p string) bool { return within(path, p) })
	})
}

// TestCalls checks what no room calls.
func TestCalls(t *testing.T) {
	for _, rule := range []struct {
		pkg, function string
		inMain        bool // package main may, and stage, which takes its place
		why           string
	}{
		{"os", "Exit", true, "only main ends the process"},
		{"log", "Fatal", true, "only main ends the process"},
		{"log", "Fatalf", true, "only main ends the process"},
		{"time", "Sleep", false, "waits end with their context"},
	} {
		for path, file := range sources(t, root, parser.SkipObjectResolution) {
			if rule.inMain && (file.Name.Name == "main" || file.Name.Name == "stage") {
				continue
			}
			if calls(file, rule.pkg, rule.function) {
				t.Errorf("%s calls %s.%s: %s", path, rule.pkg, rule.function, rule.why)
			}
		}
	}
}

func calls(file *ast.File, pkg, function string) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == function {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && x.Name == pkg
		}
		return !found
	})
	return found
}

// sources parses the Go files below a directory that are not tests, and gives them by their path from the root.
func sources(t *testing.T, dir string, mode parser.Mode) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[filepath.ToSlash(name)] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no Go files below %s", dir)
	}
	return files
}

// TestForbidden keeps the rules themselves honest.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		dep, room string
		never     []string
		want      bool
	}{
		{module + "/internal/deploy", "manifest", rooms, true},
		{module + "/internal/manifest/form", "manifest", rooms, false},
		{module + "/internal/manifesto", "manifest", rooms, true},
		{"net", "preflight", network, true},
		{"net/http/httptrace", "preflight", network, true},
		{"net/url", "preflight", network, false},
		{"github.com/docker/docker/client", "deploy", docker, true},
		{"github.com/docker/go-units", "deploy", docker, false},
	} {
		if got := forbidden(c.dep, c.room, c.never); got != c.want {
			t.Errorf("%s in %s: got %t", c.dep, c.room, got)
		}
	}
}
