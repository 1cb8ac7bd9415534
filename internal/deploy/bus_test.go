package deploy

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A sink that takes its time gets everything, in order, but of progress only the newest; nobody waits for it.
func TestBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		b := newBus(func(e Event) {
			<-time.After(time.Second)
			s := e.Daemon + " " + string(e.Kind)
			if e.Progress != nil {
				s += " " + string(e.Progress.Phase) + " " + strconv.FormatInt(e.Progress.Current, 10)
			}
			got = append(got, s)
		})
		began := time.Now()
		b.emit(Event{Kind: KindPlan})
		synctest.Wait() // the sink is busy with the plan from here on
		for n := range int64(1000) {
			b.emit(Event{Daemon: "a", Kind: KindProgress, Progress: &Progress{Phase: Pulling, Current: n}})
			b.emit(Event{Daemon: "b", Kind: KindProgress, Progress: &Progress{Phase: Loading, Current: n}})
		}
		b.emit(Event{Daemon: "a", Kind: KindProgress, Progress: &Progress{Phase: Preparing}})
		b.emit(Event{Daemon: "a", Kind: KindReady})
		b.emit(Event{Daemon: "b", Kind: KindReady})
		if d := time.Since(began); d != 0 {
			t.Errorf("the sender waited for %v", d)
		}
		b.close()
		want := []string{" plan", "a progress pulling 999", "b progress loading 999", "a progress preparing 0", "a ready", "b ready"}
		if !slices.Equal(got, want) {
			t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	})
}

func TestBusWithoutSink(t *testing.T) {
	b := newBus(nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { b.emit(Event{Kind: KindReady}) })
	}
	all.Wait()
	b.close()
	if len(b.queue) != 0 {
		t.Errorf("%d events were not taken", len(b.queue))
	}
}

// Whoever is waited for, or whose lock is taken over, is told as an event, and to the caller's own function too.
func TestLockNews(t *testing.T) {
	var got []string
	b := newBus(func(e Event) { got = append(got, string(e.Kind)+": "+e.Message) })
	asked := 0
	opts := newRun(nil, "edge", b, 0).tellLock(BeginOptions{
		OnWait: func(LockHolder) { asked++ }, OnTakeover: func(LockHolder, string) { asked++ },
	})
	holder := LockHolder{Host: "web1", PID: 7}
	opts.OnWait(holder)
	opts.OnTakeover(holder, "its process 7 has ended")
	b.close()
	want := []string{
		"lock-wait: waiting for process 7 on web1 to finish with this stack",
		"lock-takeover: took over the lock of a run on web1: its process 7 has ended",
	}
	if !slices.Equal(got, want) || asked != 2 {
		t.Errorf("told %q, asked %d times", got, asked)
	}
}

func TestLockHolderText(t *testing.T) {
	since := time.Date(2026, 5, 17, 12, 30, 1, 0, time.UTC)
	tests := map[string]LockHolder{
		"process 7 on web1": {Host: "web1", PID: 7},
		"up (process 7 on web1) by alice since 12:30:01": {Host: "web1", PID: 7, Command: "up", User: "alice", Since: since},
	}
	for want, holder := range tests {
		if got := holder.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A lock that was taken over tells its dead process once: in the reason, not in the name.
func TestFormerHolderText(t *testing.T) {
	h := LockHolder{Host: "web1", PID: 7, Command: "up", User: "alice", Since: time.Date(2026, 5, 17, 12, 30, 1, 0, time.UTC)}
	if got, want := h.former(), "up on web1 by alice since 12:30:01"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
