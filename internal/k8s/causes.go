package k8s

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// cause is a reason that is known by the words in which the cluster tells it.
type cause struct {
	words  *regexp.Regexp // on lower-case text
	reason deploy.Reason
	what   string // %s is the image, where there is one; empty is what every platform says
	hint   string
}

// imageCauses in the order they are tried: the particular before the general.
func imageCauses() []cause {
	return []cause{
		{regexp.MustCompile(`no match for platform|no matching manifest|does not match the specified platform`), deploy.ImagePlatform, "image %s is not made for the node's platform", ""},
		{regexp.MustCompile(`toomanyrequests|too many requests|\b429\b|rate limit`), deploy.ImageRateLimited, "the registry allows no more pulls of image %s for now", ""},
		{regexp.MustCompile(`unauthorized|authorization failed|authentication required|denied|forbidden|no basic auth|\b40[13]\b|insufficient_scope`),
			deploy.ImageDenied, "the registry refuses the cluster image %s", "give the namespace an image pull secret for this registry"},
		{regexp.MustCompile(`connection refused|no such host|no route to host|unreachable|dial tcp|x509:|tls:|timeout|timed out|deadline exceeded|\beof\b|\b5\d\d (internal|bad gateway|service unav|gateway)|status.*\b50\d\b|connection reset`),
			deploy.RegistryUnreachable, "the node cannot fetch image %s from its registry", ""},
		{regexp.MustCompile(`not found|manifest unknown|name unknown|\b404\b`), deploy.ImageNotFound, "image %s does not exist at its registry", ""},
		{regexp.MustCompile(`couldn't parse image|invalid reference|invalid image`), deploy.ImageInvalid, "%s is not the name of an image", ""},
		{regexp.MustCompile(`unsupported|verification failed|unexpected commit digest|mediatype|archive/tar|diffid`), deploy.ImageInvalid, "image %s cannot be used by the node", ""},
	}
}

// startCauses are why a container could not be made or started.
func startCauses() []cause {
	return []cause{
		{regexp.MustCompile(`exec format error`), deploy.ExecFormat, "", ""},
		{regexp.MustCompile(`unable to find (user|group)|no matching entries in (passwd|group)|no users found`), deploy.UserUnknown, "", ""},
		{regexp.MustCompile(`executable file not found|no such file or directory|no command specified`), deploy.CommandNotFound, "", ""},
		{regexp.MustCompile(`permission denied`), deploy.CommandNotExecutable, "", ""},
		{regexp.MustCompile(`non-root|runasnonroot|non-numeric user`), deploy.ConfigRefused, "the image's user does not fit", ""},
		{regexp.MustCompile(``), deploy.ConfigRefused, "the node cannot start the container", ""},
	}
}

// podCauses are why no pod could be made.
func podCauses() []cause {
	return []cause{
		{regexp.MustCompile(`exceeded quota|must specify (limits|requests)|failed quota|(maximum|minimum) (cpu|memory)|limitrange|usage per (container|pod)|must be less than or equal to (cpu|memory) limit`), deploy.QuotaExceeded, "the namespace does not allow the pod", ""},
		{regexp.MustCompile(`violates podsecurity`), deploy.AdmissionDenied, "Pod Security does not admit the pod", "give the daemon a runtime.user that is not root, and nothing privileged"},
		{regexp.MustCompile(`serviceaccount "?[^ ]*"? not found|service account .* not found|looking up service account`), deploy.ServiceAccountMissing, "the service account does not exist", ""},
		{regexp.MustCompile(`no priorityclass with name`), deploy.ConfigRefused, "the priority class does not exist", "have it created, or name one that exists"},
		{regexp.MustCompile(`admission webhook|validatingadmissionpolicy|denied the request|denied request|policy`), deploy.AdmissionDenied, "the cluster's rules do not admit the pod", ""},
		{regexp.MustCompile(`forbidden`), deploy.AdmissionDenied, "the cluster does not admit the pod", ""},
		{regexp.MustCompile(``), deploy.ConfigRefused, "the cluster cannot make the pod", ""},
	}
}

// mountCauses are why a volume could not be mounted.
func mountCauses() []cause {
	return []cause{
		{regexp.MustCompile(`no such file|hostpath type check failed|does not exist`), deploy.MountSourceMissing, "", ""},
	}
}

// find tells a cause by the cluster's words, nil where they are unknown.
func find(causes []cause, said, subject string) *deploy.Problem {
	lower := strings.ToLower(said)
	for _, c := range causes {
		if c.words.MatchString(lower) {
			if c.what == "" {
				p := deploy.Refused(c.reason, stumbled(said))
				p.Hint, p.Err = c.hint, saidError(said)
				return p
			}
			what := c.what
			if strings.Contains(what, "%s") {
				what = fmt.Sprintf(what, subject)
			}
			return &deploy.Problem{Reason: c.reason, Message: what, Hint: c.hint, Err: saidError(said)}
		}
	}
	return nil
}

// stumbled finds what a container runtime stumbled over: exec: "/no/such": …, exec /bad: exec format error, user nobody.
func stumbled(said string) string {
	m := regexp.MustCompile(`exec: "([^"]+)"|\bexec (/[^\s:]+)|unable to find (?:user|group) ([^\s:]+)|hostPath type check failed: ([^\s]+)`).FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	return m[1] + m[2] + m[3] + m[4]
}

// Explain implements deploy.Explainer: what the container runtime itself writes into a log when it cannot execute a
// program looks to the cluster like a program that failed.
func (p *platform) Explain(lines []string) *deploy.Problem {
	if len(lines) == 0 {
		return nil
	}
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "exec /") && !strings.Contains(last, "exec user process caused") {
		return nil
	}
	found := find(startCauses(), last, "")
	if found.Reason == deploy.ConfigRefused {
		return nil
	}
	return found
}

// saidError carries the cluster's own words.
func saidError(said string) error {
	if said == "" {
		return nil
	}
	return errors.New(said)
}

// waitingProblem tells why a container waits, nil where it is only a matter of time.
func waitingProblem(reason, message, image string) *deploy.Problem {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
		if strings.HasPrefix(message, "Back-off pulling image") && !strings.Contains(message, "ErrImagePull") {
			return nil // the cause was told before, and is told again at the next try
		}
		if p := find(imageCauses(), strings.ReplaceAll(message, image, "…"), image); p != nil {
			return p
		}
		return &deploy.Problem{Reason: deploy.RegistryUnreachable, Message: "the node cannot fetch image " + image, Err: saidError(message)}
	case "InvalidImageName":
		return &deploy.Problem{Reason: deploy.ImageInvalid, Message: image + " is not the name of an image", Err: saidError(message)}
	case "ErrImageNeverPull":
		return &deploy.Problem{Reason: deploy.ImageNotPresent, Message: "image " + image + " is not on the node, and the pull policy is never"}
	case "CreateContainerConfigError":
		return configProblem(message)
	case "CreateContainerError", "RunContainerError":
		return find(startCauses(), message, image)
	}
	return nil
}

// secretWords are how a missing Secret, or a missing key of one, is told.
func secretWords() *regexp.Regexp {
	return regexp.MustCompile(`secret "[^"]*" not found|couldn't find key .* in secret|references non-existent secret key`)
}

func configProblem(message string) *deploy.Problem {
	if secretWords().MatchString(strings.ToLower(message)) {
		return &deploy.Problem{Reason: deploy.SecretMissing, Message: "a Secret that the daemon needs is missing", Err: saidError(message)}
	}
	return find(startCauses(), message, "")
}
