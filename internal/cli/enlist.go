package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/client"
	"github.com/alienplatform/alien-go/internal/commands/wire"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// mintedByUp names the tokens that up makes, so that it leaves others alone.
const mintedByUp = "alien daemon up"

// enlistment is a stack's place at its manager: it is registered, its daemons have their tokens. The zero value is that of a
// stack that takes no commands.
type enlistment struct {
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

// enlist finds out from the manager what it knows of the stack, and gives the workloads their variables. It changes nothing.
func (d *deps) enlist(ctx context.Context, p deploy.Platform, m *checked) (*enlistment, error) {
	e := &enlistment{launched: map[string]time.Time{}}
	for _, w := range m.workloads {
		if w.Commands.Enabled {
			e.takers = append(e.takers, w.Daemon)
		}
	}
	if m.manager == nil || m.manager.key == "" {
		return e, nil // preflight has seen to it that nobody takes commands
	}
	e.api, e.deployment, e.name = m.manager.api(), deploymentID(m.stack, m.stack.Name), m.stack.Name
	if len(e.takers) == 0 {
		return e, nil
	}
	b, err := bridgeOf(ctx, p, m.target)
	if err != nil {
		return nil, err
	}
	if err := e.ask(ctx); err != nil {
		return nil, managerFailure(err)
	}
	for i, w := range m.workloads {
		if !w.Commands.Enabled {
			continue
		}
		base, err := m.manager.reach(m.target, w.HostNetwork, b)
		if err != nil {
			return nil, fmt.Errorf("daemon %s: %w", w.Daemon, err)
		}
		m.workloads[i] = w.WithCommands(base, e.valid(w.Daemon, d.now()))
	}
	return e, nil
}

// deploymentID is the stack's id at the manager, and what its daemons have as ALIEN_DEPLOYMENT_ID.
func deploymentID(stack *manifest.Stack, name string) string {
	if stack != nil && stack.Deployment.ID != "" {
		return stack.Deployment.ID
	}
	return name
}

func bridgeOf(ctx context.Context, p deploy.Platform, t manifest.Target) (bridge, error) {
	h, ok := p.(deploy.Host)
	if !ok || t.Runtime != manifest.Docker {
		return bridge{}, nil
	}
	address, err := h.HostAddress(ctx)
	return bridge{gateway: address, here: ofThisMachine(address)}, err
}

// ask reads what the manager knows of the deployment; one it does not know has neither daemons nor tokens.
func (e *enlistment) ask(ctx context.Context) error {
	var err error
	e.known, err = e.api.Deployment(ctx, e.deployment, time.Time{}, 0)
	if unknownDeployment(err) {
		return nil
	}
	if err == nil {
		e.tokens, err = e.api.Tokens(ctx, e.deployment)
	}
	return err
}

func unknownDeployment(err error) bool {
	var refused *wire.Error
	return errors.As(err, &refused) && refused.Code == wire.DeploymentNotFound
}

// takes says whether a daemon takes commands and is among those that a command line named; none named is all.
func (e *enlistment) takes(daemon string, only []string) bool {
	return slices.Contains(e.takers, daemon) && (len(only) == 0 || slices.Contains(only, daemon))
}

// valid are the versions of the tokens that a daemon may have and go on with.
func (e *enlistment) valid(daemon string, now time.Time) []string {
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

// register tells the manager of the daemons that take commands now. Those it knew stay until they are gone.
func (e *enlistment) register(ctx context.Context, now func() time.Time) error {
	if len(e.takers) == 0 {
		return nil
	}
	daemons := slices.Clone(e.takers)
	for _, d := range e.known.Daemons {
		if !slices.Contains(daemons, d.ID) {
			daemons = append(daemons, d.ID)
		}
	}
	return managerFailure(e.put(ctx, daemons, now))
}

func (e *enlistment) put(ctx context.Context, daemons []string, now func() time.Time) error {
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

// issue makes the token of a daemon that is about to be made.
func (e *enlistment) issue(ctx context.Context, w workload.Workload) (workload.Workload, error) {
	if !w.Commands.Enabled {
		return w, nil
	}
	t, err := e.api.Mint(ctx, api.MintToken{Kind: api.Receiver, DeploymentID: e.deployment, TargetResourceID: w.Daemon, Name: mintedByUp})
	if err != nil {
		return w, fmt.Errorf("cannot mint a token for %s: %w", w.Daemon, managerFailure(err))
	}
	return w.WithToken(versionOf(t.Token), t.Secret), nil
}

// follow notes when daemons are started.
func (e *enlistment) follow(event deploy.Event) {
	if event.Kind == deploy.KindProgress && event.Progress.Phase == deploy.Launching {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.launched[event.Daemon] = event.Time
	}
}

// settle revokes the tokens that up made and that no daemon has any more, and takes daemons that are gone from the register. It
// needs not be done where nothing has changed and each daemon has but one.
func (e *enlistment) settle(ctx context.Context, p deploy.Platform, plan deploy.Plan, now func() time.Time) error {
	if e.deployment == "" || !e.concerned(plan) && len(surplus(e.tokens, nil)) == 0 {
		return nil
	}
	if err := e.ask(ctx); err != nil {
		return err
	}
	if e.known.DeploymentID == "" {
		return nil
	}
	observed, err := p.Observe(ctx, plan.Stack, nil)
	if err != nil {
		return err
	}
	for _, id := range surplus(e.tokens, observed.Daemons) {
		if err := e.api.Revoke(ctx, id); err != nil {
			return err
		}
	}
	if left := e.left(observed.Daemons); len(left) < len(e.known.Daemons) {
		return e.put(ctx, left, now)
	}
	return nil
}

// concerned says whether a plan may have left tokens behind: it made some, or it ended daemons that may have had one.
func (e *enlistment) concerned(plan deploy.Plan) bool {
	return slices.ContainsFunc(plan.Changes, func(c deploy.Change) bool {
		lost := func(x deploy.Cause) bool { return x.Path == "environment."+workload.TokenVariable }
		return c.Action == deploy.Delete || slices.Contains(e.takers, c.Daemon) && (c.Action != deploy.Unchanged || c.Resume) ||
			slices.ContainsFunc(c.Causes, lost)
	})
}

// left are the registered daemons that take commands or that still exist with a token.
func (e *enlistment) left(daemons []deploy.Daemon) []string {
	left := slices.Clone(e.takers)
	for _, d := range e.known.Daemons {
		has := func(o deploy.Daemon) bool {
			return o.Daemon == d.ID && (o.Unfinished || workload.TokenOf(o.Fields) != "")
		}
		if !slices.Contains(left, d.ID) && slices.ContainsFunc(daemons, has) {
			left = append(left, d.ID)
		}
	}
	return left
}

// surplus are the tokens that up made and that no daemon has: those of each daemon but the one it was made with. A daemon with
// an update that was not confirmed may still go back to another one. Without daemons it only tells whether there may be any.
func surplus(tokens []api.Token, daemons []deploy.Daemon) []string {
	var out []string
	seen := map[string]bool{}
	for _, t := range tokens {
		if t.Kind != api.Receiver || t.Name != mintedByUp {
			continue
		}
		i := slices.IndexFunc(daemons, func(d deploy.Daemon) bool { return d.Daemon == t.TargetResourceID })
		switch {
		case daemons == nil && !seen[t.TargetResourceID]:
			seen[t.TargetResourceID] = true
		case i >= 0 && (daemons[i].Unfinished || tokenID(daemons[i]) == t.ID):
		default:
			out = append(out, t.ID)
		}
	}
	return out
}
