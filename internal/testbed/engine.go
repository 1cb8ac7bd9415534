// Package testbed gives tests what they run against: a Docker engine, images made without a registry, a real registry
// that can misbehave, and a test daemon. Only tests import it.
package testbed

import (
	"context"
	"crypto/rand"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// StackLabel is on everything that is ours, the tickets of a stack's lock too; Stack cleans up by it.
const StackLabel = "dev.alien.daemons.stack"

// Engine connects to the Docker engine that the environment names. Where none answers the test is skipped, and fails
// when CI is set: there a missing engine must not look like success.
func Engine(t testing.TB) *client.Client {
	t.Helper()
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatalf("cannot make a Docker client: %v", err)
	}
	t.Cleanup(func() { _ = api.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := api.Ping(ctx); err != nil {
		missing(t, "no Docker engine answers (run `make engine`): "+err.Error())
	}
	return api
}

// missing skips, or in CI fails, a test that lacks something of its machine.
func missing(t testing.TB, what string) {
	t.Helper()
	if in, _ := strconv.ParseBool(os.Getenv("CI")); in {
		t.Fatalf("in CI nothing is skipped: %s", what)
	}
	t.Skip(what)
}

// Stack gives a stack name that nothing else uses. Containers and volumes that carry it are removed after the test.
func Stack(t testing.TB, api *client.Client) string {
	t.Helper()
	words := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-")
	name := strings.Trim(words[:min(len(words), 24)], "-") + "-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() { RemoveStack(t, api, name) })
	return name
}

// RemoveStack removes every container and volume of a stack, whatever made them.
func RemoveStack(t testing.TB, api *client.Client, stack string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ours := filters.NewArgs(filters.Arg("label", StackLabel+"="+stack))
	list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		t.Errorf("cannot list the containers of %s: %v", stack, err)
	}
	for _, c := range list {
		RemoveContainer(t, api, c.ID)
	}
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		t.Errorf("cannot list the volumes of %s: %v", stack, err)
	}
	for _, v := range volumes.Volumes {
		if err := api.VolumeRemove(ctx, v.Name, true); err != nil {
			t.Errorf("cannot remove volume %s: %v", v.Name, err)
		}
	}
}

// RemoveContainer removes a container at once, and waits until it is gone where that is happening already.
func RemoveContainer(t testing.TB, api *client.Client, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	away := container.RemoveOptions{Force: true, RemoveVolumes: true}
	err := api.ContainerRemove(ctx, id, away)
	if err != nil && strings.Contains(err.Error(), "is not running") { // a crash loop ended between the engine's look and its kill
		if err = api.ContainerStop(ctx, id, container.StopOptions{Timeout: new(int)}); err == nil {
			err = api.ContainerRemove(ctx, id, away)
		}
	}
	if err == nil || cerrdefs.IsNotFound(err) {
		return
	}
	if !strings.Contains(err.Error(), "already in progress") {
		t.Errorf("cannot remove container %s: %v", id, err)
		return
	}
	gone, failed := api.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-gone:
	case err := <-failed:
		if !cerrdefs.IsNotFound(err) {
			t.Errorf("cannot see container %s removed: %v", id, err)
		}
	}
}

// CrashContainer ends a container's process the way a crash does: SIGKILL to its pid on this host. `docker kill` is no
// crash, it switches the restart policy off.
func CrashContainer(t testing.TB, api *client.Client, id string) {
	t.Helper()
	c, err := api.ContainerInspect(t.Context(), id)
	if err != nil {
		t.Fatalf("cannot inspect container %s: %v", id, err)
	}
	if c.State.Pid == 0 {
		t.Fatalf("container %s does not run: %s", id, c.State.Status)
	}
	process, err := os.FindProcess(c.State.Pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatalf("cannot kill pid %d of container %s: %v", c.State.Pid, id, err)
	}
}
