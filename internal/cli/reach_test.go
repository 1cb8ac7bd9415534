package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
)

func TestReach(t *testing.T) {
	docker := manifest.Target{Platform: manifest.Local, Runtime: manifest.Docker}
	process := manifest.Target{Platform: manifest.Local, Runtime: manifest.Process}
	cluster := manifest.Target{Platform: manifest.Kubernetes}
	here := bridge{gateway: "172.17.0.1", here: true}
	own := "http://127.0.0.1:8080"
	for _, c := range []struct {
		name      string
		base      string
		listeners []string
		target    manifest.Target
		host      bool
		bridge    bridge
		want      string // the address, or part of the hint
		refused   bool
	}{
		{"process", own, []string{own}, process, false, bridge{}, own, false},
		{"host network", own, []string{own}, docker, true, here, own, false},
		{"bridge", own, []string{own}, docker, false, here, "alien serve --listen 127.0.0.1:8080 --listen 172.17.0.1:8080", true},
		{"bridge, with a listener", own, []string{own, "http://172.17.0.1:9000"}, docker, false, here, "http://172.17.0.1:9000", false},
		{"bridge, every address", "http://0.0.0.0:8080", []string{"http://0.0.0.0:8080"}, docker, false, here, "http://172.17.0.1:8080", false},
		{"bridge, every address of IPv6", own, []string{own, "https://[::]:8443"}, docker, false, here, "https://172.17.0.1:8443", false},
		{"bridge, another listener only", own, []string{own, "http://10.0.0.5:1"}, docker, false, here, "--listen 172.17.0.1:8080", true},
		{"bridge, named localhost", "http://localhost:8080", nil, docker, false, here, "--listen localhost:8080 --listen 172.17.0.1:8080", true},
		{"bridge, named elsewhere", "https://m.example", nil, docker, false, here, "https://m.example", false},
		{"no bridge", own, []string{own}, docker, false, bridge{here: true}, "networkMode: host", true},
		{"engine elsewhere", own, []string{own}, docker, false, bridge{gateway: "172.17.0.1"}, "--manager URL", true},
		{"engine elsewhere, host network", own, []string{own}, docker, true, bridge{gateway: "172.17.0.1"}, "--manager URL", true},
		{"engine elsewhere, outward listener", own, []string{own, "http://10.0.0.5:1"}, docker, false, bridge{gateway: "172.17.0.1"}, "http://10.0.0.5:1", false},
		{"cluster", own, []string{own, "http://10.0.0.5:1"}, cluster, false, bridge{}, "http://10.0.0.5:1", false},
		{"cluster, named", "https://m.example/x", nil, cluster, false, bridge{}, "https://m.example/x", false},
	} {
		m := &manager{base: c.base, listeners: c.listeners}
		got, err := m.reach(c.target, c.host, c.bridge)
		var f *failure
		switch {
		case !c.refused && (err != nil || got != c.want):
			t.Errorf("%s: %s, %v", c.name, got, err)
		case c.refused && (!errors.As(err, &f) || !strings.Contains(f.hint, c.want)):
			t.Errorf("%s: %s, %+v", c.name, got, f)
		}
	}
	for base, loopbackOnly := range map[string]bool{own: true, "http://localhost:1": true, "http://[::1]:1": true, "https://m.example": false, "http://10.0.0.5": false} {
		if got := (&manager{base: base}).facts().Loopback; got != loopbackOnly {
			t.Errorf("%s: loopback only %t", base, got)
		}
	}
}
