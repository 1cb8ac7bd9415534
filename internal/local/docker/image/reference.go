package image

import (
	"slices"

	dist "github.com/distribution/reference"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// reference names an image of a registry.
type reference struct {
	text  string // as the manifest has it
	named dist.Named
}

func parseReference(text string) (reference, error) {
	named, err := dist.ParseDockerRef(text) // adds :latest, and drops the tag of name:tag@digest
	if err != nil {
		return reference{}, &deploy.Problem{Reason: deploy.ImageInvalid, Message: "cannot read image reference " + text, Err: err}
	}
	return reference{text: text, named: named}, nil
}

// local is what the engine is asked for. Of name:tag@digest only the digest counts.
func (r reference) local() string { return dist.FamiliarString(r.named) }

// digest is the one the reference insists on, empty where it has none.
func (r reference) digest() string {
	if d, ok := r.named.(dist.Digested); ok {
		return d.Digest().String()
	}
	return ""
}

// host is the registry's.
func (r reference) host() string { return dist.Domain(r.named) }

// repoDigest picks, of the digests an image has in all repositories, the one in this reference's: the preferred one
// where it is among them, else the first by order, so that it is the same each time.
func (r reference) repoDigest(all []string, preferred string) string {
	if preferred == "" {
		preferred = r.digest()
	}
	var ours []string
	for _, text := range all {
		named, err := dist.ParseNormalizedNamed(text)
		if d, ok := named.(dist.Digested); err == nil && ok && named.Name() == r.named.Name() {
			ours = append(ours, d.Digest().String())
		}
	}
	if len(ours) == 0 {
		return ""
	}
	if slices.Contains(ours, preferred) {
		return preferred
	}
	return slices.Min(ours)
}
