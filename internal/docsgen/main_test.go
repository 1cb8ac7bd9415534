package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocsAreWhatTheCodeSays(t *testing.T) {
	for name, want := range pages() {
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Errorf("%v; run: make docs", err)
			continue
		}
		if diff := cmp.Diff(string(got), want); diff != "" {
			t.Errorf("docs/%s is stale, run: make docs\n%s", name, diff)
		}
	}
}

func TestPagesDoNotDependOnTheRun(t *testing.T) {
	if diff := cmp.Diff(pages(), pages()); diff != "" {
		t.Error(diff)
	}
}

func TestPagesCoverTheirSubject(t *testing.T) {
	all := pages()
	for page, wants := range map[string][]string{
		"cli.md":      {"## alien daemon up\n", "## alien daemon status\n", "--dry-run", "| 130, 143 |"},
		"manifest.md": {"## `daemons.*.healthCheck`\n", "| **nowhere**; ", "| `image` |"},
		"codes.md":    {"## Findings\n", "### CRASH_LOOP\n", "What to do: "},
		"output.md":   {"## StatusReport\n", "| `apiVersion` | `alien.dev/v1` | yes |"},
	} {
		for _, want := range wants {
			if !strings.Contains(all[page], want) {
				t.Errorf("%s has no %q", page, want)
			}
		}
	}
}
