package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alienplatform/alien-go/internal/local/process/supervisor"
)

var update = flag.Bool("update", false, "rewrite what scripts compare output with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"alien": main})
}

// TestScripts runs every script: what a user types, and what he then sees.
func TestScripts(t *testing.T) {
	engine := &engineUnderTest{}
	documents := &kinds{seen: map[string]bool{}}
	t.Cleanup(func() { // the scripts run in parallel, and end before this
		if flag.Lookup("test.run").Value.String() == "" && engine.answers() && !t.Failed() {
			documents.assertAll(t)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "scripts"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               hermetic,
		Condition:           engine.condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"norm":        norm,
			"valid":       documents.valid,
			"signal":      signalBackground,
			"eventually":  eventually,
			"listeners":   listeners,
			"connections": connections,
			"stack":       engine.stack,
			"image":       engine.image,
			"archive":     engine.archive,
			"crash":       engine.crash,
			"container":   engine.container,
		},
	})
}

// hermetic gives a script a home of its own and nothing of the developer's environment.
func hermetic(env *testscript.Env) error {
	env.Values[callsKey{}] = &calls{counts: map[string]int{}}
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	env.Setenv("XDG_STATE_HOME", filepath.Join(home, ".local", "state"))
	env.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
	env.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
	env.Setenv("DOCKER_CONFIG", filepath.Join(home, ".docker"))
	env.Setenv("ENGINE", os.Getenv("DOCKER_HOST"))
	env.Defer(func() { endDaemons(env) })
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		env.Setenv("GOCOVERDIR", dir)
	}
	return os.MkdirAll(filepath.Join(home, ".config", "alien"), 0o755)
}

// endDaemons ends what a script has left running under the process runtime. Where that cannot be done the script's directory
// cannot be removed either, and that is told.
func endDaemons(env *testscript.Env) {
	dir := filepath.Join(env.Getenv("XDG_STATE_HOME"), "alien", "process")
	if empty, err := supervisor.Empty(dir); empty || err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := supervisor.EnsureRunning(ctx, dir)
	if err != nil {
		return
	}
	all, _ := c.List(ctx, "")
	for _, s := range all {
		_ = c.Remove(ctx, s.ID, supervisor.StopOptions{Grace: new(time.Duration)})
	}
}
