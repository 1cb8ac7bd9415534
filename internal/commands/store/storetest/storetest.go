// Package storetest is what every implementation of store.Store has to do, as tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// Start is the time at which the tests begin.
var Start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// Run runs the contract. open gives a store that is empty at first; called again, after the one before is closed, it gives one
// with the same content.
func Run(t *testing.T, open func(t *testing.T) func() store.Store) {
	for name, test := range map[string]func(*testing.T, func() store.Store){
		"commands survive":          survive,
		"keys":                      keys,
		"changes":                   changes,
		"leases in order":           leases,
		"leases are exclusive":      exclusive,
		"due":                       due,
		"prune":                     prune,
		"list and counts":           list,
		"registry":                  registry,
		"deletion takes everything": deletion,
		"polls":                     polls,
	} {
		t.Run(name, func(t *testing.T) {
			reopen := open(t)
			test(t, reopen)
		})
	}
}

func with(t *testing.T, s store.Store) store.Store {
	t.Helper()
	t.Cleanup(func() { _ = s.Close() }) // closed already where the test opens it again
	_, err := s.PutDeployment(t.Context(), store.Deployment{ID: "d", Created: Start, Daemons: []string{"a", "b"}})
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// command is the nth command, for target a.
func command(n int) store.Command {
	body := wire.InlineBody(fmt.Appendf(nil, "%d", n))
	return store.Command{
		ID: fmt.Sprintf("cmd_%04d", n), Deployment: "d", Target: wire.Target{ResourceID: "a", ResourceType: wire.Daemon}, Name: "run",
		Life: state.New(false, time.Time{}), Created: Start.Add(time.Duration(n) * time.Second), Params: &body,
	}
}

func add(t *testing.T, s store.Store, c store.Command) {
	t.Helper()
	if _, existing, err := s.Create(t.Context(), c, Start.Add(-time.Hour)); err != nil || existing {
		t.Fatal(existing, err)
	}
}

func take(holder string, now time.Time) func(*store.Command) bool {
	return func(c *store.Command) bool { return c.Lease(holder, now, now.Add(time.Minute)) }
}

func answer(c *store.Command) error {
	r := wire.SuccessResponse(wire.InlineBody([]byte("1")))
	c.Response, c.Finished = &r, Start.Add(time.Hour)
	_, err := c.Respond(wire.Succeeded)
	return err
}

func survive(t *testing.T, open func() store.Store) {
	s := with(t, open())
	c := command(1)
	c.Deadline = Start.Add(time.Hour)
	add(t, s, c)
	taken, err := s.Lease(t.Context(), "d", "a", Start, 1, take("l1", Start))
	must(t, err)
	if len(taken) != 1 || taken[0].Params.InlineBase64 != c.Params.InlineBase64 {
		t.Fatalf("leased %+v", taken)
	}
	must(t, s.Close())
	s = open()
	defer s.Close()
	got, err := s.Command(t.Context(), c.ID)
	must(t, err)
	if got.State != wire.Dispatched || got.Holder != "l1" || !got.Until.Equal(Start.Add(time.Minute)) || !got.Deadline.Equal(c.Deadline) || *got.Params != *c.Params || got.Target != c.Target || !got.Created.Equal(c.Created) {
		t.Errorf("got %+v", got)
	}
	if _, err := s.Command(t.Context(), "cmd_none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func keys(t *testing.T, open func() store.Store) {
	s := with(t, open())
	key := "k:1 /ä"
	first := command(1)
	first.Key = &key
	add(t, s, first)
	for n, change := range []func(*store.Command){
		func(c *store.Command) { c.Key = nil },
		func(c *store.Command) { c.Name = "other" },
		func(c *store.Command) { c.Target.ResourceID = "b" },
		func(c *store.Command) { other := "k"; c.Key = &other },
	} {
		c := command(n + 2)
		c.Key = &key
		change(&c)
		add(t, s, c)
	}
	again := command(9)
	again.Key = &key
	got, existing, err := s.Create(t.Context(), again, Start)
	if err != nil || !existing || got.ID != first.ID {
		t.Errorf("replay: %+v, %t, %v", got, existing, err)
	}
	if _, err := s.Command(t.Context(), again.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the replay was stored: %v", err)
	}
	if _, existing, err = s.Create(t.Context(), again, first.Created); err != nil || existing {
		t.Errorf("after the key's life: %t, %v", existing, err)
	}
}

func changes(t *testing.T, open func() store.Store) {
	s := with(t, open())
	c := command(1)
	c.Life = state.New(true, time.Time{})
	add(t, s, c)
	no := errors.New("no")
	if _, err := s.Change(t.Context(), c.ID, func(c *store.Command) error { c.Attempt = 7; return no }); !errors.Is(err, no) {
		t.Errorf("refused: %v", err)
	}
	if _, err := s.Change(t.Context(), "cmd_none", func(*store.Command) error { return nil }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	_, err := s.Change(t.Context(), c.ID, func(c *store.Command) error {
		body := wire.StoredBody(200_000)
		c.Params = &body
		return c.Uploaded()
	})
	must(t, err)
	got, err := s.Command(t.Context(), c.ID)
	must(t, err)
	if got.State != wire.Pending || got.Attempt != 1 || got.Params == nil || *got.Params.Size != 200_000 || got.Response != nil {
		t.Errorf("got %+v", got)
	}
}

func leases(t *testing.T, open func() store.Store) {
	s := with(t, open())
	upload := command(1) // created first, ready last
	upload.Life = state.New(true, time.Time{})
	add(t, s, upload)
	for n := 2; n <= 6; n++ {
		add(t, s, command(n))
	}
	other := command(7)
	other.Target.ResourceID = "b"
	add(t, s, other)
	_, err := s.Change(t.Context(), upload.ID, func(c *store.Command) error { return c.Uploaded() })
	must(t, err)
	lease := func(now time.Time, max int) string {
		t.Helper()
		taken, err := s.Lease(t.Context(), "d", "a", now, max, take("l", now))
		must(t, err)
		var ids []string
		for _, c := range taken {
			ids = append(ids, fmt.Sprintf("%s/%d", strings.TrimPrefix(c.ID, "cmd_000"), c.Attempt))
		}
		return strings.Join(ids, " ")
	}
	now := Start
	for i, want := range []string{"", "2/1 3/1", "4/1"} {
		if got := lease(now, []int{0, 2, 1}[i]); got != want {
			t.Errorf("lease %d: %s, want %s", i, got, want)
		}
	}
	_, err = s.Change(t.Context(), "cmd_0003", func(c *store.Command) error { return c.Release("l", now) })
	must(t, err)
	if got, want := lease(now, 2), "3/2 5/1"; got != want { // it keeps its place
		t.Errorf("after the release: %s, want %s", got, want)
	}
	_, err = s.Change(t.Context(), "cmd_0002", answer)
	must(t, err)
	if got, want := lease(now.Add(time.Minute), 10), "3/3 4/2 5/2 6/1 1/1"; got != want {
		t.Errorf("after the leases: %s, want %s", got, want)
	}
}

// exclusive leases the same queue from many sides at once.
func exclusive(t *testing.T, open func() store.Store) {
	s := with(t, open())
	const n = 200
	for i := range n {
		add(t, s, command(i))
	}
	var mu sync.Mutex
	var got []string
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				taken, err := s.Lease(context.Background(), "d", "a", Start, 3, take("l", Start))
				if err != nil {
					t.Error(err)
				}
				if len(taken) == 0 {
					return
				}
				mu.Lock()
				for _, c := range taken {
					got = append(got, c.ID)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(got)
	if len(slices.Compact(got)) != n {
		t.Errorf("%d leases of %d commands", len(got), n)
	}
}

func due(t *testing.T, open func() store.Store) {
	s := with(t, open())
	at := func(seconds int) time.Time { return Start.Add(time.Duration(seconds) * time.Second) }
	for n, deadline := range []int{0, 30, 10, 20} {
		c := command(n)
		if deadline > 0 {
			c.Deadline = at(deadline)
		}
		add(t, s, c)
	}
	next := func(now, want time.Time) {
		t.Helper()
		if got, err := s.Next(t.Context(), now); err != nil || !got.Equal(want) {
			t.Errorf("next after %s: %s, %v, want %s", now, got, err, want)
		}
	}
	next(Start, at(10))
	_, err := s.Lease(t.Context(), "d", "a", Start, 1, func(c *store.Command) bool { return c.Lease("l", Start, at(5)) })
	must(t, err)
	next(Start, at(5))
	next(at(5), at(10))
	next(at(30), time.Time{})
	ids, err := s.Overdue(t.Context(), at(20), 10)
	if err != nil || !slices.Equal(ids, []string{"cmd_0002", "cmd_0003"}) {
		t.Errorf("overdue: %v, %v", ids, err)
	}
	lapsed := func(since, now time.Time, want int) {
		t.Helper()
		if got, err := s.Lapsed(t.Context(), since, now); err != nil || len(got) != want || want == 1 && got[0] != [2]string{"d", "a"} {
			t.Errorf("lapsed: %v, %v", got, err)
		}
	}
	lapsed(Start, at(4), 0)
	lapsed(Start, at(5), 1)
	lapsed(at(5), at(9), 0)
	must(t, s.Shift(t.Context(), time.Hour))
	next(Start, at(10))
	lapsed(Start, at(3605), 1)
}

func prune(t *testing.T, open func() store.Store) {
	s := with(t, open())
	key := "k"
	for n := range 5 {
		c := command(n)
		c.Key, c.Blobs = &key, n == 1
		c.Name = c.ID
		add(t, s, c)
		if n == 4 {
			continue // never over
		}
		_, err := s.Lease(t.Context(), "d", "a", Start, 1, take("l", Start))
		must(t, err)
		_, err = s.Change(t.Context(), c.ID, answer)
		must(t, err)
	}
	over := Start.Add(time.Hour)
	if n, _, err := s.Prune(t.Context(), over, Start, 10); err != nil || n != 0 {
		t.Errorf("too early: %d, %v", n, err)
	}
	n, blobs, err := s.Prune(t.Context(), over.Add(time.Second), Start, 3)
	rest, more, err2 := s.Prune(t.Context(), over.Add(time.Second), Start, 3)
	if err != nil || err2 != nil || n != 3 || rest != 1 || !slices.Equal(append(blobs, more...), []string{"cmd_0001"}) {
		t.Errorf("pruned %d and %d, blobs %v %v, %v %v", n, rest, blobs, more, err, err2)
	}
	if all, err := s.List(t.Context(), "d", "", 10); err != nil || len(all) != 1 || all[0].ID != "cmd_0004" {
		t.Errorf("left: %v, %v", all, err)
	}
}

func list(t *testing.T, open func() store.Store) {
	s := with(t, open())
	for n := range 4 {
		add(t, s, command(n))
	}
	_, err := s.Lease(t.Context(), "d", "a", Start, 1, take("l", Start))
	must(t, err)
	counts, err := s.Counts(t.Context(), "d")
	if err != nil || len(counts) != 1 || counts["a"] != (store.Count{Pending: 3, InFlight: 1}) {
		t.Errorf("counts: %v, %v", counts, err)
	}
	for _, c := range []struct {
		deployment string
		state      wire.State
		limit      int
		want       string
	}{{"d", "", 2, "cmd_0003 cmd_0002"}, {"d", wire.Dispatched, 9, "cmd_0000"}, {"d", wire.Expired, 9, ""}, {"x", "", 9, ""}} {
		all, err := s.List(t.Context(), c.deployment, c.state, c.limit)
		must(t, err)
		var ids []string
		for _, got := range all {
			ids = append(ids, got.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func token(id, hash, deployment, target string) store.Token {
	return store.Token{Token: api.Token{ID: id, Kind: api.Receiver, DeploymentID: deployment, TargetResourceID: target, CreatedAt: wire.At(Start)}, Hash: hash}
}

func registry(t *testing.T, open func() store.Store) {
	s := with(t, open())
	ctx := t.Context()
	must(t, s.PutToken(ctx, token("t1", "h1", "d", "a")))
	must(t, s.PutToken(ctx, token("t2", "h2", "d", "b")))
	must(t, s.PutToken(ctx, token("t3", "h3", "", "")))
	if err := s.PutToken(ctx, token("t4", "h4", "none", "a")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a token of no deployment: %v", err)
	}
	rotated := token("t1", "h5", "d", "a")
	rotated.OldHash, rotated.OldUntil = "h1", Start.Add(time.Minute)
	must(t, s.PutToken(ctx, rotated))
	d, err := s.PutDeployment(ctx, store.Deployment{ID: "d", Name: "n", Created: Start.Add(time.Hour), Daemons: []string{"a"}}) // b goes
	if err != nil || !d.Created.Equal(Start) {
		t.Errorf("got %+v, %v", d, err)
	}
	must(t, s.Close())
	s = open()
	defer s.Close()
	for hash, want := range map[string]string{"h1": "t1", "h5": "t1", "h2": "", "h3": "t3", "": ""} {
		got, err := s.TokenOf(ctx, hash)
		if got.ID != want || errors.Is(err, store.ErrNotFound) != (want == "") {
			t.Errorf("%s: %+v, %v", hash, got, err)
		}
	}
	if all, err := s.Tokens(ctx, "d"); err != nil || len(all) != 1 || all[0] != rotated {
		t.Errorf("tokens: %+v, %v", all, err)
	}
	must(t, s.DeleteToken(ctx, "t1"))
	if err := s.DeleteToken(ctx, "t1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	if got, err := s.Deployment(ctx, "d"); err != nil || got.Name != "n" || !slices.Equal(got.Daemons, []string{"a"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func deletion(t *testing.T, open func() store.Store) {
	s := with(t, open())
	ctx := t.Context()
	key := "k"
	c := command(1)
	c.Blobs, c.Key = true, &key
	add(t, s, c)
	must(t, s.PutToken(ctx, token("t1", "h1", "d", "a")))
	blobs, err := s.DeleteDeployment(ctx, "d")
	if err != nil || !slices.Equal(blobs, []string{c.ID}) {
		t.Errorf("blobs %v, %v", blobs, err)
	}
	if _, err := s.DeleteDeployment(ctx, "d"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.TokenOf(ctx, "h1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the token: %v", err)
	}
	if _, _, err := s.Create(ctx, c, Start.Add(-time.Hour)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a command of no deployment: %v", err)
	}
	with(t, s) // registered again, nothing of before is there
	add(t, s, c)
}

// polls are kept, the last one of each daemon, and go with their deployment.
func polls(t *testing.T, reopen func() store.Store) {
	s := with(t, reopen())
	a, b := store.Poll{Deployment: "d", Target: "a", At: Start}, store.Poll{Deployment: "d", Target: "b", At: Start.Add(time.Second)}
	must(t, s.PutPolls(t.Context(), []store.Poll{{Deployment: "d", Target: "a"}, b, {Deployment: "nowhere", Target: "a", At: Start}}))
	must(t, s.PutPolls(t.Context(), []store.Poll{a}))
	must(t, s.Close())
	s = reopen()
	t.Cleanup(func() { _ = s.Close() })
	if got, err := s.Polls(t.Context()); err != nil || !slices.Equal(got, []store.Poll{a, b}) {
		t.Errorf("polls %+v, %v", got, err)
	}
	if _, err := s.DeleteDeployment(t.Context(), "d"); err != nil {
		t.Error(err)
	}
	if got, err := s.Polls(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("of a deployment that is gone: %+v, %v", got, err)
	}
}
