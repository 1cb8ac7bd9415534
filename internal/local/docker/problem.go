package docker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
)

// cause is a reason for which an engine refuses a container, known by lower-case words of its error.
type cause struct {
	words  []string // any of them
	reason deploy.Reason
	what   string
}

// causes in the order they are tried: the particular before the general.
func causes() []cause {
	return []cause{
		{[]string{"bind source path does not exist", "bind mount source path does not exist"}, deploy.MountSourceMissing, "a mount's source does not exist on the engine's host"},
		{[]string{"exec format error"}, deploy.ExecFormat, "the command is not a program for this machine"},
		{[]string{"unable to find user", "unable to find group", "no matching entries in passwd file", "no matching entries in group file"},
			deploy.UserUnknown, "the user does not exist in the image"},
		{[]string{"executable file not found", "no such file or directory: unknown", "no command specified"},
			deploy.CommandNotFound, "the command is not in the image"},
		{[]string{"permission denied"}, deploy.CommandNotExecutable, "the command is not executable"},
		{[]string{"no such image"}, deploy.ImageNotFound, "the image is not on the engine any more"},
		{[]string{"oci runtime create failed", "invalid", "failed to create shim", "unable to derive the ip value"},
			deploy.ConfigRefused, "the engine refuses the configuration"},
	}
}

// refusal tells why the engine does not make or start a container.
func refusal(name string, err error) *deploy.Problem {
	for _, c := range causes() {
		for _, w := range c.words {
			if strings.Contains(strings.ToLower(err.Error()), w) {
				return &deploy.Problem{Reason: c.reason, Message: fmt.Sprintf("cannot start %s: %s", strings.TrimPrefix(name, "/"), c.what), Err: err}
			}
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
		if p := refusal(name, err); p != nil {
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
