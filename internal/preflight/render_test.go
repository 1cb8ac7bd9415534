package preflight_test

import (
	"slices"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

func isCluster(t manifest.Target) bool { return t == cluster }

// TestSoundStacksRender: what passes here for local can be rendered, so that no later step has to refuse it.
func TestSoundStacksRender(t *testing.T) {
	for _, c := range soundCases() {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.alter(s, &s.Daemons[0])
			for _, target := range slices.DeleteFunc(slices.Clone(c.targets), isCluster) {
				if _, err := workload.Render(s, target); err != nil {
					t.Errorf("%s: %v", target, err)
				}
			}
		})
	}
}
