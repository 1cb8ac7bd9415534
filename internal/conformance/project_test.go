package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/deploy"
	_ "github.com/alienplatform/alien-go/internal/local/process/stage"
	"github.com/alienplatform/alien-go/internal/testbed"
)

var binary string // the alien under test, built once by TestMain

func TestMain(m *testing.M) {
	flag.Parse()
	binary = os.Getenv(binaryVariable)
	dir := ""
	if binary == "" {
		dir = build()
	}
	code := m.Run()
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// binaryVariable names an alien that is built already.
const binaryVariable = "ALIEN_CONFORMANCE_BINARY"

// build builds the binary as it is released, into a directory of its own, where every user may run it.
func build() (dir string) {
	dir, err := os.MkdirTemp("", "alien-conformance-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "alien")
	build := exec.Command("go", "build", "-o", binary, "github.com/alienplatform/alien-go/cmd/alien")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the race detector's tests have it on
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		panic("cannot build alien: " + err.Error())
	}
	return dir
}

// project is a directory with a manifest, deployed to a subject under a stack name of its own.
type project struct {
	*testing.T
	on    subject
	stack string
	dir   string   // holds alien.yaml
	extra []string // environment beside the subject's, NAME=value
}

func newProject(t *testing.T, on subject) *project {
	t.Helper()
	return &project{T: t, on: on, stack: on.stack(t), dir: t.TempDir()}
}

// manifest writes the project's alien.yaml: the stack's name, and below it the text with IMAGE and DIR replaced by the
// plain test image and by the project's directory.
func (p *project) manifest(text string) {
	p.Helper()
	p.file("alien.yaml", "name: "+p.stack+"\n"+p.expand(text))
}

func (p *project) expand(text string) string {
	if strings.Contains(text, "IMAGE") {
		text = strings.ReplaceAll(text, "IMAGE", p.on.image(p.T, testbed.Plain))
	}
	return strings.ReplaceAll(text, "DIR", p.dir)
}

func (p *project) file(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
}

// result is how a command ended.
type result struct {
	t              *testing.T
	args           string
	code           int
	stdout, stderr string
}

// command is alien with the project's directory and environment, and nothing else of the developer's.
func (p *project) command(args ...string) *exec.Cmd {
	args = append(args, p.on.flags()...)
	cmd := exec.Command(binary, args...)
	cmd.Dir = p.dir
	cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "XDG_STATE_HOME=" + p.dir + "/state"}, p.on.env()...), p.extra...)
	return cmd
}

// alien runs a command to its end.
func (p *project) alien(args ...string) result {
	p.Helper()
	return p.finish(p.command(args...))
}

func (p *project) finish(cmd *exec.Cmd) result {
	p.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.Fatalf("cannot run %q: %v", cmd.Args, err)
	}
	return result{p.T, strings.Join(cmd.Args[1:], " "), cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// exits asserts the exit code.
func (r result) exits(code int) result {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("alien %s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.args, r.code, code, r.stdout, r.stderr)
	}
	return r
}

// says asserts that a text stands somewhere in the output.
func (r result) says(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			r.t.Errorf("alien %s does not say %q\nstdout:\n%s\nstderr:\n%s", r.args, text, r.stdout, r.stderr)
		}
	}
	return r
}

// decode reads the command's JSON document.
func decode[T any](r result) T {
	r.t.Helper()
	var doc T
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		r.t.Fatalf("alien %s: not one JSON document: %v\nstdout:\n%s\nstderr:\n%s", r.args, err, r.stdout, r.stderr)
	}
	return doc
}

// up runs `alien daemon up -o json` and asserts its exit code.
func (p *project) up(code int, args ...string) output.Change {
	p.Helper()
	return decode[output.Change](p.alien(append([]string{"daemon", "up", "-o", "json"}, args...)...).exits(code))
}

// status runs `alien daemon status -o json` and asserts its exit code.
func (p *project) status(code int, args ...string) output.Status {
	p.Helper()
	return decode[output.Status](p.alien(append([]string{"daemon", "status", "-o", "json"}, args...)...).exits(code))
}

// daemonStatus gives one daemon's line of a status that exits with code.
func (p *project) daemonStatus(code int, daemon string) deploy.Status {
	p.Helper()
	s := p.status(code)
	for _, d := range s.Daemons {
		if d.Daemon == daemon {
			return d
		}
	}
	p.Fatalf("status does not know daemon %s: %+v", daemon, s.Daemons)
	return deploy.Status{}
}

// outcome gives how one daemon of an up ended.
func outcome(t *testing.T, c output.Change, daemon string) output.DaemonResult {
	t.Helper()
	for _, d := range c.Daemons {
		if d.Daemon == daemon {
			return d
		}
	}
	t.Fatalf("no result for daemon %s in %+v", daemon, c.Daemons)
	return output.DaemonResult{}
}

// only gives the id of the daemon's one running instance, and fails when there is none or more than one.
func (p *project) only(daemon string) string {
	p.Helper()
	list := p.on.instances(p.T, p.stack, daemon)
	if ids := running(list); len(ids) == 1 {
		return ids[0]
	}
	p.Fatalf("want exactly one running instance of %s, have %+v", daemon, list)
	return ""
}
