package oci

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	dist "github.com/distribution/reference"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Fault is what kept an image from being pulled. Engines tell it only as text, which differs between engine versions and
// image stores, and registries tell it in words of their own.
type Fault struct {
	Reason    deploy.Reason // empty: not about the image or its registry
	Transient bool          // trying again can help

	words  *regexp.Regexp
	what   string // %[1]s is the reference, %[2]s the registry, %[3]s the host
	advice string // REGISTRY is the registry, NETWORK the host's network
	host   Host
	said   error
}

// faults in the order they are tried. "not found" also ends messages about platforms, and "denied" those about
// repositories that may not exist, so the particular comes before the general.
func faults() []Fault {
	return []Fault{
		{
			words:  regexp.MustCompile(`no matching manifest for|no match for platform|does not (provide|match) the specified platform|cannot be used on this platform`),
			Reason: deploy.ImagePlatform,
			what:   "image %[1]s is not made for the platform of %[3]s",
			advice: "build it for that platform too",
		},
		{
			words:  regexp.MustCompile(`toomanyrequests|too many requests|http 429|rate limit`),
			Reason: deploy.ImageRateLimited,
			what:   "the registry %[2]s has had too many requests and refuses image %[1]s for now",
			advice: "wait, log in for a higher limit (docker login REGISTRY), or use a mirror",
		},
		{
			words:  regexp.MustCompile(`pull access denied|repository does not exist or may require`),
			Reason: deploy.ImageDenied,
			what:   "image %[1]s does not exist, or the registry %[2]s keeps it from us",
			advice: "check its name, and log in (docker login REGISTRY)",
		},
		{
			words:  regexp.MustCompile(`unauthorized|no basic auth credentials|(^|: )denied\b|resource is denied|403 forbidden|http 40[13]\b|authentication required|authorization failed|incorrect username or password|insufficient_scope|\bauthorization token\b`),
			Reason: deploy.ImageDenied,
			what:   "the registry %[2]s refuses us image %[1]s",
			advice: "log in (docker login REGISTRY) as somebody who may read it",
		},
		{
			words:  regexp.MustCompile(`manifest unknown|name unknown|manifest for .*not found|repository .*not found|http 404|404 not found|unknown blob|: not found$|no such image`),
			Reason: deploy.ImageNotFound,
			what:   "image %[1]s does not exist at the registry %[2]s",
			advice: "check its name and its tag",
		},
		{
			words:  regexp.MustCompile(`unsupported (media type|manifest format)|schema ?1|encountered remote|layer verification failed|error verifying sha256|does not match requested digest|invalid diffid|unexpected commit digest|failed to register layer: (error processing tar|archive/tar|unexpected eof|invalid)`),
			Reason: deploy.ImageInvalid,
			what:   "image %[1]s is broken, or of a kind that %[3]s cannot use",
			advice: "build and push it again",
		},
		{
			words:     regexp.MustCompile(`http status: 5\d\d|http 5\d\d|\b5\d\d (internal server|bad gateway|service unavailable|gateway time)|timeout|timed out|deadline exceeded|\beof\b|connection reset|temporary failure`),
			Reason:    deploy.RegistryUnreachable,
			Transient: true,
			what:      "the registry %[2]s did not deliver image %[1]s",
			advice:    "try again later",
		},
		{
			words:  regexp.MustCompile(`connection refused|no such host|no route to host|unreachable|dial tcp|x509:|tls:|http response to https client|proxyconnect`),
			Reason: deploy.RegistryUnreachable,
			what:   "cannot reach the registry %[2]s for image %[1]s",
			advice: "check its name and NETWORK",
		},
	}
}

// address of what was asked for, quoted in errors: it holds the repository's name, which may look like a word above.
var address = regexp.MustCompile(`"?https?://[^\s"]+"?`)

// Classify tells what kept an image from being pulled, from the words of an engine or a registry.
func (h Host) Classify(ref Reference, said error) Fault {
	text := said.Error()
	for _, name := range []string{ref.Text, ref.Local(), ref.Named.String(), dist.FamiliarName(ref.Named), ref.Named.Name(), ref.Host()} {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).ReplaceAllLiteralString(text, "…")
	}
	text = strings.ToLower(address.ReplaceAllString(text, "…"))
	for _, f := range faults() {
		if f.words.MatchString(text) {
			f.host, f.said = h, said
			return f
		}
	}
	return Fault{said: said}
}

// Problem is the fault, for people. loginErr is why there was no login, if that went wrong.
func (f Fault) Problem(ref Reference, loginErr error) error {
	said := f.said
	if f.Reason == "" {
		return fmt.Errorf("cannot pull image %s: %w", ref.Text, said)
	}
	if loginErr != nil && f.Reason == deploy.ImageDenied {
		said = fmt.Errorf("%w (%v)", said, loginErr)
	}
	return &deploy.Problem{
		Reason:  f.Reason,
		Message: fmt.Sprintf(f.what, ref.Text, ref.Host(), f.host.Name),
		Hint:    strings.NewReplacer("REGISTRY", ref.Host(), "NETWORK", f.host.Network).Replace(f.advice),
		Err:     said,
	}
}

// Broken says that an image cannot be used, because of what is in it.
func (h Host) Broken(ref Reference, why error) error {
	for _, f := range faults() {
		if f.Reason == deploy.ImageInvalid {
			f.host, f.said = h, why
			return f.Problem(ref, nil)
		}
	}
	return why
}

// Unanswered is why a registry that was only asked what it has did not tell. late says that it took longer than patience;
// why is what is known otherwise, a verdict or not.
func Unanswered(ref Reference, late bool, patience time.Duration, why error) *deploy.Problem {
	p := &deploy.Problem{Reason: deploy.RegistryUnreachable, Message: "the registry cannot be asked for image " + ref.Text}
	if late {
		p.Message += fmt.Sprintf(": no answer within %s", patience)
		return p
	}
	var known *deploy.Problem
	if errors.As(why, &known) {
		return known
	}
	p.Err = why
	return p
}
