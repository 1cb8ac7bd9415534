// Package process runs stacks on this machine without any engine: images are unpacked by rootfs, every daemon runs in a
// sandbox, and one supervisor per user keeps them running.
//
// One instance per daemon. What is left for this package is small: what an instance is made of (spec.go), the order of
// steps in which one takes the place of another (family.go), putting right what a killed run left behind (the same file),
// a lock per stack (lock.go), and the words in which a platform is asked and answers.
package process

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/process/rootfs"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	_ "github.com/alienplatform/alien-go/internal/local/process/stage" // this program is run again as supervisor and sandbox
	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

// Options say where things are kept.
type Options struct {
	LookupEnv func(string) (string, bool) // for HOME, XDG_STATE_HOME, XDG_CACHE_HOME and DOCKER_CONFIG
}

// Open gives the platform of this machine and user.
func Open(o Options) (deploy.Platform, error) { return open(o) }

func open(o Options) (*platform, error) {
	if runtime.GOOS != "linux" {
		return nil, sandbox.Check()
	}
	dir, err := supervisor.Dir(o.LookupEnv)
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir(o.LookupEnv)
	if err != nil {
		return nil, err
	}
	images, err := rootfs.Open(cache, rootfs.Options{LookupEnv: o.LookupEnv})
	if err != nil {
		return nil, err
	}
	return &platform{dir: dir, images: images}, nil
}

// cacheDir is where images are kept: $XDG_CACHE_HOME/alien/images.
func cacheDir(lookupEnv func(string) (string, bool)) (string, error) {
	if cache, _ := lookupEnv("XDG_CACHE_HOME"); filepath.IsAbs(cache) {
		return filepath.Join(cache, "alien", "images"), nil
	}
	home, _ := lookupEnv("HOME")
	if !filepath.IsAbs(home) {
		return "", &deploy.Problem{
			Reason:  deploy.Unavailable,
			Message: "the process runtime does not know where to keep images",
			Hint:    "set HOME or XDG_CACHE_HOME to a directory",
		}
	}
	return filepath.Join(home, ".cache", "alien", "images"), nil
}

// platform is this machine as deploy knows it.
type platform struct {
	dir    string // the supervisor's
	images *rootfs.Store

	mu     sync.Mutex
	client *supervisor.Client // nil until it is needed
}

// Place implements deploy.Platform.
func (p *platform) Place() string { return "process (" + p.dir + ")" }

// Close implements deploy.Platform.
func (p *platform) Close() error { return p.images.Close() }

// supervisor gives the supervisor, and starts it where it does not run.
func (p *platform) supervisor(ctx context.Context) (*supervisor.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		return p.client, nil
	}
	c, err := supervisor.EnsureRunning(ctx, p.dir)
	if err == nil {
		p.client = c
	}
	return c, err
}

// tries is how often a call is made to a supervisor that is lost meanwhile.
const tries = 3

// steady makes a call that can be made twice, and makes it again where the supervisor was lost: the next one takes over
// what runs.
func (p *platform) steady(ctx context.Context, call func(*supervisor.Client) error) error {
	for n := 1; ; n++ {
		c, err := p.supervisor(ctx)
		if err == nil {
			err = call(c)
		}
		if !lost(err) || ctx.Err() != nil || n == tries {
			return err
		}
	}
}

// lost says that the supervisor went away during a call.
func lost(err error) bool {
	var known *deploy.Problem
	return errors.As(err, &known) && known.Reason == deploy.EngineUnreachable
}

// list gives the instances of a stack, or of every one where stack is empty. Where nothing was ever made there is no
// supervisor to start.
func (p *platform) list(ctx context.Context, stack string) ([]supervisor.Status, error) {
	empty, err := supervisor.Empty(p.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the state of daemons: %w", err)
	}
	if empty {
		return nil, nil
	}
	var all []supervisor.Status
	err = p.steady(ctx, func(c *supervisor.Client) error {
		all, err = c.List(ctx, stack)
		return err
	})
	return all, err
}

// look sorts the instances of a stack into families, by daemon.
func (p *platform) look(ctx context.Context, stack string) (map[string]family, error) {
	all, err := p.list(ctx, stack)
	return families(all), err
}

// checkName refuses what cannot be a stack's or a resource's name: it becomes one of files and directories.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return &deploy.Problem{Reason: deploy.NotFound, Message: fmt.Sprintf("%q is no name of a stack", name)}
	}
	return nil
}
