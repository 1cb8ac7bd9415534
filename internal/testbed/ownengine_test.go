package testbed_test

import (
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/alienplatform/alien-go/internal/testbed"
)

func TestOwnEngineRestartsContainers(t *testing.T) {
	e := testbed.OwnEngine(t)
	ref := testbed.Load(t, e.API, testbed.Plain)
	host := &container.HostConfig{NetworkMode: "none", RestartPolicy: container.RestartPolicy{Name: "always"}}
	c, err := e.API.ContainerCreate(t.Context(), &container.Config{Image: ref}, host, nil, nil, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.API.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	e.Restart(t)
	output(t, e.API, c.ID, "stopping: terminated\nrunning")
	e.Kill(t)
	e.Start(t)
	output(t, e.API, c.ID, "running\nstopping: terminated\nrunning\nstopping: terminated\nrunning")
}
