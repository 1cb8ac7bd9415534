// Package enlist keeps a stack that takes commands registered at its manager: its daemons have a receiver's token each, and no
// token outlives its daemon.
package enlist

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/client"
	"github.com/alienplatform/alien-go/internal/commands/wire"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/workload"
)

// mintedByUp names the tokens that up makes, so that it leaves others alone.
const mintedByUp = "alien daemon up"

// Enlistment is a stack's place at its manager. The zero value is that of a stack that takes no commands. Errors are those of
// the client: a *wire.Error where the manager refused.
type Enlistment struct {
	api        client.Client
	deployment string
	name       string
	takers     []string // the daemons that take commands
	known      api.Deployment
	tokens     []api.Token // the receivers' that were valid when it was made

	mu         sync.Mutex
	registered time.Time            // when this was told to the manager, by our clock
	answered   time.Time            // the same moment by the manager's clock
	launched   map[string]time.Time // when daemons were started, by our clock
}

// New is the place of a stack, of which the takers take commands, at the manager that the client asks. It asks nothing yet.
func New(c client.Client, deployment, name string, takers []string) *Enlistment {
	return &Enlistment{api: c, deployment: deployment, name: name, takers: takers, launched: map[string]time.Time{}}
}

// Ask reads what the manager knows of the deployment; one it does not know has neither daemons nor tokens.
func (e *Enlistment) Ask(ctx context.Context) error {
	var err error
	e.known, err = e.api.Deployment(ctx, e.deployment, time.Time{}, 0)
	if Unknown(err) {
		return nil
	}
	if err == nil {
		e.tokens, err = e.api.Tokens(ctx, e.deployment)
	}
	return err
}

// Unknown says whether a manager refused because it does not know the deployment.
func Unknown(err error) bool {
	var refused *wire.Error
	return errors.As(err, &refused) && refused.Code == wire.DeploymentNotFound
}

// Takes says whether the stack has daemons that take commands.
func (e *Enlistment) Takes() bool { return len(e.takers) > 0 }

// takes says whether a daemon takes commands and is among those that a command line named; none named is all.
func (e *Enlistment) takes(daemon string, only []string) bool {
	return slices.Contains(e.takers, daemon) && (len(only) == 0 || slices.Contains(only, daemon))
}

// Valid are the versions of the tokens that a daemon may have and go on with.
func (e *Enlistment) Valid(daemon string, now time.Time) []string {
	ids := []string{}
	for _, t := range e.tokens {
		if t.Kind == api.Receiver && t.TargetResourceID == daemon && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(now)) {
			ids = append(ids, versionOf(t))
		}
	}
	return ids
}

// versionOf tells a token from the same one with another secret.
func versionOf(t api.Token) string {
	if t.RotatedAt.IsZero() {
		return t.ID
	}
	return t.ID + "@" + t.RotatedAt.UTC().Format(time.RFC3339Nano)
}

// tokenID is the id of the token that a daemon was made with.
func tokenID(d deploy.Daemon) string {
	id, _, _ := strings.Cut(workload.TokenOf(d.Fields), "@")
	return id
}

// Register tells the manager of the daemons that take commands now. Those it knew stay until they are gone.
func (e *Enlistment) Register(ctx context.Context, now func() time.Time) error {
	if len(e.takers) == 0 {
		return nil
	}
	daemons := slices.Clone(e.takers)
	for _, d := range e.known.Daemons {
		if !slices.Contains(daemons, d.ID) {
			daemons = append(daemons, d.ID)
		}
	}
	return e.put(ctx, daemons, now)
}

func (e *Enlistment) put(ctx context.Context, daemons []string, now func() time.Time) error {
	p := api.PutDeployment{Name: e.name, Daemons: []api.PutDaemon{}}
	for _, id := range daemons {
		p.Daemons = append(p.Daemons, api.PutDaemon{ID: id})
	}
	known, err := e.api.Register(ctx, e.deployment, p)
	if err == nil {
		e.known, e.registered, e.answered = known, now(), known.ServerTime.Time
	}
	return err
}

// Issue makes the token of a daemon that is about to be made.
func (e *Enlistment) Issue(ctx context.Context, w workload.Workload) (workload.Workload, error) {
	if !w.Commands.Enabled {
		return w, nil
	}
	t, err := e.api.Mint(ctx, api.MintToken{Kind: api.Receiver, DeploymentID: e.deployment, TargetResourceID: w.Daemon, Name: mintedByUp})
	if err != nil {
		return w, err
	}
	return w.WithToken(versionOf(t.Token), t.Secret), nil
}

// Follow notes when daemons are started.
func (e *Enlistment) Follow(event deploy.Event) {
	if e.Takes() && event.Kind == deploy.KindProgress && event.Progress.Phase == deploy.Launching {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.launched[event.Daemon] = event.Time
	}
}
