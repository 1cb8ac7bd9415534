package docker

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// cause is a reason for which an engine refuses a container, known by lower-case words of its error.
type cause struct {
	words   []string // any of them
	reason  deploy.Reason
	subject string // finds in the error what it is about; where it does, the error says no more
}

// causes in the order they are tried: the particular before the general.
func causes() []cause {
	const program = `exec:? (?:"([^"]+)"|(/[^":]+)): `
	return []cause{
		{[]string{"bind source path does not exist", "bind mount source path does not exist"}, deploy.MountSourceMissing, `does not exist: (/.*)`},
		{[]string{"exec format error"}, deploy.ExecFormat, program},
		{[]string{"unable to find user", "unable to find group", "no matching entries in passwd file", "no matching entries in group file"},
			deploy.UserUnknown, `unable to find (?:user|group) ([^:]+)`},
		{[]string{"executable file not found", "no such file or directory: unknown", "no command specified"}, deploy.CommandNotFound, program},
		{[]string{"permission denied"}, deploy.CommandNotExecutable, program},
		{[]string{"no such image"}, deploy.ImageNotFound, ""},
		{[]string{"oci runtime create failed", "invalid", "failed to create shim", "unable to derive the ip value"}, deploy.ConfigRefused, ""},
	}
}

// refusal tells why the engine does not make or start a container.
func refusal(err error) *deploy.Problem {
	for _, c := range causes() {
		if !containsAny(strings.ToLower(err.Error()), c.words...) {
			continue
		}
		switch found := regexp.MustCompile(c.subject).FindStringSubmatch(err.Error()); {
		case c.reason == deploy.ImageNotFound:
			return &deploy.Problem{Reason: c.reason, Message: "the image is not on the engine any more", Err: err}
		case len(found) > 1:
			return deploy.Refused(c.reason, strings.Join(found[1:], ""))
		default:
			p := deploy.Refused(c.reason, "")
			p.Err = err
			return p
		}
	}
	return nil
}

// failure gives the error of a call about a container: a cause that people know, a lost engine, or what was said.
func failure(call op, name string, err error) error {
	if err == nil {
		return nil
	}
	var known *deploy.Problem
	if lost := engine.Problem(err); errors.As(lost, &known) {
		return lost
	}
	if call == opStart || call == opCreate {
		if p := refusal(err); p != nil {
			return p
		}
	}
	return fmt.Errorf("cannot %s container %s: %w", call, name, err)
}

// unreachable says that an error is about reaching the engine: the call may have been made or not.
func unreachable(err error) bool {
	if err == nil {
		return false
	}
	var p *deploy.Problem
	if errors.As(err, &p) {
		return p.Reason == deploy.EngineUnreachable
	}
	return client.IsErrConnectionFailed(err) || containsAny(err.Error(), "EOF", "connection reset", "broken pipe")
}

func containsAny(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
