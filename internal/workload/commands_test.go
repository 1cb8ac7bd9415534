package workload

import (
	"slices"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
)

func TestCommands(t *testing.T) {
	stack := &manifest.Stack{Name: "edge", Deployment: manifest.Deployment{ID: "dep", Name: "edge"}, Daemons: []manifest.Daemon{
		{Name: "on", Image: "x", CommandsEnabled: true}, {Name: "off", Image: "x"}}}
	ws, err := Render(stack, manifest.Target{Platform: manifest.Local, Runtime: manifest.Docker})
	if err != nil {
		t.Fatal(err)
	}
	off := ws[1].WithCommands("http://m:1", nil)
	if names := namesOf(off); !slices.Equal(names, namesOf(ws[1])) || slices.Contains(names, "ALIEN_COMMANDS_URL") {
		t.Errorf("a daemon that takes no commands has %v", names)
	}
	before := namesOf(ws[0])
	on := ws[0].WithCommands("http://m:1/", nil)
	if !slices.Equal(namesOf(ws[0]), before) {
		t.Error("the workload itself was changed")
	}
	want := map[string]string{
		"ALIEN_COMMANDS_URL": "http://m:1/v1", "ALIEN_COMMANDS_TOKEN": "", "ALIEN_COMMANDS_TARGET_RESOURCE_ID": "on",
		"ALIEN_COMMANDS_TARGET_RESOURCE_TYPE": "daemon", "ALIEN_DEPLOYMENT_ID": "dep",
	}
	for _, e := range on.Env {
		if text, ok := want[e.Name]; ok && e.Value.Reveal() != text {
			t.Errorf("%s is %q", e.Name, e.Value.Reveal())
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("%v are missing in %v", want, namesOf(on))
	}
}

func namesOf(w Workload) []string {
	var out []string
	for _, e := range w.Env {
		out = append(out, e.Name)
	}
	return out
}

// TestKeeping: what runs with a token that is still good is what should run; every other token is a change.
func TestKeeping(t *testing.T) {
	w := Workload{Daemon: "on", Commands: Commands{Enabled: true}}
	key := []byte("key")
	running := w.WithCommands("http://m:1", nil).WithToken("t1", "secret").Fingerprint(key)
	for _, c := range []struct {
		name   string
		base   string
		tokens []string
		same   bool
	}{
		{"the same token", "http://m:1", []string{"t0", "t1"}, true},
		{"nobody asked", "http://m:1", nil, true},
		{"revoked", "http://m:1", []string{}, false},
		{"rotated", "http://m:1", []string{"t1@later"}, false},
		{"another manager", "http://m:2", []string{"t1"}, false},
		{"the manager is not known", "", nil, true},
	} {
		now := w.WithCommands(c.base, c.tokens).Keeping(running.Fields)
		if same := now.Fingerprint(key).Hash == running.Hash; same != c.same {
			t.Errorf("%s: the same %t, not %t", c.name, same, c.same)
		}
	}
	if off := (Workload{Daemon: "on"}).Keeping(running.Fields); len(off.Env) > 0 {
		t.Errorf("a daemon that takes no commands any more keeps %v", namesOf(off))
	}
	if id := TokenOf(running.Fields); id != "t1" {
		t.Errorf("the token's id is %q", id)
	}
}
