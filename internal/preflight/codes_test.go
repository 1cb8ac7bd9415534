package preflight_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

var (
	docker  = manifest.Target{Platform: manifest.Local, Runtime: manifest.Docker}
	process = manifest.Target{Platform: manifest.Local, Runtime: manifest.Process}
	cluster = manifest.Target{Platform: manifest.Kubernetes}
	every   = []manifest.Target{docker, process, cluster}
)

// a codeCase is a stack with one thing wrong, and the targets on which that shows; everywhere when none are given.
type codeCase struct {
	code    string
	name    string
	alter   func(s *manifest.Stack, d *manifest.Daemon)
	targets []manifest.Target
}

func on(targets ...manifest.Target) []manifest.Target { return targets }

// sound is a stack with nothing wrong: two daemons and a linked resource of each kind that has a default.
func sound() *manifest.Stack {
	return &manifest.Stack{
		Name: "edge", Form: manifest.Friendly, File: "alien.yaml",
		Daemons: []manifest.Daemon{daemon("api"), daemon("worker")},
	}
}

func daemon(name string) manifest.Daemon {
	return manifest.Daemon{
		Name: name, Image: "ghcr.io/acme/" + name + ":1.4", PullPolicy: manifest.PullMissing,
		StopGrace: manifest.DefaultStopGrace, Settle: manifest.DefaultSettle,
		StartFailuresAllowed: manifest.DefaultStartFailuresAllowed,
	}
}

func health(command ...string) *manifest.HealthCheck {
	return &manifest.HealthCheck{
		Command: command, Interval: manifest.DefaultHealthInterval, Timeout: manifest.DefaultHealthTimeout,
		FailureThreshold: manifest.DefaultHealthFailureThreshold,
	}
}

func env(name, value string) manifest.Env {
	return manifest.Env{Name: name, Value: manifest.Plain(value)}
}

func ref(name, key string) manifest.Value {
	return manifest.FromRef(manifest.SecretRef{Name: name, Key: key})
}

// binding makes one of name, value pairs; a value is a string, a manifest.Value or a number.
func binding(pairs ...any) manifest.Binding {
	var b manifest.Binding
	for i := 0; i < len(pairs); i += 2 {
		var v manifest.BindingValue
		switch value := pairs[i+1].(type) {
		case string:
			plain := manifest.Plain(value)
			v.Text = &plain
		case manifest.Value:
			v.Text = &value
		case int:
			v.Literal = fmt.Sprint(value)
		}
		b.Fields = append(b.Fields, manifest.BindingField{Name: pairs[i].(string), Value: v})
	}
	return b
}

func text(name, value string) manifest.BindingField { return binding(name, value).Fields[0] }

func pointer(v manifest.Value) *manifest.Value { return &v }

// link declares a resource, links it and binds it on both platforms.
func link(s *manifest.Stack, d *manifest.Daemon, id, kind string, b manifest.Binding) {
	s.Resources = append(s.Resources, manifest.Resource{ID: id, Type: kind,
		Bindings: map[manifest.Platform]manifest.Binding{manifest.Local: b, manifest.Kubernetes: b}})
	d.Links = append(d.Links, manifest.Link{ID: id})
}

func mount(source, target, options string) func(*manifest.Stack, *manifest.Daemon) {
	return func(_ *manifest.Stack, d *manifest.Daemon) {
		d.Runtime.Mounts = append(d.Runtime.Mounts, manifest.Mount{Source: source, Target: target, Options: options})
	}
}

func image(ref string) func(*manifest.Stack, *manifest.Daemon) {
	return func(_ *manifest.Stack, d *manifest.Daemon) { d.Image = ref }
}

func memory(request, limit string) func(*manifest.Stack, *manifest.Daemon) {
	return func(_ *manifest.Stack, d *manifest.Daemon) {
		d.Memory = manifest.Quantity{Request: request, Limit: limit}
	}
}

func cpu(request, limit string) func(*manifest.Stack, *manifest.Daemon) {
	return func(_ *manifest.Stack, d *manifest.Daemon) {
		d.CPU = manifest.Quantity{Request: request, Limit: limit}
	}
}

func variable(name string, value manifest.Value) func(*manifest.Stack, *manifest.Daemon) {
	return func(_ *manifest.Stack, d *manifest.Daemon) {
		d.Environment = append(d.Environment, manifest.Env{Name: name, Value: value})
	}
}

func resource(id, kind string, b manifest.Binding) func(*manifest.Stack, *manifest.Daemon) {
	return func(s *manifest.Stack, d *manifest.Daemon) { link(s, d, id, kind, b) }
}

func dependsOn(ids ...string) []manifest.Link {
	var links []manifest.Link
	for _, id := range ids {
		links = append(links, manifest.Link{ID: id})
	}
	return links
}

// TestSoundStack: what is right is found right on every target.
func TestSoundStack(t *testing.T) {
	for _, c := range soundCases() {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.alter(s, &s.Daemons[0])
			for _, target := range c.targets {
				for _, f := range preflight.Check(s, target) {
					t.Errorf("%s: %s", target, f)
				}
			}
		})
	}
}

// TestCodes: each mistake gives its own code, on the targets where it is one, and nothing else anywhere.
func TestCodes(t *testing.T) {
	for _, c := range codeCases() {
		t.Run(c.code+"/"+c.name, func(t *testing.T) {
			s := sound()
			c.alter(s, &s.Daemons[0])
			for _, target := range append(on(c.targets...), declaredOf(s)...) {
				var want []string
				if len(c.targets) == 0 || slices.Contains(c.targets, target) {
					want = []string{c.code}
				}
				findings := preflight.Check(s, target)
				if got := codes(findings); !slices.Equal(got, want) {
					t.Errorf("%s: found %v, want %v:\n%s", target, got, want, lines(findings))
				}
				for _, f := range findings {
					assertTeaches(t, f)
				}
			}
		})
	}
}

// declaredOf gives the targets of every that the stack is for.
func declaredOf(s *manifest.Stack) []manifest.Target {
	return slices.DeleteFunc(slices.Clone(every), func(t manifest.Target) bool {
		return len(s.Platforms) > 0 && !slices.Contains(s.Platforms, t.Platform)
	})
}

// assertTeaches holds a finding to the form people read: what is wrong, what to do, no full stop, no secret.
func assertTeaches(t *testing.T, f manifest.Finding) {
	t.Helper()
	for what, text := range map[string]string{"message": f.Message, "hint": f.Hint, "path": f.Path} {
		if text == "" {
			t.Errorf("%s has no %s", f.Code, what)
		}
		if what != "path" && strings.HasSuffix(text, ".") {
			t.Errorf("%s: the %s ends in a full stop: %q", f.Code, what, text)
		}
		if strings.Contains(text, secretText) {
			t.Errorf("%s shows a secret: %q", f.Code, text)
		}
	}
}

func codes(findings []manifest.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func lines(findings []manifest.Finding) string {
	var out []string
	for _, f := range findings {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

// TestEveryCodeIsExplainedAndShown: no code without its words, none without a stack that gives it, none twice.
func TestEveryCodeIsExplainedAndShown(t *testing.T) {
	shown := map[string]bool{}
	for _, c := range codeCases() {
		shown[c.code] = true
	}
	explained := map[string]bool{}
	for _, c := range preflight.Codes() {
		if explained[c.Code] {
			t.Errorf("%s is explained twice", c.Code)
		}
		explained[c.Code] = true
		if c.Summary == "" || c.Details == "" || c.Fix == "" {
			t.Errorf("%s is not explained in full: %+v", c.Code, c)
		}
		if !shown[c.Code] {
			t.Errorf("%s has no case", c.Code)
		}
	}
	for code := range shown {
		if !explained[code] {
			t.Errorf("%s is not explained", code)
		}
	}
}

// TestCodesAreOurs: one code means one thing, whichever room it comes from.
func TestCodesAreOurs(t *testing.T) {
	taken := map[string]bool{}
	for _, c := range slices.Concat(manifest.Codes(), deploy.Reasons()) {
		taken[c.Code] = true
	}
	for _, c := range preflight.Codes() {
		if taken[c.Code] {
			t.Errorf("%s is another room's code too", c.Code)
		}
	}
}

// TestLocalWithoutRuntime: where the runtime is not known yet, Docker's column holds.
func TestLocalWithoutRuntime(t *testing.T) {
	s := sound()
	s.Daemons[0].Runtime = manifest.RuntimeOptions{Privileged: true, Init: true, NetworkMode: "appnet"}
	if findings := preflight.Check(s, manifest.Target{Platform: manifest.Local}); len(findings) > 0 {
		t.Errorf("found:\n%s", lines(findings))
	}
}

// secretText stands for every secret of the cases, so that one test can see that none of it is shown.
const secretText = "hunter2-do-not-show"
