package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
)

func TestRuntime(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.sock")
	tests := []struct {
		name, socket, config string
		env                  map[string]string
		want                 manifest.Runtime
	}{
		{name: "nothing", socket: none, want: manifest.Process},
		{name: "socket", socket: socket, want: manifest.Docker},
		{name: "host", socket: none, env: map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:1"}, want: manifest.Docker},
		{name: "context of the environment", socket: none, env: map[string]string{"DOCKER_CONTEXT": "box"}, want: manifest.Docker},
		{name: "default context, no socket", socket: none, env: map[string]string{"DOCKER_CONTEXT": "default"}, want: manifest.Process},
		{name: "default context over a stored one", socket: none, env: map[string]string{"DOCKER_CONTEXT": "default"},
			config: `{"currentContext": "box"}`, want: manifest.Process},
		{name: "stored context", socket: none, config: `{"currentContext": "box"}`, want: manifest.Docker},
		{name: "stored default context", socket: none, config: `{"currentContext": "default"}`, want: manifest.Process},
		{name: "configuration without a context", socket: none, config: `{"auths": {}}`, want: manifest.Process},
		{name: "unreadable configuration", socket: none, config: `{`, want: manifest.Docker},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.config != "" {
				if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(tt.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			env := func(name string) (string, bool) {
				if name == "DOCKER_CONFIG" {
					return dir, true
				}
				v, ok := tt.env[name]
				return v, ok
			}
			if got := runtime(env, "unix://"+tt.socket); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
