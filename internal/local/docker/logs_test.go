package docker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// lines reads a log to its end, as "stream: text".
func (b *bench) lines(daemon string, q deploy.LogQuery) []string {
	b.Helper()
	var out []string
	for l, err := range b.Logs(b.Context(), b.stack, daemon, q) {
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, l.Stream+": "+l.Text)
	}
	return out
}

func TestLogs(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("x", 100_000) // the engine cuts it into pieces
	b.up(b.workload("api", "print", "one", long, "three"), b.workload("crash", "exit", "4"))
	b.until(deploy.WatchOptions{}, func(o deploy.Observation) bool { return o.Daemon == "crash" && o.Restarts > 1 })

	all := strings.Join(b.lines("api", deploy.LogQuery{Tail: -1}), "\n")
	if !strings.HasPrefix(all, "stdout: one\nstdout: "+long+"\nstdout: three") {
		t.Errorf("all: %.200s… (%d bytes)", all, len(all))
	}
	if got := b.lines("api", deploy.LogQuery{Tail: 1}); len(got) != 1 || got[0] != "stdout: running" {
		t.Errorf("tail: %q", got)
	}
	if got := b.lines("crash", deploy.LogQuery{Tail: -1}); len(got) < 2 || got[0] != "stderr: exiting with 4" {
		t.Errorf("stderr: %q", got)
	}
	for _, err := range b.Logs(t.Context(), b.stack, "nobody", deploy.LogQuery{}) {
		b.problem(err, deploy.NotFound)
	}
}

// TestLogsOfOneRun reads what one run of a crashing daemon has said, as a verdict does.
func TestLogsOfOneRun(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "exit", "4", "after", "100ms"))
	o := b.until(deploy.WatchOptions{}, func(o deploy.Observation) bool { return o.State == deploy.BackOff && o.Restarts >= 2 })
	got := b.lines("api", deploy.LogQuery{Tail: 20, Instance: o.Instance, Since: o.StartedAt, Until: o.LastExit.At})
	if len(got) != 1 || got[0] != "stderr: exiting with 4" {
		t.Errorf("got %q", got)
	}
}

func TestLogsFollow(t *testing.T) {
	b := newBench(t)
	b.up(b.workload("api", "run"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lines := make(chan deploy.LogLine, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for l, err := range b.Logs(ctx, b.stack, "api", deploy.LogQuery{Follow: true, Tail: -1}) {
			if err != nil {
				t.Errorf("following: %v", err)
				return
			}
			lines <- l
		}
	}()
	var seen []string
	next := func(want string) {
		t.Helper()
		for {
			select {
			case l := <-lines:
				seen = append(seen, l.Stream+": "+l.Text)
				if strings.HasPrefix(seen[len(seen)-1], want) {
					return
				}
			case <-ctx.Done():
				t.Fatalf("no %q in %q", want, seen)
			}
		}
	}
	next("stdout: running")
	testbed.CrashContainer(t, b.api, b.only().Instance)
	next("marker: exited with code 137 (SIGKILL)")
	next("marker: started again")
	next("stdout: running")
	b.up(b.workload("api", "print", "changed"))
	next("stdout: stopping: terminated")
	next("marker: exited with code 0")
	next("marker: started as a new instance")
	next("stdout: changed")
	cancel()
	<-done
	want := "stdout: running|marker: exited with code 137 (SIGKILL)|marker: started again|stdout: running|stdout: stopping: terminated|" +
		"marker: exited with code 0|marker: started as a new instance "
	if got := strings.Join(seen, "|"); !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
}
