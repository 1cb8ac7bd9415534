package cli

import (
	"fmt"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// didYouMean gives a hint naming the candidate closest to word, or "" where none is close.
func didYouMean(word string, candidates []string) string {
	if c, ok := manifest.Nearest(word, candidates); ok {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return ""
}
