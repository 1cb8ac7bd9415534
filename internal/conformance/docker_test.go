package conformance

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/testbed"
)

func TestDocker(t *testing.T) { conform(t, newDocker(t)) }

// docker is the local platform on a Docker engine.
type docker struct{ api *client.Client }

func newDocker(t *testing.T) docker { return docker{testbed.Engine(t)} }

func (d docker) flags() []string                              { return []string{"--platform", "local", "--runtime", "docker"} }
func (d docker) env() []string                                { return []string{"DOCKER_HOST=" + d.api.DaemonHost()} }
func (d docker) stack(t *testing.T) string                    { return testbed.Stack(t, d.api) }
func (d docker) image(t *testing.T, v testbed.Variant) string { return testbed.Load(t, d.api, v) }
func (d docker) list(t *testing.T, labels ...filters.KeyValuePair) []container.Summary {
	t.Helper()
	all, err := d.api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(labels...)})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (d docker) instances(t *testing.T, stack, daemon string) []instance {
	t.Helper()
	var found []instance
	for _, c := range d.list(t, filters.Arg("label", "dev.alien.daemons.stack="+stack), filters.Arg("label", "dev.alien.daemons.daemon="+daemon)) {
		found = append(found, instance{id: c.ID, running: c.State == container.StateRunning})
	}
	return found
}

func (d docker) crash(t *testing.T, stack, daemon string) {
	t.Helper()
	for _, id := range running(d.instances(t, stack, daemon)) {
		testbed.CrashContainer(t, d.api, id)
	}
}

func (d docker) stopByHand(t *testing.T, stack, daemon string) {
	t.Helper()
	for _, id := range running(d.instances(t, stack, daemon)) {
		if err := d.api.ContainerStop(t.Context(), id, container.StopOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func (d docker) foreign(t *testing.T, name string) func() {
	t.Helper()
	made, err := d.api.ContainerCreate(t.Context(), &container.Config{Image: d.image(t, testbed.Plain)}, nil, nil, nil, name)
	if err == nil {
		t.Cleanup(func() { testbed.RemoveContainer(t, d.api, made.ID) })
		err = d.api.ContainerStart(t.Context(), made.ID, container.StartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		c, err := d.api.ContainerInspect(t.Context(), made.ID)
		if err != nil || !c.State.Running || c.Name != "/"+name {
			t.Errorf("the foreign container was touched: %v, %+v", err, c)
		}
	}
}

func (d docker) leftovers(t *testing.T, stack string) []string {
	t.Helper()
	ours := filters.Arg("label", "dev.alien.daemons.stack="+stack)
	var left []string
	for _, c := range d.list(t, ours) {
		left = append(left, "container "+c.Names[0])
	}
	volumes, err := d.api.VolumeList(t.Context(), volume.ListOptions{Filters: filters.NewArgs(ours)})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Volumes {
		left = append(left, "volume "+v.Name)
	}
	return left
}
