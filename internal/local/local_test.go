package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local"
	"github.com/alienplatform/alien-go/internal/manifest"
)

func TestChoose(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	socket, missing := write("docker.sock", ""), filepath.Join(dir, "none.sock")
	plain := filepath.Dir(write("plain/config.json", `{"currentContext": "default"}`))
	remote := filepath.Dir(write("remote/config.json", `{"currentContext": "remote"}`))
	broken := filepath.Dir(write("broken/config.json", `{`))
	tests := map[string]struct {
		o    local.Options
		env  map[string]string
		want local.Choice
	}{
		"nothing": {local.Options{Socket: missing}, nil,
			local.Choice{Runtime: manifest.Process, Because: "there is no sign of Docker: no DOCKER_HOST, no context, no socket"}},
		"a socket":          {local.Options{Runtime: "auto", Socket: socket}, nil, local.Choice{Runtime: manifest.Docker, Because: "there is " + socket}},
		"DOCKER_HOST":       {local.Options{Socket: missing}, map[string]string{"DOCKER_HOST": "tcp://x"}, local.Choice{Runtime: manifest.Docker, Because: "DOCKER_HOST is set"}},
		"DOCKER_CONTEXT":    {local.Options{Socket: missing}, map[string]string{"DOCKER_CONTEXT": "x"}, local.Choice{Runtime: manifest.Docker, Because: "DOCKER_CONTEXT is set"}},
		"a stored context":  {local.Options{Socket: missing}, map[string]string{"DOCKER_CONFIG": remote}, local.Choice{Runtime: manifest.Docker, Because: "the current Docker context is remote"}},
		"a broken config":   {local.Options{Socket: missing}, map[string]string{"DOCKER_CONFIG": broken}, local.Choice{Runtime: manifest.Docker, Because: "there is a Docker configuration"}},
		"a host":            {local.Options{DockerHost: "x", Socket: missing}, nil, local.Choice{Runtime: manifest.Docker, Because: "a Docker host is given"}},
		"a context":         {local.Options{DockerContext: "x", Socket: missing}, nil, local.Choice{Runtime: manifest.Docker, Because: "the Docker context x is given"}},
		"docker asked for":  {local.Options{Runtime: "docker", Socket: missing}, nil, local.Choice{Runtime: manifest.Docker, Because: "asked for"}},
		"process asked for": {local.Options{Runtime: "process", Socket: socket}, nil, local.Choice{Runtime: manifest.Process, Because: "asked for"}},
		"empty DOCKER_HOST": {local.Options{Socket: socket}, map[string]string{"DOCKER_HOST": ""}, local.Choice{Runtime: manifest.Docker, Because: "there is " + socket}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.o.LookupEnv = func(name string) (string, bool) {
				if v, ok := test.env[name]; ok {
					return v, true
				}
				if name == "DOCKER_CONFIG" {
					return plain, true
				}
				return "", false
			}
			got, err := local.Choose(test.o)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := local.Choose(local.Options{Runtime: "podman"}); err == nil {
		t.Error("an unknown runtime is accepted")
	}
}

func TestOpenWhatThereIsNot(t *testing.T) {
	_, err := local.Open(t.Context(), local.Options{}, local.Choice{Runtime: manifest.Process, Because: "asked for"})
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != deploy.Unavailable {
		t.Errorf("got %v", err)
	}
}
