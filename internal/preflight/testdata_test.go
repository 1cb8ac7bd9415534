package preflight_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

// literalOnly are the codes no manifest can give: the loader refuses the duplicate key first, and which manager there is does
// not stand in it.
var literalOnly = []string{preflight.EnvDuplicate, preflight.CommandsManagerUnreachable}

// TestManifests loads a minimal manifest for each code. A first line "# targets: …" says where the code shows; without
// it that is on every target the manifest declares.
func TestManifests(t *testing.T) {
	for _, info := range preflight.Codes() {
		if slices.Contains(literalOnly, info.Code) {
			continue
		}
		t.Run(info.Code, func(t *testing.T) {
			paths, err := filepath.Glob("testdata/codes/" + info.Code + ".*")
			if err != nil || len(paths) != 1 {
				t.Fatalf("want one manifest, have %v, %v", paths, err)
			}
			stack, loaded := manifest.Load(manifest.Options{Path: paths[0], LookupEnv: lookup})
			if stack == nil || len(loaded) > 0 {
				t.Fatalf("cannot load: %v", loaded)
			}
			wanted := wantedTargets(t, paths[0])
			for _, target := range preflight.Targets(stack) {
				assertOnly(t, stack, target, info.Code, wanted)
			}
			for _, target := range wanted {
				assertOnly(t, stack, target, info.Code, wanted)
			}
		})
	}
}

// assertOnly checks for one target: the code and nothing else where it is wanted, and nothing elsewhere.
func assertOnly(t *testing.T, stack *manifest.Stack, target manifest.Target, code string, wanted []manifest.Target) {
	t.Helper()
	findings := preflight.Check(stack, target)
	var want []string
	if len(wanted) == 0 || slices.Contains(wanted, target) {
		want = []string{code}
	}
	if got := codes(findings); !slices.Equal(got, want) {
		t.Errorf("%s: found %v, want %v:\n%s", target, got, want, lines(findings))
	}
	for _, f := range findings {
		assertTeaches(t, f)
		if f.Line == 0 && f.Code != preflight.PlatformNotDeclared {
			t.Errorf("%s has no position: %s", f.Code, f)
		}
	}
}

func wantedTargets(t *testing.T, path string) []manifest.Target {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	list, ok := strings.CutPrefix(first, "# targets: ")
	if !ok {
		return nil
	}
	var targets []manifest.Target
	for _, word := range strings.Fields(list) {
		platform, runtime, _ := strings.Cut(word, "/")
		targets = append(targets, manifest.Target{Platform: manifest.Platform(platform), Runtime: manifest.Runtime(runtime)})
	}
	return targets
}
