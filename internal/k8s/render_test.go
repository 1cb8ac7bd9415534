package k8s

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

var update = flag.Bool("update", false, "write the golden files")

func testKey() []byte { return []byte("0123456789abcdef0123456789abcdef") }

func testRecord() recordOptions {
	return recordOptions{Settle: "500ms", Version: "1.2.3", Source: "alien.yaml on builder"}
}

// simple is the least that a daemon can be.
func simple() workload.Workload {
	return workload.Workload{Stack: "edge", Daemon: "api", Image: "ghcr.io/acme/api:1.2", StopGrace: 30 * time.Second, Settle: 500 * time.Millisecond}
}

// full has everything in it.
func full() workload.Workload {
	minute := 60
	return workload.Workload{
		Stack: "edge", Daemon: "connector", Image: "ghcr.io/acme/connector@sha256:" + strings.Repeat("ab", 32), PullPolicy: manifest.PullAlways,
		Command: []string{"/connector", "$HOME", "$(HOME)", "$$"},
		Env: []manifest.Env{
			{Name: "LEVEL", Value: manifest.Plain("$(X) $ $$")},
			{Name: "EMPTY", Value: manifest.Plain("")},
			{Name: "ZTOKEN", Value: manifest.Secret("hush-1", "x")},
			{Name: "APIKEY", Value: manifest.Secret("hush-2", "x")},
			{Name: "DB_PASS", Value: manifest.FromRef(manifest.SecretRef{Name: "db", Key: "password"})},
			{Name: "ALIEN_BINDING_CACHE_CONNECTIONURL", Value: manifest.FromRef(manifest.SecretRef{Name: "redis", Key: "url"})},
			{Name: "ALIEN_BINDING_CACHE_PASS", Value: manifest.Secret(`hu\"sh-3`, "x")},
			{Name: "ALIEN_CACHE_BINDING", Value: manifest.Plain(`{"connectionUrl":"$(ALIEN_BINDING_CACHE_CONNECTIONURL)","keyPrefix":"$$","pass":"$(ALIEN_BINDING_CACHE_PASS)"}`)},
			{Name: "ALIEN_BINDING_CREDS_NAMESPACE", Value: manifest.Plain("metadata.namespace")},
			{Name: "ALIEN_CREDS_BINDING", Value: manifest.Plain(`{"namespace":"$(ALIEN_BINDING_CREDS_NAMESPACE)"}`)},
		},
		Binds: []workload.Bind{{Source: "/var/log", Target: "/logs", ReadOnly: true}, {Source: "/dev", Target: "/dev", Options: []string{"rslave"}}},
		User:  "1000:2000", CPULimit: 2000, CPURequest: 1500, MemoryLimit: 128 << 20, MemoryRequest: 1000,
		HostPID: true, HostNetwork: true, StopGrace: 1500 * time.Millisecond, Settle: time.Second,
		Health: &manifest.HealthCheck{Command: []string{"/connector", "health", "$X"}, Interval: 5 * time.Second, Timeout: 2 * time.Second,
			FailureThreshold: 3, StartPeriod: 10 * time.Second},
		Cluster: workload.Cluster{Profile: "execution", AccountAnnotations: map[string]string{"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/edge"},
			ClusterOptions: manifest.ClusterOptions{
				ImagePullSecrets: []string{"registry-login"}, NodeSelector: map[string]string{"disk": "ssd"}, PriorityClassName: "high",
				Tolerations: []manifest.Toleration{{Key: "dedicated", Value: "edge", Effect: "NoExecute", Seconds: &minute}, {Operator: "Exists"}},
				Labels:      map[string]string{"team": "blue"}, Annotations: map[string]string{"example.com/scrape": "false"},
			}, Expands: []string{"ALIEN_CACHE_BINDING", "ALIEN_CREDS_BINDING"}, PodFields: []string{"ALIEN_BINDING_CREDS_NAMESPACE"}},
	}
}

func TestRender(t *testing.T) {
	privileged := simple()
	privileged.Privileged, privileged.User = true, "0"
	for name, w := range map[string]workload.Workload{"simple": simple(), "full": full(), "privileged": privileged} {
		t.Run(name, func(t *testing.T) {
			r := render(w, w.Fingerprint(testKey()), testKey(), testRecord())
			var got strings.Builder
			for _, o := range []object{r.serviceAccount, r.secret, r.deployment} {
				if o == nil {
					continue
				}
				text, err := yaml.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n" + string(text))
			}
			golden(t, filepath.Join("testdata", name+".yaml"), got.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// No secret value, and no hash of one that could be guessed against, is where others than readers of Secrets look.
func TestSecretsAreOnlyInSecrets(t *testing.T) {
	w := full()
	r := render(w, w.Fingerprint(testKey()), testKey(), testRecord())
	for _, o := range []object{r.deployment, r.serviceAccount} {
		text := shownWhole(o)
		for _, secret := range []string{"hush", "aHVzaC", "hu\\"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, text)
			}
		}
	}
	other := render(w, w.Fingerprint([]byte("another")), []byte("another"), testRecord())
	if nameOf(other.secret) == nameOf(r.secret) {
		t.Error("the Secret's name does not depend on the key")
	}
}

func TestSecretIsAddressedByItsContent(t *testing.T) {
	a, b := full(), full()
	b.Env[2].Value = manifest.Secret("changed", "x")
	ra, rb := render(a, a.Fingerprint(testKey()), testKey(), testRecord()), render(b, b.Fingerprint(testKey()), testKey(), testRecord())
	if nameOf(ra.secret) == nameOf(rb.secret) {
		t.Error("another content has the same name")
	}
	again := render(full(), full().Fingerprint(testKey()), testKey(), testRecord())
	if diff := cmp.Diff(ra, again, cmp.AllowUnexported(rendered{})); diff != "" {
		t.Errorf("rendering twice differs: %s", diff)
	}
}

func TestImageVersion(t *testing.T) {
	for image, want := range map[string]string{
		"a": "", "a:1.2": "1.2", "h:5000/a": "", "h:5000/a:v1": "v1", "a:1@sha256:00": "1", "a@sha256:00": "", "a:-x": "",
	} {
		if got := imageVersion(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}
