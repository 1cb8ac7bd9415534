package conformance

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"sync/atomic"
	"testing"
)

// killable is a subject that hears of each call of alien to the platform, so that a test can kill alien at any of them.
type killable interface {
	subject
	// at has f called with the number of each call, from 1, just "before" or just "after" it.
	at(when string, f func(n int))
	// calls is the number of calls since the last reset, which also forgets what is to happen at them.
	calls() int
	reset()
	// settled asserts that there is nothing of the stack but what an undisturbed up makes.
	settled(p *project)
}

// How many of the moments are tried at which an up on this machine can be killed: as many as a run of CI has time for.
var (
	someMoments = flag.Int("moments", 56, "kill up at so `many` moments, spread evenly")
	everyMoment = flag.Bool("every-moment", false, "kill up before and after each of its calls to the platform")
)

// killAtCalls sees how many calls an undisturbed up of second makes, after one of first (if any), and then kills another
// such up at one moment after another, as many as are asked for, spread evenly.
func killAtCalls(t *testing.T, on func(*testing.T) killable, moments int, first, second string) {
	calls := callsOf(t, on, first, second)
	every := 1
	if n := 2 * calls; !*everyMoment && n > moments {
		every = n / moments
	}
	var killed, tried atomic.Int32
	t.Run("moments", func(t *testing.T) {
		for i := 0; i < 2*calls; i += every {
			when, call := []string{"before", "after"}[i/every%2], i/2+1
			t.Run(fmt.Sprintf("%s call %d", when, call), func(t *testing.T) {
				t.Parallel()
				tried.Add(1)
				if killAt(t, on(t), first, second, when, call) {
					killed.Add(1)
				}
			})
		}
	})
	// Calls made at the same time come in another order, and a few fewer, each time: the last moments may not come.
	if n := int(killed.Load()); n*10 < 9*min(moments, 2*calls) {
		t.Errorf("up was killed at %d of %d moments only, of %d calls", n, tried.Load(), calls)
	}
}

// callsOf counts the calls of an undisturbed up.
func callsOf(t *testing.T, subject func(*testing.T) killable, first, second string) int {
	on := subject(t)
	p := newProject(t, on)
	if first != "" {
		p.manifest(first)
		p.up(0)
	}
	on.reset()
	p.manifest(second)
	p.up(0)
	return on.calls()
}

// killAt kills one up at one moment and checks what the next makes of it. It tells whether the moment came at all.
func killAt(t *testing.T, on killable, first, second, when string, call int) bool {
	p := newProject(t, on)
	if first != "" {
		p.manifest(first)
		p.up(0)
	}
	on.reset()
	p.manifest(second)
	killed := p.killedAt(on, when, call, "up")
	p.converges()
	on.settled(p)
	return killed
}

// killedAt runs a command and kills it at one moment. It tells whether the moment came at all.
func (p *project) killedAt(on killable, when string, call int, command string) bool {
	p.Helper()
	cmd := p.command("daemon", command)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	started := make(chan struct{})
	on.at(when, func(n int) {
		if n == call {
			<-started
			_ = cmd.Process.Kill()
		}
	})
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	on.reset()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.ExitCode() == -1
	if err != nil && !killed {
		p.Fatalf("%s ended by itself before it was killed: %v\n%s", command, err, said.String())
	}
	return killed
}
