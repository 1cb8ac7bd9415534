package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker"
)

const lockLabel = "dev.alien.daemons.lock"

// holderOf is set in a process of the test's own that takes the lock of that stack and is killed with it.
const holderOf = "ALIEN_TEST_HOLDER_OF"

func TestMain(m *testing.M) {
	if stack := os.Getenv(holderOf); stack != "" {
		hold(stack)
		return
	}
	os.Exit(m.Run())
}

func hold(stack string) {
	p, err := docker.Open(context.Background(), docker.Options{})
	if err == nil {
		_, err = p.Begin(context.Background(), stack, deploy.BeginOptions{LockTimeout: time.Minute, Command: "down"})
	}
	fmt.Println("held", err)
	select {}
}

// tickets lists the lock volumes of the stack.
func (b *bench) tickets() []*volume.Volume {
	b.Helper()
	v, err := b.api.VolumeList(b.Context(), volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", lockLabel+"="+b.stack))})
	if err != nil {
		b.Fatal(err)
	}
	return v.Volumes
}

func TestLockExcludes(t *testing.T) {
	b := newBench(t)
	const contenders, rounds = 8, 3
	var inside, most, total atomic.Int32
	var all sync.WaitGroup
	for range contenders {
		all.Go(func() {
			for range rounds {
				s, err := b.Begin(t.Context(), b.stack, deploy.BeginOptions{LockTimeout: time.Minute})
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				total.Add(1)
				b.observe() // some time passes
				inside.Add(-1)
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if most.Load() != 1 || total.Load() != contenders*rounds {
		t.Errorf("%d held it at once, %d in all", most.Load(), total.Load())
	}
	if left := b.tickets(); len(left) != 0 {
		t.Errorf("%d tickets are left", len(left))
	}
}

// TestLockOneWins lets many ask at once who do not want to wait.
func TestLockOneWins(t *testing.T) {
	b := newBench(t)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := b.Begin(t.Context(), b.stack, deploy.BeginOptions{}); err == nil {
				won.Add(1) // and does not let go
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

// dropTickets takes down what a test that failed, or meant to, has left.
func (b *bench) dropTickets() {
	v, err := b.api.VolumeList(context.Background(), volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", lockLabel+"="+b.stack))})
	if err != nil {
		b.Error(err)
	}
	for _, v := range v.Volumes {
		if err := b.api.VolumeRemove(context.Background(), v.Name, false); err != nil {
			b.Error(err)
		}
	}
}

func TestLockHeld(t *testing.T) {
	b := newBench(t)
	s := b.begin()
	var told []deploy.LockHolder
	began := time.Now()
	_, err := b.Begin(t.Context(), b.stack, deploy.BeginOptions{
		LockTimeout: 300 * time.Millisecond, OnWait: func(h deploy.LockHolder) { told = append(told, h) }})
	b.problem(err, deploy.LockHeld)
	if !strings.Contains(err.Error(), "`alien daemon up` of ") || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("message: %v", err)
	}
	if took := time.Since(began); took < 300*time.Millisecond || took > 3*time.Second {
		t.Errorf("it waited %v", took)
	}
	if len(told) != 1 || told[0].PID != os.Getpid() || told[0].Command != "up" || told[0].Since.IsZero() {
		t.Errorf("told %+v", told)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Begin(ctx, b.stack, deploy.BeginOptions{LockTimeout: time.Minute}); err == nil {
		t.Error("no error where the context has ended")
	}
	b.must(s.Close(t.Context()))
	if left := b.tickets(); len(left) != 0 {
		t.Errorf("%d tickets are left", len(left))
	}
}

func TestLockOfKilledProcess(t *testing.T) {
	b := newBench(t)
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), holderOf+"="+b.stack)
		out, err := cmd.StdoutPipe()
		b.must(err)
		b.must(cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "held <nil>\n" {
			t.Fatalf("it said %q, %v", line, err)
		}
		_, err = b.Begin(t.Context(), b.stack, deploy.BeginOptions{})
		b.problem(err, deploy.LockHeld)
		if !strings.Contains(err.Error(), fmt.Sprint("pid ", cmd.Process.Pid)) {
			t.Errorf("message: %v", err)
		}
		b.must(cmd.Process.Kill())
		_ = cmd.Wait()
		var from []string
		began := time.Now()
		s, err := b.Begin(t.Context(), b.stack, deploy.BeginOptions{OnTakeover: func(h deploy.LockHolder, why string) {
			from = append(from, fmt.Sprint(h.PID, " ", h.Command, ": ", why))
		}})
		b.must(err)
		if want := fmt.Sprintf("%d down: its process %d has ended", cmd.Process.Pid, cmd.Process.Pid); !slices.Equal(from, []string{want}) {
			t.Errorf("taken over: %q", from)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("taking over took %v", took)
		}
		b.must(s.Close(t.Context()))
	}
}

// aged is an engine whose volumes were all made longer ago than they were.
type aged struct {
	client.APIClient
	by time.Duration
}

func (a aged) VolumeList(ctx context.Context, o volume.ListOptions) (volume.ListResponse, error) {
	answer, err := a.APIClient.VolumeList(ctx, o)
	for _, v := range answer.Volumes {
		made, _ := time.Parse(time.RFC3339, v.CreatedAt)
		v.CreatedAt = made.Add(-a.by).Format(time.RFC3339)
	}
	return answer, err
}

func TestLockOfAnotherHostExpires(t *testing.T) {
	b := newBench(t)
	s := b.begin()
	mine := b.tickets()[0]
	labels := maps.Clone(mine.Labels)
	labels[lockLabel+".boot"], labels[lockLabel+".number"], labels[lockLabel+".host"] = "another", "0", "another"
	b.must(s.Close(t.Context()))
	_, err := b.api.VolumeCreate(t.Context(), volume.CreateOptions{Name: "alien-lock-" + b.stack + "-x", Labels: labels})
	b.must(err)
	t.Cleanup(func() { _ = b.api.VolumeRemove(context.Background(), "alien-lock-"+b.stack+"-x", false) })

	_, err = b.Begin(t.Context(), b.stack, deploy.BeginOptions{})
	b.problem(err, deploy.LockHeld)
	for age, taken := range map[time.Duration]bool{50 * time.Second: false, 70 * time.Second: true} {
		var why string
		p := docker.New(aged{b.api, age}, "aged")
		s, err := p.Begin(t.Context(), b.stack, deploy.BeginOptions{OnTakeover: func(_ deploy.LockHolder, w string) { why = w }})
		if (err == nil) != taken || taken && !strings.Contains(why, "not renewed") {
			t.Errorf("after %v: %v %q", age, err, why)
		}
		if err == nil {
			b.must(s.Close(t.Context()))
			_, _ = b.api.VolumeCreate(t.Context(), volume.CreateOptions{Name: "alien-lock-" + b.stack + "-x", Labels: labels})
		}
	}
}
