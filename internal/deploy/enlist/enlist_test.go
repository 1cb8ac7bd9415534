package enlist

import (
	"slices"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/wire"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

var noon = time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)

func madeWith(daemon, token string) deploy.Daemon {
	d := deploy.Daemon{Observation: deploy.Observation{Daemon: daemon}}
	if token != "" {
		d.Fields = []workload.Field{{Path: "environment." + workload.TokenVariable, Value: "id:" + token, Secret: true}}
	}
	return d
}

func receiverOf(daemon, id string) api.Token {
	return api.Token{ID: id, Kind: api.Receiver, TargetResourceID: daemon, Name: mintedByUp}
}

// TestSurplus: what up made and no daemon has is revoked, and nothing else.
func TestSurplus(t *testing.T) {
	byHand := receiverOf("a", "hand")
	byHand.Name = "mine"
	unfinished := madeWith("c", "c2")
	unfinished.Unfinished = true
	tokens := []api.Token{
		receiverOf("a", "a1"), receiverOf("a", "a2"), byHand, {ID: "s", Kind: api.Sender, Name: mintedByUp},
		receiverOf("b", "b1"), receiverOf("c", "c1"), receiverOf("c", "c2"), receiverOf("gone", "g1"), receiverOf("off", "o1"),
	}
	daemons := []deploy.Daemon{madeWith("a", "a2"), madeWith("b", "b1@2026-01-01T00:00:00Z"), unfinished, madeWith("off", "")}
	if got := surplus(tokens, daemons); !slices.Equal(got, []string{"a1", "g1", "o1"}) {
		t.Errorf("revoked %v", got)
	}
	if got := surplus(tokens[4:5], nil); len(got) > 0 {
		t.Errorf("one token per daemon is no reason to look: %v", got)
	}
	if got := surplus(tokens[:2], nil); len(got) == 0 {
		t.Error("two tokens of one daemon are a reason to look")
	}
}

func TestLeft(t *testing.T) {
	e := &Enlistment{takers: []string{"a"}, known: api.Deployment{Daemons: []api.Daemon{{ID: "a"}, {ID: "running"}, {ID: "gone"}, {ID: "off"}}}}
	if got := e.left([]deploy.Daemon{madeWith("running", "r1"), madeWith("off", "")}); !slices.Equal(got, []string{"a", "running"}) {
		t.Errorf("registered are %v", got)
	}
}

func TestValidTokens(t *testing.T) {
	now := noon
	expired, rotated := receiverOf("a", "old"), receiverOf("a", "r")
	expired.ExpiresAt, rotated.RotatedAt = wire.At(now), wire.At(now)
	e := &Enlistment{tokens: []api.Token{receiverOf("a", "a1"), receiverOf("b", "b1"), expired, rotated, {ID: "s", Kind: api.Sender, TargetResourceID: "a"}}}
	if got := e.Valid("a", now); !slices.Equal(got, []string{"a1", "r@2026-05-17T12:00:00Z"}) {
		t.Errorf("valid are %v", got)
	}
	if got := e.Valid("none", now); got == nil {
		t.Error("no token at all looks as if nobody had asked")
	}
}

// TestSilent: a daemon that this run started has to ask anew, by the manager's clock; of another it is enough that it has asked.
func TestSilent(t *testing.T) {
	ours, theirs := noon, noon.Add(-time.Hour) // the manager's clock is an hour behind
	e := &Enlistment{takers: []string{"early", "late", "never", "old"}, registered: ours, answered: theirs,
		launched: map[string]time.Time{"early": ours.Add(5 * time.Second), "late": ours.Add(5 * time.Second)}}
	now := api.Deployment{Daemons: []api.Daemon{
		{ID: "early", LastPolledAt: wire.At(theirs.Add(4 * time.Second))}, {ID: "late", LastPolledAt: wire.At(theirs.Add(6 * time.Second))},
		{ID: "never"}, {ID: "old", LastPolledAt: wire.At(theirs.Add(-time.Minute))}, {ID: "stranger"}}}
	if got := e.silent(now, nil); !slices.Equal(got, []string{"early", "never"}) {
		t.Errorf("waited for %v", got)
	}
	if got := e.silent(now, []string{"late", "never"}); !slices.Equal(got, []string{"never"}) {
		t.Errorf("waited for %v", got)
	}
	if got := e.since(); !got.Equal(theirs.Add(5 * time.Second)) {
		t.Errorf("since %s", got)
	}
}

// TestTakesNone: a stack without daemons that take commands asks no manager for anything.
func TestTakesNone(t *testing.T) {
	var e Enlistment
	e.Follow(deploy.Event{Kind: deploy.KindProgress, Daemon: "a", Progress: &deploy.Progress{Phase: deploy.Launching}})
	if err := e.Register(t.Context(), time.Now); err != nil {
		t.Error(err)
	}
	if err := e.Settle(t.Context(), nil, deploy.Plan{Changes: []deploy.Change{{Daemon: "a", Action: deploy.Delete}}}, time.Now); err != nil {
		t.Error(err)
	}
}
