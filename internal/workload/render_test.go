package workload

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/manifest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func docker() manifest.Target {
	return manifest.Target{Platform: manifest.Local, Runtime: manifest.Docker}
}
func process() manifest.Target {
	return manifest.Target{Platform: manifest.Local, Runtime: manifest.Process}
}
func cluster() manifest.Target { return manifest.Target{Platform: manifest.Kubernetes} }

func text(v manifest.Value) manifest.BindingValue { return manifest.BindingValue{Text: &v} }

func plain(name, s string) manifest.BindingField {
	return manifest.BindingField{Name: name, Value: text(manifest.Plain(s))}
}

// postgres is a binding with all that JSON has, and a secret deep inside.
func postgres() manifest.Binding {
	return manifest.Binding{Fields: []manifest.BindingField{
		plain("service", "external"),
		plain("host", "db.example.test"),
		{Name: "port", Value: manifest.BindingValue{Literal: "5432"}},
		{Name: "password", Value: text(manifest.Secret("p\"a$s\n<&>é", "environment variable DB_PASS"))},
		{Name: "extra", Value: manifest.BindingValue{Object: []manifest.BindingField{
			{Name: "ca", Value: manifest.BindingValue{List: []manifest.BindingValue{text(manifest.Plain("one")), {Literal: "null"}}}},
			{Name: "none", Value: manifest.BindingValue{List: []manifest.BindingValue{}}},
			{Name: "empty", Value: manifest.BindingValue{}},
		}}},
	}}
}

// fullStack uses all there is; preflight would refuse parts of it on some target.
func fullStack() *manifest.Stack {
	given := func(b manifest.Binding) map[manifest.Platform]manifest.Binding {
		return map[manifest.Platform]manifest.Binding{manifest.Kubernetes: b, manifest.Local: b}
	}
	inCluster := func(fields ...manifest.BindingField) map[manifest.Platform]manifest.Binding {
		return map[manifest.Platform]manifest.Binding{manifest.Kubernetes: {Fields: fields}}
	}
	return &manifest.Stack{
		Name: "edge", Dir: filepath.FromSlash("/srv/edge"),
		Daemons: []manifest.Daemon{
			{
				Name: "connector", Image: "example.test/acme/connector:1", PullPolicy: manifest.PullAlways,
				Command: []string{"/connector", "--name", "a b"},
				Environment: []manifest.Env{
					{Name: "ZED", Value: manifest.Plain("")},
					{Name: "API_KEY", Value: manifest.Secret("$(ZED) $$ 'q'", "environment variable ACME_API_KEY")},
					{Name: "LINES", Value: manifest.Plain("one\ntwo")},
				},
				Links: []manifest.Link{{ID: "event-store"}, {ID: "db"}, {ID: "cache"}, {ID: "creds"}, {ID: "jobs"}},
				CPU:   manifest.Quantity{Request: "0.1", Limit: "0.25"}, Memory: manifest.Quantity{Request: "64Mi", Limit: "128Mi"},
				StopGrace: 45 * time.Second, Settle: 500 * time.Millisecond, StartFailuresAllowed: 2,
				HealthCheck: &manifest.HealthCheck{Command: []string{"/connector", "health"}, Interval: 5 * time.Second,
					Timeout: 2 * time.Second, FailureThreshold: 3, StartPeriod: 10 * time.Second},
				Runtime: manifest.RuntimeOptions{User: "1000:1000", Privileged: true, PidNamespace: "host", NetworkMode: "host", Init: true,
					Mounts: []manifest.Mount{{Source: "/var/log", Target: "/logs", Options: "ro"}, {Source: "/data", Target: "/data", Options: "rw, z,"}}},
			},
			{
				Name: "plain", Image: "oci-archive:images/plain.tar", StopGrace: 30 * time.Second,
				CPU: manifest.Quantity{Request: "0.1"}, Memory: manifest.Quantity{Request: "128Mi"},
				Runtime: manifest.RuntimeOptions{PidNamespace: "private", NetworkMode: "appnet"},
			},
		},
		Resources: []manifest.Resource{
			{ID: "event-store", Type: "storage", Bindings: inCluster(plain("service", "s3"), plain("bucketName", "acme-events"))},
			{ID: "cache", Type: "kv", Bindings: inCluster(plain("service", "redis"), plain("connectionUrl", "redis://cache:6379"))},
			{ID: "creds", Type: "vault", Bindings: inCluster(plain("service", "kubernetes-secret"), plain("namespace", "acme"), plain("vaultPrefix", "acme-creds"))},
			{ID: "jobs", Type: "queue", Bindings: inCluster(plain("service", "sqs"), plain("queueUrl", "https://sqs.example.test/1/jobs"))},
			{ID: "db", Type: "postgres", Bindings: given(postgres())},
		},
	}
}

// describe writes all of a workload, secrets too: they are the test's own.
func describe(w Workload) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s/%s = %s", w.Stack, w.Daemon, w.Name())
	line("image %s pull %s command %q", filepath.ToSlash(w.Image), w.PullPolicy, w.Command)
	for _, e := range w.Env {
		line("env %s=%q %s", e.Name, e.Value.Reveal(), e.Value.Origin())
	}
	for _, m := range w.Binds {
		line("bind %s -> %s readonly=%v options=%q", m.Source, m.Target, m.ReadOnly, m.Options)
	}
	for _, v := range w.Volumes {
		line("volume %s of %s -> %s", v.Name, v.Resource, v.Target)
	}
	line("user %q privileged=%v hostpid=%v hostnetwork=%v init=%v", w.User, w.Privileged, w.HostPID, w.HostNetwork, w.Init)
	line("cpu %d..%d memory %d..%d", w.CPURequest, w.CPULimit, w.MemoryRequest, w.MemoryLimit)
	line("grace %s settle %s failures %d", w.StopGrace, w.Settle, w.StartFailuresAllowed)
	if w.Health != nil {
		line("health %+v", *w.Health)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
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
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func TestRender(t *testing.T) {
	for name, target := range map[string]manifest.Target{"docker": docker(), "process": process(), "kubernetes": cluster()} {
		t.Run(name, func(t *testing.T) {
			ws, err := Render(fullStack(), target)
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, w := range ws {
				all = append(all, describe(w))
			}
			golden(t, "render-"+name+".golden", strings.Join(all, "\n"))
		})
	}
}

func TestRenderLeavesTheStackAlone(t *testing.T) {
	stack := fullStack()
	ws, err := Render(stack, docker())
	if err != nil {
		t.Fatal(err)
	}
	ws[0].Command[0], ws[0].Health.Command[0], ws[0].Env[0].Name = "x", "x", "x"
	d := stack.Daemons[0]
	if d.Command[0] == "x" || d.HealthCheck.Command[0] == "x" || d.Environment[0].Name == "x" {
		t.Error("a workload shares memory with the stack it was made from")
	}
}

func TestRenderIdentity(t *testing.T) {
	stack := fullStack()
	stack.Deployment = manifest.Deployment{ID: "dep-1", Name: "blue"}
	stack.Daemons[1].Environment = []manifest.Env{{Name: "ALIEN_DEPLOYMENT_ID", Value: manifest.Plain("mine")}, {Name: "A", Value: manifest.Plain("1")}}
	ws, err := Render(stack, docker())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range ws[1].Env {
		got = append(got, e.Name+"="+e.Value.String())
	}
	want := []string{"A=1", "ALIEN_DEPLOYMENT_TYPE=local", "ALIEN_DEPLOYMENT_ID=dep-1", "ALIEN_DEPLOYMENT_NAME=blue"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment differs (-want +got):\n%s", diff)
	}
}

// A binding with a secret inside is hidden whole, whoever prints it.
func TestBindingSecretIsHidden(t *testing.T) {
	ws, err := Render(fullStack(), docker())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ws[0].Env {
		if secret := e.Name == "ALIEN_DB_BINDING" || e.Name == "API_KEY"; e.Value.IsSecret() != secret {
			t.Errorf("%s: secret is %v, want %v", e.Name, e.Value.IsSecret(), secret)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", ws, ws, ws); strings.Contains(s, "p\\\"a") || strings.Contains(s, "$(ZED)") {
		t.Errorf("printing workloads shows a secret: %s", s)
	}
}

func TestRenderErrors(t *testing.T) {
	ref := manifest.FromRef(manifest.SecretRef{Name: "db", Key: "password"})
	for _, c := range []struct {
		name   string
		target manifest.Target
		change func(*manifest.Stack)
		want   string
	}{
		{"no image", docker(), func(s *manifest.Stack) { s.Daemons[0].Image = "" },
			"cannot render daemon connector for local/docker: it has no image"},
		{"unknown link", docker(), func(s *manifest.Stack) { s.Daemons[0].Links[0].ID = "nope" },
			"cannot render daemon connector for local/docker: link nope: there is no such resource"},
		{"no binding", docker(), func(s *manifest.Stack) { s.Resources[4].Bindings = nil },
			"cannot render daemon connector for local/docker: link db: a postgres has no binding for local"},
		{"no place in a cluster", cluster(), func(s *manifest.Stack) { s.Resources[0].Bindings = nil },
			"cannot render daemon connector for kubernetes: link event-store: a storage has no binding for kubernetes"},
		{"secret reference outside a cluster", process(), func(s *manifest.Stack) { s.Daemons[0].Environment[0].Value = ref },
			"cannot render daemon connector for local/process: environment.ZED: a key of a Kubernetes Secret can only be read in a cluster"},
		{"secret reference in a binding", docker(), func(s *manifest.Stack) {
			s.Resources[4].Bindings[manifest.Local] = manifest.Binding{Fields: []manifest.BindingField{{Name: "password", Value: text(ref)}}}
		}, "cannot render daemon connector for local/docker: link db: its binding holds a key of a Kubernetes Secret, which can only be read in a cluster"},
		{"bytes that are no text", docker(), func(s *manifest.Stack) {
			s.Resources[4].Bindings[manifest.Local] = manifest.Binding{Fields: []manifest.BindingField{plain("host", "\xff")}}
		}, "cannot render daemon connector for local/docker: link db: its binding holds bytes that are not UTF-8"},
		{"no JSON", docker(), func(s *manifest.Stack) {
			s.Resources[4].Bindings[manifest.Local] = manifest.Binding{Fields: []manifest.BindingField{{Name: "port", Value: manifest.BindingValue{Literal: "01"}}}}
		}, `cannot render daemon connector for local/docker: link db: its binding holds "01", which is no JSON value`},
		{"quantity", docker(), func(s *manifest.Stack) { s.Daemons[0].Memory.Limit = "lots" },
			`cannot render daemon connector for local/docker: memory: cannot read quantity "lots": not a number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack := fullStack()
			c.change(stack)
			ws, err := Render(stack, c.target)
			if err == nil || err.Error() != c.want || ws != nil {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct {
		text        string
		cpu, memory int64 // -1 is an error
	}{
		{"1", 1000, 1}, {"0.1", 100, 1}, {"100m", 100, 1}, {"0.0001", 1, 1}, {".5", 500, 1}, {"5.", 5000, 5},
		{"128Mi", 134217728000, 134217728}, {"1.5Gi", 1610612736000, 1610612736}, {"1k", 1000000, 1000}, {"2M", 2000000000, 2000000},
		{"1e3", 1000000, 1000}, {"1E3", 1000000, 1000}, {"12E-1", 1200, 2}, {"+1", 1000, 1}, {"0", 0, 0},
		{"7E", -1, 7000000000000000000}, {"8Ei", -1, -1}, {"10000000000000000000", -1, -1},
		{"-1", -1, -1}, {"", -1, -1}, {"x", -1, -1}, {"1 ", -1, -1}, {"1e", -1, -1}, {"1e999999999", -1, -1}, {"1/2", -1, -1},
		{"0x10", -1, -1}, {"1_000", -1, -1}, {"1Mi1", -1, -1}, {"Mi", -1, -1}, {"inf", -1, -1}, {"1mb", -1, -1},
		{strings.Repeat("9", 1000), -1, -1},
	} {
		for _, p := range []struct {
			name  string
			parse func(string) (int64, error)
			want  int64
		}{{"cpu", parseCPU, c.cpu}, {"memory", parseMemory, c.memory}} {
			got, err := p.parse(c.text)
			if (err != nil) != (p.want < 0) || err == nil && got != p.want {
				t.Errorf("%s %q = %d, %v; want %d", p.name, c.text, got, err, p.want)
			}
		}
	}
}

func TestFormatQuantities(t *testing.T) {
	for bytes, want := range map[int64]string{0: "", 1: "1", 1000: "1000", 1024: "1Ki", 128 << 20: "128Mi", 1536 << 20: "1536Mi", 1 << 60: "1Ei"} {
		if got := formatMemory(bytes); got != want {
			t.Errorf("formatMemory(%d) = %q, want %q", bytes, got, want)
		}
	}
	for milli, want := range map[int64]string{0: "", 1: "0.001", 100: "0.1", 1000: "1", 2500: "2.5"} {
		if got := formatCPU(milli); got != want {
			t.Errorf("formatCPU(%d) = %q, want %q", milli, got, want)
		}
	}
}
