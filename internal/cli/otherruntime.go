package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// heldByProcess says whether the process runtime has daemons of a stack, as far as its files tell.
func (d *deps) heldByProcess(stack string) bool {
	held, err := d.embedded().holds(stack)
	return err == nil && held // what cannot be read says nothing, and the platform itself will complain
}

// whereItRuns prefers the process runtime where nobody said which one, and it has the stack.
func (d *deps) whereItRuns(c *common, t manifest.Target, stack string) manifest.Target {
	if t.Runtime == manifest.Docker && c.runtime == "auto" && c.dockerContext == "" && d.heldByProcess(stack) {
		t.Runtime = manifest.Process
	}
	return t
}

// withOther adds the process runtime's stacks to those on Docker where nobody said which of the two is meant.
func (d *deps) withOther(ctx context.Context, c *common, t manifest.Target, stacks []deploy.StackSummary) ([]deploy.StackSummary, error) {
	if t.Runtime != manifest.Docker || c.runtime != "auto" || c.dockerContext != "" || d.embedded().empty() {
		return stacks, nil
	}
	other := manifest.Target{Platform: manifest.Local, Runtime: manifest.Process}
	err := d.on(ctx, c, other, func(p deploy.Platform) error {
		more, err := p.Stacks(ctx)
		for _, s := range more {
			s.Runtime = string(other.Runtime)
			stacks = append(stacks, s)
		}
		return err
	})
	return stacks, err
}

// refuseOther keeps a stack from running under both runtimes, as far as our state tells.
func (d *deps) refuseOther(t manifest.Target, stack string) error {
	p := &deploy.Problem{Reason: deploy.StackTaken}
	switch {
	case t.Runtime == manifest.Docker && d.heldByProcess(stack):
		p.Message = fmt.Sprintf("stack %s is under the process runtime of this machine, and would run twice", stack)
		p.Hint = "pass --runtime process; to move it, run alien daemon down --runtime process first"
		return p
	case t.Runtime == manifest.Process:
		note := d.dockerNote(stack)
		place, err := os.ReadFile(note)
		if note == "" || err != nil {
			return nil
		}
		p.Message = fmt.Sprintf("stack %s was brought up on %s, and would run twice", stack, place)
		p.Hint = "pass --runtime docker; to move it, run alien daemon down --runtime docker first, or remove " + note + " if that engine is gone"
		return p
	}
	return nil
}

// dockerNote is the file that says that a stack was brought up on Docker, and where; empty where there is no place for it.
func (d *deps) dockerNote(stack string) string {
	dir, err := d.embedded().dir()
	if err != nil {
		return ""
	}
	return filepath.Join(filepath.Dir(dir), "docker", stack)
}

// noteDocker remembers, or forgets, that a stack is on Docker. Where nothing can be written nothing is remembered.
func (d *deps) noteDocker(t manifest.Target, stack, place string, there bool) {
	note := d.dockerNote(stack)
	switch {
	case t.Runtime != manifest.Docker || note == "":
	case !there:
		_ = os.Remove(note)
	case os.MkdirAll(filepath.Dir(note), 0o700) == nil:
		_ = os.WriteFile(note, []byte(place), 0o600)
	}
}
