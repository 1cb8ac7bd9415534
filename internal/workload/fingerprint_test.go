package workload

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/manifest"
)

func testKey() []byte { return []byte("0123456789abcdef") }

// connector is the workload with everything set.
func connector(t *testing.T) Workload {
	t.Helper()
	ws, err := Render(fullStack(), docker())
	if err != nil {
		t.Fatal(err)
	}
	return ws[0]
}

// plainOne is the workload with everything at its default.
func plainOne(t *testing.T) Workload {
	t.Helper()
	ws, err := Render(fullStack(), docker())
	if err != nil {
		t.Fatal(err)
	}
	return ws[1]
}

// These hashes are written on people's containers. A release that changes one restarts every daemon there is: if this
// test fails, the change is wrong, not the test.
func TestHashIsForEver(t *testing.T) {
	for _, c := range []struct {
		w    Workload
		want string
	}{
		{connector(t), "5a12177e1a14645121aedb132ca05a2d73e02578383793cfc0c836b5caf6ab61"},
		{plainOne(t), "5b6780390cde5a936caca86fc15a2c1ad83206fc456e2e0ac89d11fa6889cc3d"},
	} {
		if got := c.w.Fingerprint(testKey()).Hash; got != c.want {
			t.Errorf("hash of %s is %s, want %s", c.w.Name(), got, c.want)
		}
	}
}

func TestFields(t *testing.T) {
	for name, w := range map[string]Workload{"full": connector(t), "plain": plainOne(t)} {
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(w.Fingerprint(testKey()).Fields, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "fields-"+name+".golden", string(got)+"\n")
		})
	}
}

// change is one edit of a workload and the paths of the fields it is to show in.
type change struct {
	field string // of Workload
	edit  func(*Workload)
	paths []string
}

func changes() []change {
	setEnv := func(name string, v manifest.Value) func(*Workload) {
		return func(w *Workload) {
			i := slices.IndexFunc(w.Env, func(e manifest.Env) bool { return e.Name == name })
			w.Env[i].Value = v
		}
	}
	secret := func(s string) manifest.Value { return manifest.Secret(s, "") }
	ref := func(name, key string) manifest.Value {
		return manifest.FromRef(manifest.SecretRef{Name: name, Key: key})
	}
	apiKey := []string{"environment.API_KEY"}
	lines := []string{"environment.LINES"}
	return []change{
		{"Image", func(w *Workload) { w.Image = "example.test/acme/connector:2" }, []string{"image"}},
		{"Command", func(w *Workload) { w.Command[0] = "/other" }, []string{"command"}},
		{"Command", func(w *Workload) { w.Command = []string{"/connector", "--name a b"} }, []string{"command"}},
		{"Command", func(w *Workload) { w.Command = []string{} }, []string{"command"}},
		{"Command", func(w *Workload) { w.Command = nil }, []string{"command"}},
		{"Env", setEnv("LINES", manifest.Plain("one\ntwo ")), lines},
		{"Env", setEnv("LINES", secret("one\ntwo")), lines},
		{"Env", setEnv("LINES", manifest.Plain(strings.Repeat("x", 9000)+"1")), lines},
		{"Env", setEnv("LINES", manifest.Plain(strings.Repeat("x", 9000)+"2")), lines},
		{"Env", setEnv("API_KEY", secret("other")), apiKey},
		{"Env", setEnv("API_KEY", secret("")), apiKey},
		{"Env", setEnv("API_KEY", manifest.Plain("$(ZED) $$ 'q'")), apiKey},
		{"Env", setEnv("API_KEY", ref("a", "b")), apiKey},
		{"Env", setEnv("API_KEY", manifest.Issued("", "")), apiKey},
		{"Env", setEnv("API_KEY", manifest.Issued("t1", "")), apiKey},
		{"Env", setEnv("API_KEY", manifest.Issued("t2", "x")), apiKey},
		{"Env", setEnv("API_KEY", ref("a", "c")), apiKey},
		{"Env", setEnv("ALIEN_DB_BINDING", secret("{}")), []string{"environment.ALIEN_DB_BINDING"}},
		{"Env", func(w *Workload) { w.Env = w.Env[1:] }, []string{"environment.ZED"}},
		{"Binds", func(w *Workload) { w.Binds[0].Source = "/x" }, []string{"runtime.mounts[/logs].source"}},
		{"Binds", func(w *Workload) { w.Binds[0].ReadOnly = false }, []string{"runtime.mounts[/logs].options"}},
		{"Binds", func(w *Workload) { w.Binds[1].Options = nil }, []string{"runtime.mounts[/data].options"}},
		{"Binds", func(w *Workload) { w.Binds = w.Binds[:1] }, []string{"runtime.mounts[/data].options", "runtime.mounts[/data].source"}},
		{"Volumes", func(w *Workload) { w.Volumes[0].Target = "/x" }, []string{"links.event-store"}},
		{"Volumes", func(w *Workload) { w.Volumes = w.Volumes[1:] }, []string{"links.event-store"}},
		{"User", func(w *Workload) { w.User = "" }, []string{"runtime.user"}},
		{"Privileged", func(w *Workload) { w.Privileged = false }, []string{"runtime.privileged"}},
		{"HostPID", func(w *Workload) { w.HostPID = false }, []string{"runtime.pidNamespace"}},
		{"Cluster", func(w *Workload) { w.Cluster.Profile = "execution" }, []string{"permissions"}},
		{"HostNetwork", func(w *Workload) { w.HostNetwork = false }, []string{"runtime.networkMode"}},
		{"Init", func(w *Workload) { w.Init = false }, []string{"runtime.init"}},
		{"CPULimit", func(w *Workload) { w.CPULimit++ }, []string{"cpu.desired"}},
		{"CPURequest", func(w *Workload) { w.CPURequest = 1 }, []string{"cpu.min"}},
		{"MemoryLimit", func(w *Workload) { w.MemoryLimit++ }, []string{"memory.desired"}},
		{"MemoryRequest", func(w *Workload) { w.MemoryRequest = 1 }, []string{"memory.min"}},
		{"StopGrace", func(w *Workload) { w.StopGrace = 30 * time.Second }, []string{"stopGracePeriodSeconds"}},
		{"Health", func(w *Workload) { w.Health.Command = nil }, []string{"healthCheck.command"}},
		{"Health", func(w *Workload) { w.Health.Interval += time.Millisecond }, []string{"healthCheck.intervalSeconds"}},
		{"Health", func(w *Workload) { w.Health.Timeout++ }, []string{"healthCheck.timeoutSeconds"}},
		{"Health", func(w *Workload) { w.Health.FailureThreshold++ }, []string{"healthCheck.failureThreshold"}},
		{"Health", func(w *Workload) { w.Health.StartPeriod = 0 }, []string{"healthCheck.startPeriodSeconds"}},
		{"Health", func(w *Workload) { w.Health = nil }, []string{"healthCheck.command", "healthCheck.startPeriodSeconds"}},
	}
}

// Each change shows in the hash, no two changes come to the same hash, and each shows in exactly its own fields.
func TestEveryChangeShows(t *testing.T) {
	before := connector(t).Fingerprint(testKey())
	seen := map[string]int{before.Hash: -1}
	for i, c := range changes() {
		w := connector(t)
		c.edit(&w)
		after := w.Fingerprint(testKey())
		if j, ok := seen[after.Hash]; ok {
			t.Errorf("change %d of %s has the hash of change %d", i, c.field, j)
		}
		seen[after.Hash] = i
		if diff := cmp.Diff(c.paths, differing(before.Fields, after.Fields)); diff != "" {
			t.Errorf("change %d of %s shows in other fields (-want +got):\n%s", i, c.field, diff)
		}
	}
}

func differing(a, b []Field) []string {
	count := map[Field]int{}
	for _, f := range a {
		count[f]++
	}
	for _, f := range b {
		count[f]--
	}
	var paths []string
	for f, n := range count {
		if n != 0 {
			paths = append(paths, f.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Every field of Workload either shows in the hash or is left out for a reason. A new one has to choose.
func TestEveryFieldIsAccountedFor(t *testing.T) {
	accounted := map[string]bool{
		"Stack": true, "Daemon": true, // who it is, not what it runs: the platform compares like with like
		"PullPolicy": true, "Settle": true, "StartFailuresAllowed": true, // how a start is made and judged
		"Commands": true, // the variables that come of it show
	}
	for _, c := range changes() {
		accounted[c.field] = true
	}
	for field := range reflect.TypeFor[Workload]().Fields() {
		if !accounted[field.Name] {
			t.Errorf("Workload.%s is neither in a change of this test nor left out of the hash on purpose", field.Name)
		}
	}
}

func TestWhatDoesNotRestart(t *testing.T) {
	want := plainOne(t).Fingerprint(testKey())
	for name, edit := range map[string]func(*Workload){
		"settle":      func(w *Workload) { w.Settle = time.Hour },
		"failures":    func(w *Workload) { w.StartFailuresAllowed = 9 },
		"pull policy": func(w *Workload) { w.PullPolicy = manifest.PullAlways },
		"checkout":    func(w *Workload) { w.Image = "oci-archive:/elsewhere/images/plain.tar" },
	} {
		w := plainOne(t)
		edit(&w)
		if diff := cmp.Diff(want, w.Fingerprint(testKey())); diff != "" {
			t.Errorf("%s changes the fingerprint:\n%s", name, diff)
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	want := connector(t).Fingerprint(testKey())
	for seed := range uint64(200) {
		w, r := connector(t), rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(w.Env), func(i, j int) { w.Env[i], w.Env[j] = w.Env[j], w.Env[i] })
		r.Shuffle(len(w.Binds), func(i, j int) { w.Binds[i], w.Binds[j] = w.Binds[j], w.Binds[i] })
		r.Shuffle(len(w.Volumes), func(i, j int) { w.Volumes[i], w.Volumes[j] = w.Volumes[j], w.Volumes[i] })
		if diff := cmp.Diff(want, w.Fingerprint(testKey())); diff != "" {
			t.Fatalf("seed %d changes the fingerprint:\n%s", seed, diff)
		}
	}
}

func TestSecretsCannotBeGuessed(t *testing.T) {
	const guess = "hunter2"
	w := Workload{Env: []manifest.Env{
		{Name: "A", Value: manifest.Secret(guess, "file a")}, {Name: "B", Value: manifest.Secret(guess, "file b")}}}
	fp := w.Fingerprint(testKey())
	shown, err := json.Marshal(fp)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(guess)))
	if strings.Contains(string(shown), guess) || strings.Contains(string(shown), sum) {
		t.Errorf("the fingerprint shows a secret: %s", shown)
	}
	a, b := secretField(fp, "environment.A"), secretField(fp, "environment.B")
	if a == "" || a == b {
		t.Errorf("equal secrets look equal: %q and %q", a, b)
	}
	if other := w.Fingerprint([]byte("another key")); other.Hash == fp.Hash || secretField(other, "environment.A") == a {
		t.Error("the key does not matter")
	}
	if none := secretField(w.Fingerprint(nil), "environment.A"); none != "unkeyed" {
		t.Errorf("without a key %q is recorded, want nothing that depends on the secret", none)
	}
}

func secretField(fp Fingerprint, path string) string {
	for _, f := range fp.Fields {
		if f.Path == path && f.Secret {
			return f.Value
		}
	}
	return ""
}

// What is recorded has to fit into labels and annotations.
func TestLongValuesAreBounded(t *testing.T) {
	long := "x" + strings.Repeat("é", 100_000)
	w := Workload{Env: []manifest.Env{{Name: "A", Value: manifest.Plain(long)}}, Command: []string{long}}
	for _, f := range w.Fingerprint(testKey()).Fields {
		if len(f.Value) > maxFieldValue || strings.ContainsRune(f.Value, '\uFFFD') {
			t.Errorf("%s is recorded with %d bytes, or cut inside a letter", f.Path, len(f.Value))
		}
	}
}
