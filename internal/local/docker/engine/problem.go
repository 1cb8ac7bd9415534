package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// trouble is one way in which an engine does not answer, known by words of the client's error.
type trouble struct {
	words  []string // any of them
	reason deploy.Reason
	what   string // %s is the address
	advice string
	quote  bool // the client's own text says more
}

// sshPlaceholder is what the client calls every engine that it reaches over ssh.
const sshPlaceholder = "docker.example.com"

// troubles in the order they are tried: the particular before the general.
var troubles = [...]trouble{
	{
		words:  []string{"permission denied"},
		reason: deploy.EngineDenied,
		what:   "access to the Docker engine%s is denied",
		advice: "run as a user of the docker group, or as root",
	},
	{
		words:  []string{"Permission denied (", "Host key verification failed", "Authentication failed"}, // ssh's
		reason: deploy.EngineDenied,
		what:   "access to the Docker engine%s is denied",
		advice: "check that ssh logs in there without asking",
		quote:  true,
	},
	{
		words:  []string{"client certificate", "bad certificate", "certificate required", "unknown certificate authority"},
		reason: deploy.EngineDenied,
		what:   "the Docker engine%s refuses our certificate",
		advice: "check cert.pem and key.pem in DOCKER_CERT_PATH or in the context",
		quote:  true,
	},
	{
		words:  []string{"x509:", "tls: "},
		reason: deploy.EngineUnreachable,
		what:   "the certificate of the Docker engine%s cannot be verified",
		advice: "check ca.pem in DOCKER_CERT_PATH or in the context, and the host name",
		quote:  true,
	},
	{
		words:  []string{"HTTP response to HTTPS client", "malformed HTTP response", "TLS-enabled daemon without TLS", "HTTP request to an HTTPS server"},
		reason: deploy.EngineUnreachable,
		what:   "one side of the connection to the Docker engine%s uses TLS and the other does not",
		advice: "check DOCKER_TLS_VERIFY and the port (2376 with TLS, 2375 without)",
	},
	{
		words:  []string{"has exited with", "exec: \"ssh\"", sshPlaceholder},
		reason: deploy.EngineUnreachable,
		what:   "cannot reach the Docker engine%s over ssh",
		advice: "check that ssh logs in there and that docker is installed on that machine",
		quote:  true,
	},
	{
		words:  []string{"client version"},
		reason: deploy.Unavailable,
		what:   "the Docker engine%s does not speak our API version",
		advice: "unset DOCKER_API_VERSION, or use an engine of 20.10 or later",
		quote:  true,
	},
}

// address finds the engine's address in the client's errors.
var address = regexp.MustCompile(`\b(?:unix|tcp|npipe|https?|ssh)://[^\s"]+`)

// Problem turns an error of the connection to the engine into a *deploy.Problem that says what to do. Any other error,
// and the end of a context, comes back as it is.
func Problem(err error) error { return problem(err, address.FindString(textOf(err))) }

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// problem is Problem for an engine whose address is known.
func problem(err error, at string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || deploy.Ended(err) {
		return err
	}
	var known *deploy.Problem
	if errors.As(err, &known) || !connection(err) {
		return err
	}
	text := err.Error()
	for _, t := range troubles {
		if containsAny(text, t.words) {
			return t.problem(err, at)
		}
	}
	return trouble{
		reason: deploy.EngineUnreachable,
		what:   "cannot reach the Docker engine%s",
		advice: "start Docker, or name another engine with DOCKER_HOST or --docker-context",
		quote:  !strings.Contains(text, "Is the docker daemon running"),
	}.problem(err, at)
}

// problem is the trouble, with the engine's address.
func (t trouble) problem(err error, at string) error {
	if strings.Contains(at, sshPlaceholder) {
		at = ""
	}
	if at != "" {
		at = " at " + strings.TrimRight(hidePassword(at), ".:")
	}
	p := &deploy.Problem{Reason: t.reason, Message: fmt.Sprintf(t.what, at), Hint: t.advice}
	if t.quote {
		p.Err = errors.New(address.ReplaceAllStringFunc(err.Error(), hidePassword))
	}
	return p
}

// connection says whether err is about reaching the engine, and not an answer of it. A wrong protocol and a wrong version
// are answers too, but there is no connection to speak of.
func connection(err error) bool {
	return client.IsErrConnectionFailed(err) ||
		containsAny(err.Error(), []string{"HTTP request to an HTTPS server", "supported API version is"})
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
