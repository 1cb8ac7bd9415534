package oci

import (
	"slices"

	dist "github.com/distribution/reference"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Reference names an image of a registry.
type Reference struct {
	Text  string // as the manifest has it
	Named dist.Named
}

// ParseReference reads a reference; what is none is a verdict.
func ParseReference(text string) (Reference, error) {
	named, err := dist.ParseDockerRef(text) // adds :latest, and drops the tag of name:tag@digest
	if err != nil {
		return Reference{}, &deploy.Problem{Reason: deploy.ImageInvalid, Message: "cannot read image reference " + text, Err: err}
	}
	return Reference{Text: text, Named: named}, nil
}

// Local is what an engine is asked for. Of name:tag@digest only the digest counts.
func (r Reference) Local() string { return dist.FamiliarString(r.Named) }

// Digest is the one the reference insists on, empty where it has none.
func (r Reference) Digest() string {
	if d, ok := r.Named.(dist.Digested); ok {
		return d.Digest().String()
	}
	return ""
}

// Host is the registry's.
func (r Reference) Host() string { return dist.Domain(r.Named) }

// RepoDigest picks, of the digests an image has in all repositories, the one in this reference's: the preferred one
// where it is among them, else the first by order, so that it is the same each time.
func (r Reference) RepoDigest(all []string, preferred string) string {
	if preferred == "" {
		preferred = r.Digest()
	}
	var ours []string
	for _, text := range all {
		named, err := dist.ParseNormalizedNamed(text)
		if d, ok := named.(dist.Digested); err == nil && ok && named.Name() == r.Named.Name() {
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
