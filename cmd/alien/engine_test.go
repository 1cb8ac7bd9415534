package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// engineUnderTest is the Docker engine that scripts guarded by [docker] run against. It is only looked for when one asks.
type engineUnderTest struct {
	once sync.Once
	api  *client.Client
	err  error
}

// condition knows [docker]: an engine answers; and [process]: this system has the process runtime. In CI a missing engine is
// a failure and not a reason to skip.
func (e *engineUnderTest) condition(cond string) (bool, error) {
	if cond == "process" {
		return sandbox.Check() == nil, nil
	}
	if cond != "docker" {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	answers := e.answers()
	if in, _ := strconv.ParseBool(os.Getenv("CI")); in && !answers {
		return false, fmt.Errorf("in CI no script is skipped, and no Docker engine answers: %w", e.err)
	}
	return answers, nil
}

func (e *engineUnderTest) answers() bool {
	e.once.Do(e.connect)
	return e.err == nil
}

func (e *engineUnderTest) connect() {
	if e.api, e.err = client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation()); e.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, e.err = e.api.Ping(ctx)
}

// stack gives the script a stack name of its own in $STACK, and removes all that carries it at the end.
func (e *engineUnderTest) stack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: stack")
	}
	name := "script-" + strings.ToLower(rand.Text()[:8])
	ts.Setenv("STACK", name)
	if host := ts.Getenv("ENGINE"); host != "" {
		ts.Setenv("DOCKER_HOST", host)
	}
	ts.Defer(func() { e.removeStack(ts, name) })
}

func (e *engineUnderTest) removeStack(ts *testscript.TestScript, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range e.containers(ctx, ts, name) {
		if err := e.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}); err != nil {
			ts.Logf("cannot remove container %s: %v", c.ID, err)
		}
	}
	volumes, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: labelled(name)})
	if err != nil {
		ts.Logf("cannot list the volumes of %s: %v", name, err)
		return
	}
	for _, v := range volumes.Volumes {
		if err := e.api.VolumeRemove(ctx, v.Name, true); err != nil {
			ts.Logf("cannot remove volume %s: %v", v.Name, err)
		}
	}
}

func (e *engineUnderTest) containers(ctx context.Context, ts *testscript.TestScript, stack string) []container.Summary {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(stack)})
	if err != nil {
		ts.Logf("cannot list the containers of %s: %v", stack, err)
	}
	return list
}

func labelled(stack string) filters.Args {
	return filters.NewArgs(filters.Arg("label", testbed.StackLabel+"="+stack))
}

// image loads a variant of the test daemon's image, and gives its reference in a variable: image IMAGE plain.
func (e *engineUnderTest) image(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: image VARIABLE VARIANT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	ref, err := testbed.LoadImage(ctx, e.api, testbed.Variant(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], ref)
}

// archive writes an image that no engine has, as an archive: archive oci-archive FILE.
func (e *engineUnderTest) archive(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: archive docker-archive|oci|oci-archive FILE")
	}
	img, err := testbed.BuildImage(testbed.Plain.Salted(ts.Getenv("STACK") + args[0]))
	ts.Check(err)
	ts.Check(testbed.WriteArchive(testbed.ArchiveKind(args[0]), ts.MkAbs(args[1]), img))
	digest, err := img.ConfigName()
	ts.Check(err)
	ts.Defer(func() { // what up has loaded
		if e.api == nil {
			return
		}
		_, _ = e.api.ImageRemove(context.Background(), digest.String(), dockerimage.RemoveOptions{Force: true})
	})
}

// crash kills a daemon's process from outside, as a crash would: crash DAEMON.
func (e *engineUnderTest) crash(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: crash DAEMON")
	}
	c, err := e.api.ContainerInspect(context.Background(), ts.Getenv("STACK")+"-"+args[0])
	ts.Check(err)
	process, err := os.FindProcess(c.State.Pid)
	ts.Check(err)
	ts.Check(process.Kill())
}

// container does something to a daemon's container behind the tool's back: container stop|pause|remove DAEMON.
func (e *engineUnderTest) container(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: container stop|pause|remove DAEMON")
	}
	ctx, name := context.Background(), ts.Getenv("STACK")+"-"+args[1]
	switch args[0] {
	case "stop":
		ts.Check(e.api.ContainerStop(ctx, name, container.StopOptions{}))
	case "pause":
		ts.Check(e.api.ContainerPause(ctx, name))
	case "remove":
		ts.Check(e.api.ContainerRemove(ctx, name, container.RemoveOptions{Force: true}))
	default:
		ts.Fatalf("unknown action %q", args[0])
	}
}
