package preflight_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

// TestFindingsStayShort: a manifest of monstrous words is told about in readable lines.
func TestFindingsStayShort(t *testing.T) {
	monster := strings.Repeat("X", 1<<20)
	s := sound()
	s.Name, s.Kubernetes.Namespace = monster, monster
	d := &s.Daemons[0]
	d.Image, d.Links, d.Permissions = monster, dependsOn(monster), monster
	d.CPU, d.Memory = manifest.Quantity{Request: monster}, manifest.Quantity{Limit: monster}
	d.Runtime = manifest.RuntimeOptions{User: monster, PidNamespace: monster, NetworkMode: monster}
	d.Runtime.Mounts = []manifest.Mount{{Source: monster, Target: "/" + monster + "/../:", Options: monster}}
	d.Environment = []manifest.Env{env(monster, monster), env("ALIEN_"+monster+"_BINDING", ""), env("A", ""), env("A", "")}
	link(s, d, monster, monster, binding("service", monster))
	for _, target := range every {
		findings := preflight.Check(s, target)
		if len(findings) < 15 {
			t.Errorf("%s: found only %v", target, codes(findings))
		}
		for _, f := range findings {
			if len(f.Message) > 1000 || len(f.Hint) > 1000 {
				t.Errorf("%s on %s is %d and %d bytes long", f.Code, target, len(f.Message), len(f.Hint))
			}
		}
	}
}

// TestLongListsAreCut: of many names the first are given, of a long circle both ends.
func TestLongListsAreCut(t *testing.T) {
	s := &manifest.Stack{Name: "edge"}
	for i := range 5000 {
		d := daemon(fmt.Sprintf("d%d", i))
		d.DependsOn = dependsOn(fmt.Sprintf("d%d", (i+1)%5000))
		s.Daemons = append(s.Daemons, d)
	}
	findings := preflight.Check(s, docker)
	want := "depends on itself: d0 -> d1 -> d2 -> d3 -> d4 -> d5 -> … -> d4995 -> d4996 -> d4997 -> d4998 -> d4999 -> d0"
	if len(findings) != 1 || findings[0].Message != want {
		t.Errorf("found:\n%s", lines(findings))
	}
}
