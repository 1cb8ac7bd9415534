package image

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	dist "github.com/distribution/reference"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// fault is what kept an image from being pulled. The engine tells it only as text, which differs between engine
// versions and image stores.
type fault struct {
	words     *regexp.Regexp
	reason    deploy.Reason // empty: not about the image or its registry
	transient bool          // trying again can help
	what      string        // %[1]s is the reference, %[2]s the registry
	advice    string        // REGISTRY is the registry
}

// faults in the order they are tried. "not found" also ends messages about platforms, and "denied" those about
// repositories that may not exist, so the particular comes before the general.
func faults() []fault {
	return []fault{
		{
			words:  regexp.MustCompile(`no matching manifest for|no match for platform|does not (provide|match) the specified platform|cannot be used on this platform`),
			reason: deploy.ImagePlatform,
			what:   "image %[1]s is not made for the engine's platform",
			advice: "build it for that platform too",
		},
		{
			words:  regexp.MustCompile(`toomanyrequests|too many requests|http 429|rate limit`),
			reason: deploy.ImageRateLimited,
			what:   "the registry %[2]s has had too many requests and refuses image %[1]s for now",
			advice: "wait, log in for a higher limit (docker login REGISTRY), or use a mirror",
		},
		{
			words:  regexp.MustCompile(`pull access denied|repository does not exist or may require`),
			reason: deploy.ImageDenied,
			what:   "image %[1]s does not exist, or the registry %[2]s keeps it from us",
			advice: "check its name, and log in (docker login REGISTRY)",
		},
		{
			words:  regexp.MustCompile(`unauthorized|no basic auth credentials|(^|: )denied\b|resource is denied|403 forbidden|http 40[13]\b|authentication required|authorization failed|incorrect username or password|insufficient_scope|\bauthorization token\b`),
			reason: deploy.ImageDenied,
			what:   "the registry %[2]s refuses us image %[1]s",
			advice: "log in (docker login REGISTRY) as somebody who may read it",
		},
		{
			words:  regexp.MustCompile(`manifest unknown|name unknown|manifest for .*not found|repository .*not found|http 404|404 not found|unknown blob|: not found$|no such image`),
			reason: deploy.ImageNotFound,
			what:   "image %[1]s does not exist at the registry %[2]s",
			advice: "check its name and its tag",
		},
		{
			words:  regexp.MustCompile(`unsupported (media type|manifest format)|schema ?1|encountered remote|layer verification failed|invalid diffid|unexpected commit digest|failed to register layer: (error processing tar|archive/tar|unexpected eof|invalid)`),
			reason: deploy.ImageInvalid,
			what:   "image %[1]s is broken, or of a kind the engine cannot use",
			advice: "build and push it again",
		},
		{
			words:     regexp.MustCompile(`http status: 5\d\d|http 5\d\d|\b5\d\d (internal server|bad gateway|service unavailable|gateway time)|timeout|timed out|deadline exceeded|\beof\b|connection reset|temporary failure`),
			reason:    deploy.RegistryUnreachable,
			transient: true,
			what:      "the registry %[2]s did not deliver image %[1]s",
			advice:    "try again later",
		},
		{
			words:  regexp.MustCompile(`connection refused|no such host|no route to host|unreachable|dial tcp|x509:|tls:|http response to https client|proxyconnect`),
			reason: deploy.RegistryUnreachable,
			what:   "cannot reach the registry %[2]s for image %[1]s",
			advice: "check its name and the engine's network; it is the engine that connects",
		},
	}
}

// address of what was asked for, quoted in errors: it holds the repository's name, which may look like a word above.
var address = regexp.MustCompile(`"?https?://[^\s"]+"?`)

// classify tells what kept an image from being pulled.
func classify(ref reference, err error) fault {
	if errors.Is(err, errBroken) || client.IsErrConnectionFailed(err) {
		return fault{} // the engine's own trouble, whatever its words
	}
	text := plain(err)
	for _, name := range []string{ref.text, ref.local(), ref.named.String(), dist.FamiliarName(ref.named), ref.named.Name(), ref.host()} {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).ReplaceAllLiteralString(text, "…")
	}
	text = strings.ToLower(address.ReplaceAllString(text, "…"))
	for _, f := range faults() {
		if f.words.MatchString(text) {
			return f
		}
	}
	return fault{}
}

// problem is the fault, for people. loginErr is why there was no login, if that went wrong.
func (f fault) problem(ref reference, err, loginErr error) error {
	var known *deploy.Problem
	if connErr := engine.Problem(err); errors.As(connErr, &known) {
		return connErr
	}
	if errors.Is(err, errBroken) {
		return &deploy.Problem{Reason: deploy.EngineUnreachable, Message: "the connection to the engine broke while it pulled image " + ref.text, Hint: "see whether Docker still runs", Err: err}
	}
	if f.reason == "" {
		return fmt.Errorf("cannot pull image %s: %w", ref.text, errors.New(plain(err)))
	}
	said := errors.New(plain(err))
	if loginErr != nil && f.reason == deploy.ImageDenied {
		said = fmt.Errorf("%w (%v)", said, loginErr)
	}
	return &deploy.Problem{
		Reason:  f.reason,
		Message: fmt.Sprintf(f.what, ref.text, ref.host()),
		Hint:    strings.ReplaceAll(f.advice, "REGISTRY", ref.host()),
		Err:     said,
	}
}

// plain is the engine's text without the client's preface.
func plain(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}
