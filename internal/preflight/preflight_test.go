package preflight_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, text string) (*manifest.Stack, []manifest.Finding) {
	t.Helper()
	stack, findings := manifest.Load(manifest.Options{Path: "-", Stdin: strings.NewReader(text), LookupEnv: lookup})
	if stack == nil {
		t.Fatalf("no stack: %v", findings)
	}
	return stack, findings
}

// lookup is the environment the manifests of the tests see.
func lookup(name string) (string, bool) {
	value, ok := map[string]string{
		"SECRET": secretText,
		"BINARY": secretText + "\xff",
		"LONG":   strings.Repeat("x", 128<<10),
		"LARGE":  strings.Repeat("x", 120<<10),
	}[name]
	return value, ok
}

func TestTargets(t *testing.T) {
	cloud := manifest.Target{Platform: manifest.AWS}
	for _, c := range []struct {
		name      string
		platforms []manifest.Platform
		want      []manifest.Target
	}{
		{"none declared", nil, []manifest.Target{docker, process, cluster}},
		{"local", []manifest.Platform{manifest.Local}, []manifest.Target{docker, process}},
		{"kubernetes", []manifest.Platform{manifest.Kubernetes}, []manifest.Target{cluster}},
		{"local and a cloud", []manifest.Platform{manifest.Local, manifest.AWS}, []manifest.Target{docker, process, cloud}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := preflight.Targets(&manifest.Stack{Platforms: c.platforms})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const faulty = `name: Edge
platforms: [local, kubernetes, aws]
daemons:
  api:
    image: ghcr.io/acme/Api:1
    links: [db, db]
    environment:
      ALIEN_SECRETS: { fromEnv: SECRET }
      DB: { secretRef: { name: db, key: password } }
    runtime: { privileged: true, init: true, networkMode: appnet }
resources:
  db: { type: postgres }
`

// TestAllFindingsAtOnce: for every declared target, each at its place, in file order, what several share only once.
func TestAllFindingsAtOnce(t *testing.T) {
	stack, loaded := load(t, faulty)
	got := lines(preflight.CheckLoaded(stack, loaded, preflight.Targets(stack)))
	want := strings.TrimSpace(`
-:1:7: name: the stack's name "Edge" does not start with a lower-case letter or digit; use lower-case letters, digits and single hyphens, starting and ending with a letter or digit, for example edge [STACK_NAME_INVALID]
-:2:32: platforms[2]: this tool does not deploy to aws; use -p kubernetes with an EKS cluster, or -p local on an EC2 machine [PLATFORM_UNSUPPORTED]
-:5:12: daemons.api.image: "ghcr.io/acme/Api:1" has capitals in its name; write the name in lower case; only the tag may have capitals [IMAGE_REFERENCE_INVALID]
-:6:17: daemons.api.links[1]: "db" is linked twice; remove one of the two [LINK_DUPLICATE]
-:8:22: daemons.api.environment.ALIEN_SECRETS: ALIEN_SECRETS is set by the deployment, not by the manifest; choose another name [ENV_NAME_RESERVED]
-:9:11: daemons.api.environment.DB: the value is in the Kubernetes Secret "db", and there is no cluster on local; use fromEnv or fromFile, which work on every target, or keep this manifest to -p kubernetes [SECRET_REF_UNSUPPORTED]
-:10:28: daemons.api.runtime.privileged: runtime.privileged: true is not possible on local/process: this runtime never gives a process more rights than it has; remove it, or use --runtime docker [FIELD_UNSUPPORTED]
-:10:40: daemons.api.runtime.init: runtime.init: true is not possible on kubernetes: a cluster puts no init process in front of a container; start one in the image, such as tini, and name it in command [FIELD_UNSUPPORTED]
-:10:59: daemons.api.runtime.networkMode: runtime.networkMode: appnet is not possible on local/process: a process has the machine's network and no other; remove it, or use --runtime docker [FIELD_UNSUPPORTED]
-:12:7: resources.db: db is linked by api, and nothing says how to reach a postgres on local; give its binding under the resource, such as local: {service: external, host: …, port: …, database: …, username: …, password: …}, or in the --values file [BINDING_REQUIRED]
-:12:7: resources.db: db is linked by api, and nothing says how to reach a postgres on kubernetes; give its binding under the resource, such as kubernetes: {service: external, host: …, port: …, database: …, username: …, password: …}, or in the --values file [BINDING_REQUIRED]`)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestFindingsNameTheirTarget: only what depends on a target names one, and no more of it than it depends on.
func TestFindingsNameTheirTarget(t *testing.T) {
	stack, loaded := load(t, faulty)
	got := map[string][]string{}
	for _, f := range preflight.CheckLoaded(stack, loaded, preflight.Targets(stack)) {
		got[f.Code] = append(got[f.Code], f.Target)
	}
	want := map[string][]string{
		"STACK_NAME_INVALID": {""}, "IMAGE_REFERENCE_INVALID": {""}, "LINK_DUPLICATE": {""}, "ENV_NAME_RESERVED": {""},
		"PLATFORM_UNSUPPORTED": {"aws"}, "SECRET_REF_UNSUPPORTED": {"local"}, "BINDING_REQUIRED": {"local", "kubernetes"},
		"FIELD_UNSUPPORTED": {"local/process", "kubernetes", "local/process"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCloudStillChecksTheRest: a refused platform does not hide what else is wrong, nor asks for what it would need.
func TestCloudStillChecksTheRest(t *testing.T) {
	stack, _ := load(t, faulty)
	got := codes(preflight.Check(stack, manifest.Target{Platform: manifest.AWS}))
	want := []string{"ENV_NAME_RESERVED", "IMAGE_REFERENCE_INVALID", "LINK_DUPLICATE", "PLATFORM_UNSUPPORTED", "STACK_NAME_INVALID"}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// TestLoadedFindingsAreNotRepeated: what loading reported is not reported again by what follows from it.
func TestLoadedFindingsAreNotRepeated(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"name missing", "daemons: {api: {image: x}}"},
		{"name of the wrong type", "name: [edge]\ndaemons: {api: {image: x}}"},
		{"image missing", "name: edge\ndaemons: {api: {command: [/api]}}"},
		{"image of the wrong type", "name: edge\ndaemons: {api: {image: {x: y}}}"},
		{"probe without command", "name: edge\ndaemons: {api: {image: x, healthCheck: {intervalSeconds: 3}}}"},
		{"mount without target", "name: edge\ndaemons: {api: {image: x, runtime: {mounts: [{source: /a}]}}}"},
		{"resource without type", "name: edge\ndaemons: {api: {image: x, links: [db]}}\nresources: {db: {}}"},
		{"undefined variable", "name: edge\ndaemons: {api: {image: '${NOPE}'}}"},
		{"unknown platform", "name: edge\nplatforms: [lokal]\ndaemons: {api: {image: x}}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack, loaded := load(t, c.text)
			if len(loaded) == 0 {
				t.Fatal("loading found nothing")
			}
			if diff := cmp.Diff(lines(loaded), lines(preflight.CheckLoaded(stack, loaded, preflight.Targets(stack)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMissingDoesNotHideTheName: something missing in a daemon says nothing about the daemon's name.
func TestMissingDoesNotHideTheName(t *testing.T) {
	stack, loaded := load(t, "name: edge\ndaemons: {my_api: {command: [/api]}}")
	got := codes(preflight.CheckLoaded(stack, loaded, preflight.Targets(stack)))
	if want := []string{"DAEMON_NAME_INVALID", "FIELD_MISSING"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestCycleIsNamed(t *testing.T) {
	s := sound()
	link(s, &s.Daemons[0], "cache", "kv", localKV())
	s.Resources[0].DependsOn = dependsOn("worker")
	s.Daemons[1].DependsOn = dependsOn("api")
	findings := preflight.Check(s, docker)
	if len(findings) != 1 || findings[0].Message != "depends on itself: api -> cache -> worker -> api" {
		t.Errorf("found:\n%s", lines(findings))
	}
}

// TestHintsTeach holds the hints that answer a particular slip.
func TestHintsTeach(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func(*manifest.Stack, *manifest.Daemon)
		want  string
	}{
		{"megabytes", memory("", "128MB"), "write 128Mi"},
		{"small m", memory("", "128m"), "write 128Mi"},
		{"spelled out", memory("", "2 GiB"), "write 2Gi"},
		{"name", func(s *manifest.Stack, _ *manifest.Daemon) { s.Name = "My Edge_1" }, "for example my-edge-1"},
		{"URL", image("docker://acme/api"), "leave out the scheme: acme/api"},
		{"dots", mount("/srv/../etc", "/etc2", ""), "write /etc"},
		{"one program's word", mount("/srv", "/srv", "readonly"), "use ro"},
		{"selinux", mount("/srv", "/srv", "Z"), "chcon"},
		{"shared", mount("/srv", "/srv", "shared"), "use rshared"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.alter(s, &s.Daemons[0])
			findings := preflight.Check(s, docker)
			if len(findings) != 1 || !strings.Contains(findings[0].Hint, c.want) {
				t.Errorf("want a hint with %q, found:\n%s", c.want, lines(findings))
			}
		})
	}
}
