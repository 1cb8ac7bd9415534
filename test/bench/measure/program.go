package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// launcher is set in the environment of a process that only starts and measures a program.
const launcher = "ALIEN_BENCH_LAUNCHER"

// Program is a program that is measured from outside.
type Program struct {
	Path string
	Dir  string   // where it runs; empty means here
	Env  []string // beside the environment of the benchmark, as KEY=value
}

// Usage is what one run of a program took.
type Usage struct {
	Took time.Duration `json:"took"` // from before its start until after its end
	Peak int64         `json:"peak"` // the most memory it had resident, in bytes; 0 where the system does not tell
	Said string        `json:"-"`    // all it wrote
}

// Run runs the program and measures it; a program that fails is an error that shows what it wrote.
//
// A process starts with the peak memory of the one that made it, and a benchmark may be bigger than what it measures.
// So the program is started by a small process, which is this one started anew and which Launched answers for.
func (p Program) Run(ctx context.Context, args ...string) (Usage, error) {
	self, err := os.Executable()
	if err != nil {
		return Usage{}, err
	}
	answer, told, err := os.Pipe()
	if err != nil {
		return Usage{}, err
	}
	defer answer.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, self, append([]string{p.Path}, args...)...)
	cmd.Dir, cmd.Env = p.Dir, append(append(os.Environ(), p.Env...), launcher+"=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &said, &said, []*os.File{told}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		told.Close()
		return Usage{}, err
	}
	told.Close()
	text, _ := io.ReadAll(answer) // what is wrong with it shows below
	if err := cmd.Wait(); err != nil {
		return Usage{}, fmt.Errorf("%s %s: %w\n%s", p.Path, strings.Join(args, " "), err, said.String())
	}
	var u Usage
	err = json.Unmarshal(text, &u)
	u.Said = said.String()
	return u, err
}

// Launched does the work of the process that starts a program, if this is one; it then says so and with which code the
// process is to exit. It is the first thing that a benchmark calls in its main, and in its TestMain.
func Launched() (code int, yes bool) {
	if os.Getenv(launcher) == "" {
		return 0, false
	}
	if err := launch(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// launch runs a program to its end and tells on file 3 what it took. A signal to end is passed on to it.
func launch(path string, args []string) error {
	told := os.NewFile(3, "answer")
	syscall.CloseOnExec(3)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := os.Unsetenv(launcher); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	u := Usage{Took: time.Since(begin)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.Peak = usage.Maxrss * 1024
	}
	return json.NewEncoder(told).Encode(u)
}

// PeakOf is the most memory that a process which still runs had resident, in bytes.
func PeakOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes * 1024, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status does not tell the peak of its memory", pid)
}
