package stage_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDependsOnLittle holds what makes a start fast: packages are initialised in the order of their names once what they
// need is, so with package net, or anything that needs regexp, this one would come after most of what commands need.
func TestDependsOnLittle(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	for _, heavy := range []string{"net", "regexp", "runtime/debug", "log/slog", "unique",
		"github.com/alienplatform/alien-go/internal/deploy", "github.com/alienplatform/alien-go/internal/manifest"} {
		if slices.Contains(deps, heavy) {
			t.Errorf("stage depends on %s", heavy)
		}
	}
}
