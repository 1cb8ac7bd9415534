package manifest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// load reads a manifest given as text.
func load(t testing.TB, text string) (*Stack, []Finding) {
	t.Helper()
	return Load(Options{Path: "-", Stdin: strings.NewReader(text), LookupEnv: environment})
}

func text(s string) BindingValue { v := Plain(s); return BindingValue{Text: &v} }

func secret(s, origin string) BindingValue { v := Secret(s, origin); return BindingValue{Text: &v} }

func TestWholeManifest(t *testing.T) {
	path := "testdata/corpus/valid/whole.yaml"
	s, findings := Load(Options{Path: path, LookupEnv: environment})
	if len(findings) > 0 {
		t.Fatalf("unexpected findings: %v", findings)
	}
	worker := newDaemon("worker")
	worker.Image = "app:2"
	worker.CPU = Quantity{Request: "0.5"}
	worker.Memory = Quantity{Limit: "1Gi"}
	minute := 60
	want := &Stack{
		Name: "edge", Form: Friendly, Platforms: []Platform{Local, Kubernetes},
		Kubernetes:      KubernetesPin{Context: "prod", Namespace: "edge"},
		ServiceAccounts: map[string]ServiceAccount{"execution": {Annotations: map[string]string{"example.com/role": "arn:eu"}}},
		Deployment:      Deployment{ID: "edge", Name: "edge"},
		Daemons: []Daemon{{
			Name: "connector", Image: "ghcr.io/acme/connector:2026-05-17", PullPolicy: PullAlways,
			Command: []string{"/connector", "--verbose"},
			Environment: []Env{
				{"LOG_LEVEL", Plain("info")},
				{"REGION", Plain("in-eu")},
				{"LITERAL", Plain("$5 ${NOT} $HOME")},
				{"API_KEY", Secret("k$ey${X}", "environment variable ACME_API_KEY")},
				{"CERT", Secret("-----BEGIN ${NOT_A_VARIABLE}-----\n\n", "file ../files/cert.pem")},
				{"DB_PASS", FromRef(SecretRef{Name: "db", Key: "password"})},
				{"EMPTY", Plain("")},
				{"BUILD_DATE", Plain("2026-05-17")},
			},
			Links: []Link{{ID: "cache"}, {ID: "reports"}}, Permissions: "execution", CommandsEnabled: true,
			CPU: Quantity{Request: "0.1"}, Memory: Quantity{Request: "64Mi", Limit: "128Mi"},
			StopGrace: 45 * time.Second, Settle: 250 * time.Millisecond, StartFailuresAllowed: 5,
			HealthCheck: &HealthCheck{
				Command: []string{"/connector", "health"}, Interval: 7 * time.Second, Timeout: 3 * time.Second,
				FailureThreshold: 4, StartPeriod: 10 * time.Second,
			},
			Runtime: RuntimeOptions{
				User: "1000:1000", Privileged: true, PidNamespace: "host", NetworkMode: "appnet", Init: true,
				Mounts: []Mount{{Source: "/var/log", Target: "/logs", Options: "ro"}},
			},
			Cluster: ClusterOptions{
				ImagePullSecrets: []string{"registry-login"}, NodeSelector: map[string]string{"disk": "ssd"},
				Tolerations: []Toleration{{Key: "dedicated", Value: "edge", Effect: "NoExecute", Seconds: &minute}, {Operator: "Exists"}},
				Labels:      map[string]string{"team": "in-eu"}, Annotations: map[string]string{"example.com/scrape": "false"},
				ServiceAccountName: "edge", PriorityClassName: "high",
			},
		}, worker},
		Resources: []Resource{
			{ID: "reports", Type: "storage", Bindings: map[Platform]Binding{}},
			{ID: "cache", Type: "kv", Bindings: map[Platform]Binding{
				Local: {Fields: []BindingField{{"service", text("local-kv")}, {"dataDir", text("/data")}}},
				Kubernetes: {Fields: []BindingField{
					{"service", text("redis")},
					{"connectionUrl", secret("redis://cache", "environment variable REDIS_URL")},
					{"database", BindingValue{Literal: "2"}},
					{"tls", BindingValue{Object: []BindingField{
						{"verify", BindingValue{Literal: "true"}},
						{"names", BindingValue{List: []BindingValue{text("a"), text("eu")}}},
						{"note", BindingValue{Literal: "null"}},
						{"ratio", BindingValue{Literal: "1.50"}},
					}}},
				}},
			}},
		},
		Undeployed: []Undeployed{{ID: "legacy", Type: "container"}},
		Dir:        "testdata/corpus/valid", File: path,
	}
	if diff := cmp.Diff(want, s, cmpopts.IgnoreUnexported(Stack{})); diff != "" {
		t.Errorf("stack (-want +got):\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	s, _ := load(t, "name: edge\ndaemons: { api: { image: 'app:1', healthCheck: { command: [a] } } }\n")
	want := Daemon{
		Name: "api", Image: "app:1", PullPolicy: PullMissing,
		StopGrace: 30 * time.Second, Settle: 500 * time.Millisecond, StartFailuresAllowed: 2,
		HealthCheck: &HealthCheck{Command: []string{"a"}, Interval: 5 * time.Second, Timeout: 2 * time.Second, FailureThreshold: 3},
	}
	if diff := cmp.Diff(want, s.Daemons[0]); diff != "" {
		t.Errorf("daemon (-want +got):\n%s", diff)
	}
}

func TestMerge(t *testing.T) {
	s, findings := Load(Options{Path: "testdata/corpus/valid/merge.yaml", LookupEnv: environment})
	if len(findings) > 0 {
		t.Fatalf("unexpected findings: %v", findings)
	}
	b, _ := s.Daemon("b")
	c, _ := s.Daemon("c")
	wantB := []Env{{"EXTRA", Plain("1")}, {"LOG", Plain("info")}}
	if b.Image != "app:1" || !cmp.Equal(b.Environment, wantB) || c.Image != "app:1" || !cmp.Equal(c.Environment, wantB[1:]) {
		t.Errorf("merged daemons are %+v and %+v", b, c)
	}
	if at := s.At("daemons.b.image"); at.Line != 3 || at.Path != "daemons.b.image" {
		t.Errorf("what is merged stands at %+v, not where it is written", at)
	}
}

// TestPlaces says where values stand, which is where an editor jumps to.
func TestPlaces(t *testing.T) {
	manifest := "\ufeffname: grüße\r\ndaemons:\r\n  api:\r\n    code: { type: image, image: 'app:1' }\r\n    environment:\r\n" +
		"      ÄÖ: \"ü\"\r\n      BLOCK: |\r\n        text\r\n    command:\r\n    - /app\r\n    - --flag\r\n    links:\r\n"
	s, findings := load(t, manifest)
	if len(findings) > 0 {
		t.Fatalf("unexpected findings: %v", findings)
	}
	for _, c := range []struct {
		model        string
		line, column int
		path         string
	}{
		{"", 1, 1, ""},
		{"name", 1, 7, "name"},
		{"daemons.api", 3, 3, "daemons.api"},
		{"daemons.api.image", 4, 33, "daemons.api.code.image"},
		{"daemons.api.environment", 5, 5, "daemons.api.environment"},
		{"daemons.api.environment.ÄÖ", 6, 11, "daemons.api.environment.ÄÖ"},
		{"daemons.api.environment.BLOCK", 7, 14, "daemons.api.environment.BLOCK"},
		{"daemons.api.command[1]", 11, 7, "daemons.api.command[1]"},
		{"daemons.api.links", 12, 5, "daemons.api.links"},
		{"daemons.api.cpu.min", 3, 3, "daemons.api"},
		{"daemons.nobody.image", 2, 1, "daemons"},
	} {
		if at := s.At(c.model); at.Line != c.line || at.Column != c.column || at.Path != c.path {
			t.Errorf("%s stands at %d:%d %s, want %d:%d %s", c.model, at.Line, at.Column, at.Path, c.line, c.column, c.path)
		}
	}
	if s.Stated("daemons.api.cpu") || !s.Stated("daemons.api.command") {
		t.Error("what is stated is not told from what is not")
	}
}

// TestOtherPlatformsAreNotRead: what only an unwanted platform uses counts by its structure.
func TestOtherPlatformsAreNotRead(t *testing.T) {
	manifest := `name: edge
daemons: { api: { image: "app:1" } }
resources:
  cache:
    type: kv
    kubernetes: { url: { fromEnv: MISSING }, cert: { fromFile: missing }, region: "${MISSING}", typo: { fromEnv: }, named: { fromEnv: "${MISSING}" } }
`
	codes := func(platforms ...Platform) []string {
		var codes []string
		_, findings := Load(Options{Path: "-", Stdin: strings.NewReader(manifest), LookupEnv: environment, Platforms: platforms})
		for _, f := range findings {
			codes = append(codes, f.Code)
		}
		return codes
	}
	if diff := cmp.Diff([]string{CodeType}, codes(Local)); diff != "" {
		t.Errorf("for local (-want +got):\n%s", diff)
	}
	all := []string{CodeFromEnv, CodeFromFile, CodeVariable, CodeType, CodeVariable}
	if diff := cmp.Diff(all, codes(Kubernetes)); diff != "" {
		t.Errorf("for kubernetes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, codes()); diff != "" {
		t.Errorf("for all (-want +got):\n%s", diff)
	}
}

// endless never ends, as a device does.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("a"), len(p))), nil
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("# large\n"), maxSize/8+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		path  string
		stdin io.Reader
		code  string
	}{
		{"missing", filepath.Join(dir, "none.yaml"), nil, CodeNotFound},
		{"below a file", filepath.Join(large, "none.yaml"), nil, CodeUnreadable},
		{"unnamed", "", nil, CodeNotFound},
		{"directory", dir, nil, CodeUnreadable},
		{"large", large, nil, CodeTooLarge},
		{"no standard input", "-", nil, CodeEmpty},
		{"empty standard input", "-", strings.NewReader(""), CodeEmpty},
		{"broken standard input", "-", failing{}, CodeUnreadable},
	} {
		s, findings := Load(Options{Path: c.path, Stdin: c.stdin, LookupEnv: environment})
		if s != nil || len(findings) != 1 || findings[0].Code != c.code || findings[0].File != c.path {
			t.Errorf("%s: got %v, want one %s", c.name, findings, c.code)
		}
	}
	input := &endless{}
	_, findings := Load(Options{Path: "-", Stdin: input})
	if len(findings) != 1 || findings[0].Code != CodeTooLarge || input.read > 4*maxSize {
		t.Errorf("an endless input gives %v after %d bytes", findings, input.read)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFromFileLimit(t *testing.T) {
	dir := t.TempDir()
	large := bytes.Repeat([]byte("x"), maxSize+1)
	if err := os.WriteFile(filepath.Join(dir, "large"), large, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "alien.yaml")
	if err := os.WriteFile(path, []byte("name: e\ndaemons: { a: { image: 'a:1', environment: { X: { fromFile: large } } } }"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, findings := Load(Options{Path: path})
	if len(findings) != 1 || findings[0].Code != CodeFromFile || !strings.Contains(findings[0].Message, "1 MiB") {
		t.Errorf("got %v", findings)
	}
}

// TestSecretsStayHidden: no finding and no printed stack holds what a secret is.
func TestSecretsStayHidden(t *testing.T) {
	lookup := func(string) (string, bool) { return "hunter2", true }
	s, findings := Load(Options{Path: "-", LookupEnv: lookup, Stdin: strings.NewReader(
		"name: e\ndaemons: { a: { image: 'a:1', pullPolicy: nope, environment: { X: { fromEnv: P }, Y: { fromEnv: P, fromFile: x } } } }")})
	if len(findings) == 0 {
		t.Fatal("there are no findings to look at")
	}
	for _, f := range findings {
		if strings.Contains(f.String()+f.Excerpt(0), "hunter2") {
			t.Errorf("a finding shows the secret: %s", f)
		}
	}
	if x := s.Daemons[0].Environment[0].Value; x.Reveal() != "hunter2" || strings.Contains(x.String(), "hunter2") {
		t.Error("the secret is not kept, or shown")
	}
}

// TestHabits: every word of the tables is refused with its own sentence, so none of them is a field.
func TestHabits(t *testing.T) {
	for _, c := range []struct {
		habits map[string]string
		at     string // where the word goes, as %s
	}{
		{stackHabits(), "name: e\ndaemons: { a: { image: x } }\n%s: y\n"},
		{daemonHabits(), "name: e\ndaemons: { a: { image: x, %s: y } }\n"},
		{codeHabits(), "name: e\ndaemons: { a: { code: { type: image, image: x, %s: y } } }\n"},
		{quantityHabits(), "name: e\ndaemons: { a: { image: x, cpu: { %s: y } } }\n"},
		{healthHabits(), "name: e\ndaemons: { a: { image: x, healthCheck: { command: [x], %s: y } } }\n"},
		{runtimeHabits(), "name: e\ndaemons: { a: { image: x, runtime: { %s: y } } }\n"},
		{mountHabits(), "name: e\ndaemons: { a: { image: x, runtime: { mounts: [{ source: /a, target: /b, %s: y }] } } }\n"},
		{resourceHabits(), "name: e\ndaemons: { a: { image: x } }\nresources: { r: { type: kv, %s: y } }\n"},
	} {
		for word, sentence := range c.habits {
			_, findings := load(t, strings.Replace(c.at, "%s", word, 1))
			if len(findings) != 1 || findings[0].Code != CodeForeign || findings[0].Hint != sentence {
				t.Errorf("%s: got %v", word, findings)
			}
		}
	}
}

func TestFindingsComeInFileOrder(t *testing.T) {
	_, findings := load(t, "daemons:\n  a: { pullPolicy: x, image: [] }\n  b: {}\nfoo: 1\nplatforms: [x, local, y]\n")
	var lines []int
	for _, f := range findings {
		lines = append(lines, f.Line*1000+f.Column)
	}
	if diff := cmp.Diff([]int{1001, 2020, 2030, 3006, 4001, 5013, 5023}, lines); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestMergeLeavesConsequencesOut(t *testing.T) {
	at := func(line int, path string, severity Severity, code string) Finding {
		return Finding{Code: code, Severity: severity, Location: Location{Line: line, Path: path}}
	}
	got := Merge(
		[]Finding{at(2, "daemons.a.image", Error, "UNDEFINED"), at(4, "b", Warning, "IGNORED")},
		[]Finding{at(5, "c", Error, "LATER"), at(2, "daemons.a.image", Error, "NO_IMAGE"), at(4, "b", Error, "SERIOUS"), at(1, "a", Error, "FIRST")},
	)
	var codes []string
	for _, f := range got {
		codes = append(codes, f.Code)
	}
	if diff := cmp.Diff([]string{"FIRST", "UNDEFINED", "IGNORED", "SERIOUS", "LATER"}, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestHostileFiles: large files made to cost the most stay cheap. What they cost is counted in memory that was
// allocated, which does not depend on the machine; before there were bounds some took gigabytes.
func TestHostileFiles(t *testing.T) {
	const size = maxSize / 4
	head := "name: e\ndaemons:\n  a:\n    image: x\n    environment:\n"
	numbered := func(head, format, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size-100; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String() + tail
	}
	for name, text := range map[string]string{
		"lists":                strings.Repeat("- \n", size/3),
		"open lists":           strings.Repeat("[", size),
		"empty keys":           strings.Repeat("?\n", size/2),
		"documents":            strings.Repeat("---\n", size/4),
		"comments":             strings.Repeat("a: #c\n  #d\n", size/12),
		"unknown fields":       numbered("", "k%d: v\n", ""),
		"types on one line":    numbered("{name: e, daemons: {a: {image: x, environment: {", "k%d: 1, ", "}}}}"),
		"undefined":            numbered(head, "      k%d: ${V}\n", ""),
		"undefined in one":     numbered(head+"      X: \"", "${V%d}", "\"\n"),
		"anchors":              numbered("x-a: [", "&a%d x, ", "]"),
		"error at the end":     strings.Repeat("x-a: b\n", size/8) + "\n   bad\n",
		"merges of one object": numbered("x-a: &a {"+strings.Repeat("k: v, ", 1000)+"}\n", "x-%d: {<<: *a}\n", ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, findings := load(t, text)
		for _, f := range findings {
			_ = f.Excerpt(0)
		}
		runtime.ReadMemStats(&after)
		if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > 250 || len(findings) == 0 || len(findings) > maxFindings {
			t.Errorf("%s: %d findings for %d MiB", name, len(findings), spent)
		}
	}
}

// TestReferencesAreInterpolatedTheirValuesNot: a variable may say which file to read, and the file may hold anything.
func TestReferencesAreInterpolatedTheirValuesNot(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "eu.pem"), []byte("${REGION}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "alien.yaml")
	if err := os.WriteFile(path, []byte("name: e\ndaemons: { a: { image: x, environment: { X: { fromFile: '${REGION}.pem' }, Y: { secretRef: { name: 's-${REGION}', key: k } } } } }"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, findings := Load(Options{Path: path, LookupEnv: environment})
	if len(findings) > 0 {
		t.Fatalf("unexpected findings: %v", findings)
	}
	want := []Env{{"X", Secret("${REGION}\n", "file eu.pem")}, {"Y", FromRef(SecretRef{Name: "s-eu", Key: "k"})}}
	if diff := cmp.Diff(want, s.Daemons[0].Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
