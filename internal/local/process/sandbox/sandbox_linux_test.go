package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

func TestRunAndEnd(t *testing.T) {
	for name, end := range map[string]struct {
		by   func(*sandbox.Running) error
		want fact.Exit
	}{
		"terminated": {(*sandbox.Running).Terminate, fact.Exit{}},
		"killed":     {(*sandbox.Running).Kill, fact.Exit{Code: 137, Signal: "SIGKILL"}},
	} {
		for _, how := range []string{"plain", "init", "host pid", "copy"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				b := newBox(t, "run")
				b.spec.Init, b.spec.HostPID, b.spec.Copy = how == "init", how == "host pid", how == "copy"
				r := b.start()
				b.saw("running")
				if err := end.by(r); err != nil {
					t.Fatal(err)
				}
				got, err := r.Wait(soon(t))
				if err != nil {
					t.Fatal(err)
				}
				if got.At = (time.Time{}); got != end.want {
					t.Errorf("it ended as %+v, want %+v", got, end.want)
				}
			})
		}
	}
}

func TestExitCode(t *testing.T) {
	for _, init := range []bool{false, true} {
		b := newBox(t, "exit", "7")
		b.spec.Init = init
		got, err := b.start().Wait(soon(t))
		if err != nil || got.Code != 7 || got.Signal != "" {
			t.Errorf("init %v: exit %+v, %v; want code 7", init, got, err)
		}
	}
}

func TestEnvironmentIsExact(t *testing.T) {
	b := newBox(t, "env")
	b.spec.Args = []string{"daemon", "env"} // found on the PATH
	b.spec.Env = []string{"PATH=/nowhere:/", "A=b", "EMPTY=", "B=$A \"c\"\nd"}
	b.start()
	if got := b.saw("]"); !strings.Contains(got, `["PATH=/nowhere:/","A=b","EMPTY=","B=$A \"c\"\nd"]`) {
		t.Errorf("environment: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sandbox.Spec)
		want   fact.Reason
	}{
		"no command":       {func(s *sandbox.Spec) { s.Args = nil }, fact.CommandNotFound},
		"absolute":         {func(s *sandbox.Spec) { s.Args = []string{"/nothing"} }, fact.CommandNotFound},
		"on the path":      {func(s *sandbox.Spec) { s.Args = []string{"nothing"} }, fact.CommandNotFound},
		"not executable":   {func(s *sandbox.Spec) { s.Args = []string{"/not-executable"} }, fact.CommandNotExecutable},
		"a directory":      {func(s *sandbox.Spec) { s.Args = []string{"/tmp"} }, fact.CommandNotExecutable},
		"no program":       {func(s *sandbox.Spec) { s.Args = []string{"/bad-format"} }, fact.ExecFormat},
		"init, no command": {func(s *sandbox.Spec) { s.Init = true; s.Args = []string{"/nothing"} }, fact.CommandNotFound},
		"unknown user":     {func(s *sandbox.Spec) { s.User = "nobody-here" }, fact.UserUnknown},
		"unknown group":    {func(s *sandbox.Spec) { s.User = "app:nobody-here" }, fact.UserUnknown},
		"missing mount": {func(s *sandbox.Spec) { s.Binds = []sandbox.Bind{{Source: "/no/such/place", Target: "/x"}} },
			fact.MountSourceMissing},
		"bad propagation": {func(s *sandbox.Spec) {
			s.Binds = []sandbox.Bind{{Source: "/tmp", Target: "/x", Propagation: "sideways"}}
		},
			fact.ConfigRefused},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, "run")
			c.change(&b.spec)
			_, err := b.try()
			var p *fact.Problem
			if !errors.As(err, &p) || p.Reason != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			t.Log(err)
		})
	}
}

func TestUser(t *testing.T) {
	for user, want := range map[string]string{
		"": "0 0 ", "app": "1234 4321 77", "1234": "1234 4321 77", "55": "55 0 ", "55:66": "55 66 ", "app:root": "1234 0 ",
	} {
		t.Run(user, func(t *testing.T) {
			b := newBox(t, "run")
			b.spec.User = user
			r := b.start()
			b.saw("running")
			got := status(t, r, "Uid") + " " + status(t, r, "Gid") + " " + status(t, r, "Groups")
			if id := strconv.Itoa(os.Geteuid()); id != "0" {
				want = id + " " + id + " " // whoever it is in there, to the machine it is the caller
			}
			if got != want {
				t.Errorf("it runs as %s, want %s", got, want)
			}
			if status(t, r, "NoNewPrivs") != "1" || user != "" && strings.Trim(status(t, r, "CapEff"), "0") != "" {
				t.Errorf("rights: new ones %s, capabilities %s", status(t, r, "NoNewPrivs"), status(t, r, "CapEff"))
			}
		})
	}
}

// status reads a line of what the kernel says of a process.
func status(t *testing.T, r *sandbox.Running, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.Process().PID), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			first, _, _ := strings.Cut(strings.TrimSpace(value), "\t")
			return first
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

func TestExec(t *testing.T) {
	for _, how := range []string{"plain", "init", "host pid", "user"} {
		t.Run(how, func(t *testing.T) {
			b := newBox(t, "slow-start", "0s", "/tmp/ready")
			b.spec.Init, b.spec.HostPID = how == "init", how == "host pid"
			if how == "user" {
				b.spec.User = "1000:1000"
			}
			r := b.start()
			b.saw("ready")
			got, err := r.Exec(soon(t), []string{"daemon", "health", "/tmp/ready"}, 10*time.Second)
			if err != nil || got.Code != 0 || got.Output != "ready\n" {
				t.Errorf("healthy: %+v, %v", got, err)
			}
			got, err = r.Exec(soon(t), []string{"/daemon", "health", "/tmp/other"}, 10*time.Second)
			if err != nil || got.Code != 1 || !strings.Contains(got.Output, "not ready") {
				t.Errorf("not healthy: %+v, %v", got, err)
			}
			got, err = r.Exec(soon(t), []string{"/daemon", "run"}, 300*time.Millisecond)
			if err != nil || got.Code != -1 || !strings.Contains(got.Output, "running") {
				t.Errorf("too slow: %+v, %v", got, err)
			}
			var p *fact.Problem
			if _, err = r.Exec(soon(t), []string{"/nothing"}, time.Second); !errors.As(err, &p) || p.Reason != fact.CommandNotFound {
				t.Errorf("no such command: %v", err)
			}
			if err := r.Kill(); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Wait(soon(t)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Exec(soon(t), []string{"/daemon", "health", "/"}, time.Second); !errors.Is(err, sandbox.ErrGone) {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

// TestWritesStay: what a daemon writes to its root stays over restarts, and does not reach the image.
func TestWritesStay(t *testing.T) {
	for _, private := range []bool{false, true} {
		b := newBox(t, "crash-until", "1", "/tmp/count")
		b.spec.Copy = private
		if got, err := b.start().Wait(soon(t)); err != nil || got.Code != 1 {
			t.Errorf("first run: %+v, %v", got, err)
		}
		b.start()
		b.saw("running")
		if _, err := os.Stat(filepath.Join(b.spec.Root, "tmp/count")); !os.IsNotExist(err) {
			t.Errorf("the image was written to: %v", err)
		}
	}
}

func TestBinds(t *testing.T) {
	b := newBox(t, "touch", "/data/deep/file")
	own := filepath.Join(t.TempDir(), "own")
	b.spec.User = "1000:1000"
	b.spec.Binds = []sandbox.Bind{{Source: own, Target: "/data/deep", Own: true}}
	r := b.start()
	b.saw("touched")
	if _, err := os.Stat(filepath.Join(own, "file")); err != nil {
		t.Error(err)
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	b.spec.Binds[0].ReadOnly = true
	if got, err := b.start().Wait(soon(t)); err != nil || got.Code != 1 {
		t.Errorf("read-only: %+v, %v; want it refused", got, err)
	}
}

func TestAdopt(t *testing.T) {
	b := newBox(t, "run")
	r := b.start()
	b.saw("running")
	a, err := sandbox.Adopt(b.spec, r.Process())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what runs: %v", err)
	}
	other := r.Process()
	other.Start += "1"
	if _, err := sandbox.Adopt(b.spec, other); !errors.Is(err, sandbox.ErrGone) {
		t.Errorf("another process with the same id: %v", err)
	}
	other = r.Process()
	other.Boot = "another"
	if _, err := sandbox.Adopt(b.spec, other); !errors.Is(err, sandbox.ErrGone) {
		t.Errorf("a process from before the machine was started: %v", err)
	}
}

// TestNotRecorded: a process that could not be recorded never begins.
func TestNotRecorded(t *testing.T) {
	b := newBox(t, "touch", "/shared/began")
	shared := t.TempDir()
	b.spec.Binds = []sandbox.Bind{{Source: shared, Target: "/shared"}}
	full := errors.New("disk full")
	_, err := sandbox.Start(b.spec, nil, nil, func(sandbox.Process) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(shared); len(entries) != 0 {
		t.Error("it began")
	}
}
