package conformance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// TestKubernetesReach: however a user gets to a cluster, or does not, is told under the code that says which.
func TestKubernetesReach(t *testing.T) {
	on := newKubernetes(t)
	token := userOf(t, on.cluster.Kubeconfig).Token
	plugin := filepath.Join(t.TempDir(), "plugin")
	script := "#!/bin/sh\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"" + token + "\"}}'\n"
	if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	withPlugin := func(command string) func(*api.Config, *api.AuthInfo) {
		return func(_ *api.Config, user *api.AuthInfo) {
			*user = api.AuthInfo{Exec: &api.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: command, InteractiveMode: api.NeverExecInteractiveMode}}
		}
	}
	for _, c := range []struct {
		name string
		edit func(*api.Config, *api.AuthInfo)
		code int
		says string
	}{
		{"as it is", func(*api.Config, *api.AuthInfo) {}, 0, "no stacks"},
		{"credential plugin", withPlugin(plugin), 0, "no stacks"},
		{"failing plugin", withPlugin("/bin/false"), 1, string(deploy.CredentialsRefused)},
		{"missing plugin", withPlugin("/no/such/plugin"), 1, string(deploy.CredentialsRefused)},
		{"expired token", func(_ *api.Config, user *api.AuthInfo) { *user = api.AuthInfo{Token: "of-nobody"} }, 1, string(deploy.CredentialsRefused)},
		{"no server", func(config *api.Config, _ *api.AuthInfo) {
			for _, cluster := range config.Clusters {
				cluster.Server = "https://127.0.0.1:1"
			}
		}, 1, string(deploy.EngineUnreachable)},
		{"no such context", func(config *api.Config, _ *api.AuthInfo) { config.CurrentContext = "gone" }, 1, "gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config, err := clientcmd.LoadFromFile(on.cluster.Kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			for _, user := range config.AuthInfos {
				c.edit(config, user)
			}
			mine := on
			mine.user = filepath.Join(t.TempDir(), "kubeconfig")
			if err := clientcmd.WriteToFile(*config, mine.user); err != nil {
				t.Fatal(err)
			}
			p := newProject(t, mine)
			r := p.alien("daemon", "ls").exits(c.code)
			if c.code == 0 {
				return
			}
			r.says(c.says)
			if strings.Contains(r.stdout+r.stderr, token) {
				t.Error("the token is shown")
			}
		})
	}
}

func userOf(t *testing.T, kubeconfig string) api.AuthInfo {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range config.AuthInfos {
		return *user
	}
	t.Fatalf("%s has no user", kubeconfig)
	return api.AuthInfo{}
}

// TestKubernetesSilence: an API server that takes connections and answers nothing any more is unreachable, and nothing
// waits for it for ever.
func TestKubernetesSilence(t *testing.T) {
	on := behindCluster(t)
	proxy, p := on.proxy, newProject(t, on)
	t.Cleanup(proxy.Heal)
	p.level("1")
	p.up(0)
	p.level("2")
	silent := testbed.ClusterFault{Delay: time.Hour}
	proxy.Before(func(_ int, c testbed.ClusterCall) {
		if c.Method == http.MethodPatch && !c.DryRun { // the replacement begins
			proxy.Fail(silent)
		}
	})
	began := time.Now()
	p.alien("daemon", "up", "--timeout", "5s", "-o", "json").exits(1).says(string(deploy.EngineUnreachable))
	if took := time.Since(began); took > 2*time.Minute {
		t.Errorf("up gave up after %s", took)
	}
	var all sync.WaitGroup
	results := make([]result, 3)
	for i, args := range [][]string{{"status"}, {"diff"}, {"up", "--dry-run"}} {
		all.Go(func() { results[i] = p.alien(append([]string{"daemon"}, args...)...) })
	}
	all.Wait()
	for _, r := range results {
		r.exits(1).says(string(deploy.EngineUnreachable))
	}
	proxy.Reset()
	p.up(0, "--lock-timeout", "2m")
	for _, daemon := range []string{"api", "checked"} {
		if n := len(running(on.instances(t, p.stack, daemon))); n != 1 {
			t.Errorf("afterwards %d of %s run", n, daemon)
		}
	}
}

// TestKubernetesSilenceLater: the same in the middle of any other change, and while a daemon is waited for. Reads are given
// 20 s, writes a minute, and the lock half a minute.
func TestKubernetesSilenceLater(t *testing.T) {
	deployment := func(method string) func(testbed.ClusterCall) bool {
		return func(c testbed.ClusterCall) bool {
			return c.Method == method && strings.Contains(c.Path, "/deployments/")
		}
	}
	for _, c := range []struct {
		name     string
		command  []string
		isMoment func(testbed.ClusterCall) bool
		answered bool // the call at that moment still is
	}{
		{"waiting", []string{"up", "--timeout", "10m"}, deployment(http.MethodPatch), true},
		{"restart", []string{"restart", "api"}, deployment(http.MethodPatch), false},
		{"down", []string{"down"}, deployment(http.MethodDelete), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			on := behindCluster(t)
			p := newProject(t, on)
			t.Cleanup(on.proxy.Heal)
			ready := filepath.Join(p.dir, "ready")
			if err := os.WriteFile(ready, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			p.manifest(checkedByFile)
			p.up(0)
			if err := os.Remove(ready); err != nil {
				t.Fatal(err)
			}
			p.manifest(strings.Replace(checkedByFile, "runtime:", "environment: { LEVEL: \"2\" }\n    runtime:", 1))
			silence := func(_ int, call testbed.ClusterCall) {
				if c.isMoment(call) && !call.DryRun {
					on.proxy.Fail(testbed.ClusterFault{Delay: time.Hour})
					on.proxy.CutWatches()
				}
			}
			if c.answered {
				on.proxy.After(silence)
			} else {
				on.proxy.Before(silence)
			}
			began := time.Now()
			p.alien(append([]string{"daemon"}, c.command...)...).exits(1).says(string(deploy.EngineUnreachable))
			if took := time.Since(began); took > 3*time.Minute {
				t.Errorf("it gave up after %s", took)
			}
			on.proxy.Reset()
			if err := os.WriteFile(ready, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			p.up(0, "--lock-timeout", "2m")
			p.only("api")
		})
	}
}
