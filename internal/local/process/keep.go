package process

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// Dir is where this runtime keeps everything but images.
func Dir(o Options) (string, error) { return supervisor.Dir(o.LookupEnv) }

// Empty says whether this runtime has no daemons at all, without starting anything.
func Empty(o Options) bool {
	dir, err := supervisor.Dir(o.LookupEnv)
	if err != nil {
		return true
	}
	empty, err := supervisor.Empty(dir)
	return empty || err != nil
}

// Holds says whether this runtime has daemons of a stack, without starting anything.
func Holds(o Options, stack string) (bool, error) {
	dir, err := supervisor.Dir(o.LookupEnv)
	if err != nil {
		return false, nil // there is nowhere to keep any
	}
	return supervisor.Holds(dir, stack)
}

// Resume starts the supervisor where there are daemons to keep, and so those that are to run. All that it needs to know is
// where the state is: when a machine starts there is no more in the environment.
func Resume(ctx context.Context, o Options) error {
	dir, err := supervisor.Dir(o.LookupEnv)
	if err != nil {
		return err
	}
	empty, err := supervisor.Empty(dir)
	if err != nil {
		return fmt.Errorf("cannot read the state of daemons: %w", err)
	}
	if empty {
		return nil
	}
	_, err = supervisor.EnsureRunning(ctx, dir)
	return err
}

// GC removes the unpacked images that no daemon uses, and tells how many bytes that freed.
func GC(ctx context.Context, o Options) (freed int64, err error) {
	p, err := open(o)
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.Close() }() // it holds nothing
	return p.images.GC(ctx, func(id string) (bool, error) { return p.uses(ctx, id) })
}

// uses says whether any instance runs, or would run, from an image.
func (p *platform) uses(ctx context.Context, image string) (bool, error) {
	all, err := p.list(ctx, "")
	if err != nil {
		return true, err
	}
	for _, s := range all {
		if s.Image == "" {
			return true, &deploy.Problem{
				Reason:  deploy.OperationFailed,
				Message: fmt.Sprintf("cannot tell which image instance %s uses: its record is damaged", s.ID),
				Hint:    "take its stack down first",
			}
		}
		if recorded(s).ImageID == image {
			return true, nil
		}
	}
	return false, nil
}

// Unit is a systemd unit that brings this user's daemons back when the machine, or the user's session, starts. program is
// the path of this one.
func Unit(o Options, program, target string) (string, error) {
	if runtime.GOOS != "linux" {
		return "", sandbox.Check()
	}
	dir, err := supervisor.Dir(o.LookupEnv)
	if err != nil {
		return "", err
	}
	state := filepath.Dir(filepath.Dir(dir)) // what XDG_STATE_HOME is, or would be
	return fmt.Sprintf(`[Unit]
Description=Daemons kept by alien
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=%s
ExecStart=%s runtime resume
Delegate=yes

[Install]
WantedBy=%s
`, quoted("XDG_STATE_HOME="+state), quoted(program), target), nil
}

// quoted writes a word so that systemd takes it as it is.
func quoted(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(word) + `"`
}
