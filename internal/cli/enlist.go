package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/deploy/enlist"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// enlist finds out from the manager what it knows of the stack, and gives the workloads their variables. It changes nothing.
func (d *deps) enlist(ctx context.Context, p deploy.Platform, m *checked) (*enlist.Enlistment, error) {
	var takers []string
	for _, w := range m.workloads {
		if w.Commands.Enabled {
			takers = append(takers, w.Daemon)
		}
	}
	if m.manager == nil || m.manager.key == "" {
		return &enlist.Enlistment{}, nil // preflight has seen to it that nobody takes commands
	}
	e := enlist.New(m.manager.api(), deploymentID(m.stack, m.stack.Name), m.stack.Name, takers)
	if !e.Takes() {
		return e, nil
	}
	b, err := bridgeOf(ctx, p, m.target)
	if err != nil {
		return nil, err
	}
	if err := e.Ask(ctx); err != nil {
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
		m.workloads[i] = w.WithCommands(base, e.Valid(w.Daemon, d.now()))
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

// issuer gives daemons that are about to be made their tokens.
func issuer(e *enlist.Enlistment) func(context.Context, workload.Workload) (workload.Workload, error) {
	return func(ctx context.Context, w workload.Workload) (workload.Workload, error) {
		issued, err := e.Issue(ctx, w)
		if err != nil {
			return w, fmt.Errorf("cannot mint a token for %s: %w", w.Daemon, managerFailure(err))
		}
		return issued, nil
	}
}

// pollFailure is how waiting for daemons that ask for commands failed.
func pollFailure(ctx context.Context, err error) error {
	var silence *enlist.Silence
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.As(err, &silence):
		return &failure{exit: exitTimeout, code: codeTimeout, message: silence.Error(),
			hint: "does the daemon run a receiver? alien daemon logs shows what it does"}
	}
	return managerFailure(err)
}
