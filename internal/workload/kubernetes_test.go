package workload

import (
	"slices"
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
)

func textual(v manifest.Value) manifest.BindingValue { return manifest.BindingValue{Text: &v} }

func TestClusterBinding(t *testing.T) {
	ref := func(name, key string) manifest.BindingValue {
		return textual(manifest.FromRef(manifest.SecretRef{Name: name, Key: key}))
	}
	plain := func(s string) manifest.BindingValue { return textual(manifest.Plain(s)) }
	for _, c := range []struct {
		name   string
		fields []manifest.BindingField
		want   []string // NAME=value; of secrets what is revealed, of references name/key
		expand bool
	}{
		{"plain text is not escaped here", []manifest.BindingField{{Name: "service", Value: plain("redis")}, {Name: "keyPrefix", Value: plain("$(TEAM):")}},
			[]string{`ALIEN_CACHE_BINDING={"service":"redis","keyPrefix":"$(TEAM):"}`}, false},
		{"own secret goes whole", []manifest.BindingField{{Name: "connectionUrl", Value: textual(manifest.Secret("a$b", "x"))}},
			[]string{`ALIEN_CACHE_BINDING={"connectionUrl":"a$b"}`}, false},
		{"reference", []manifest.BindingField{{Name: "connectionUrl", Value: ref("redis-auth", "url")}, {Name: "keyPrefix", Value: plain("$(ALIEN_BINDING_X)$")}},
			[]string{"ALIEN_BINDING_CACHE_CONNECTIONURL=redis-auth/url",
				`ALIEN_CACHE_BINDING={"connectionUrl":"$(ALIEN_BINDING_CACHE_CONNECTIONURL)","keyPrefix":"$$(ALIEN_BINDING_X)$$"}`}, true},
		{"own secret beside a reference", []manifest.BindingField{{Name: "user", Value: ref("s", "u")}, {Name: "pass", Value: textual(manifest.Secret("a\"b\n$", "x"))}},
			[]string{"ALIEN_BINDING_CACHE_USER=s/u", `ALIEN_BINDING_CACHE_PASS=a\"b\n$`,
				`ALIEN_CACHE_BINDING={"user":"$(ALIEN_BINDING_CACHE_USER)","pass":"$(ALIEN_BINDING_CACHE_PASS)"}`}, true},
		{"same last segment and lists", []manifest.BindingField{
			{Name: "a", Value: manifest.BindingValue{Object: []manifest.BindingField{{Name: "password", Value: ref("s", "1")}}}},
			{Name: "b", Value: manifest.BindingValue{Object: []manifest.BindingField{{Name: "password", Value: ref("s", "2")}}}},
			{Name: "items", Value: manifest.BindingValue{List: []manifest.BindingValue{ref("s", "3"), {Literal: "4"}}}}},
			[]string{"ALIEN_BINDING_CACHE_PASSWORD=s/1", "ALIEN_BINDING_CACHE_PASSWORD_2=s/2", "ALIEN_BINDING_CACHE_ITEMS_0=s/3",
				`ALIEN_CACHE_BINDING={"a":{"password":"$(ALIEN_BINDING_CACHE_PASSWORD)"},"b":{"password":"$(ALIEN_BINDING_CACHE_PASSWORD_2)"},"items":["$(ALIEN_BINDING_CACHE_ITEMS_0)",4]}`}, true},
	} {
		w := Workload{}
		if err := w.clusterBinding("cache", manifest.Binding{Fields: c.fields}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var got []string
		for _, e := range w.Env {
			value := e.Value.Reveal()
			if r := e.Value.Ref(); r != nil {
				value = r.Name + "/" + r.Key
			}
			got = append(got, e.Name+"="+value)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		if expands := slices.Contains(w.Cluster.Expands, "ALIEN_CACHE_BINDING"); expands != c.expand {
			t.Errorf("%s: expands: %t", c.name, expands)
		}
	}
}

func TestClusterVault(t *testing.T) {
	stack := &manifest.Stack{Name: "edge",
		Resources: []manifest.Resource{{ID: "creds", Type: "vault"}},
		Daemons:   []manifest.Daemon{{Name: "api", Image: "x", Permissions: "execution", Links: []manifest.Link{{ID: "creds"}}}}}
	ws, err := Render(stack, manifest.Target{Platform: manifest.Kubernetes})
	if err != nil {
		t.Fatal(err)
	}
	env := ws[0].Env
	if last := env[len(env)-1]; last.Value.String() != `{"service":"kubernetes-secret","namespace":"$(ALIEN_BINDING_CREDS_NAMESPACE)","vaultPrefix":"edge-creds"}` {
		t.Errorf("binding %s", last.Value)
	}
	if !slices.Equal(ws[0].Cluster.PodFields, []string{"ALIEN_BINDING_CREDS_NAMESPACE"}) || ws[0].Cluster.Profile != "execution" {
		t.Errorf("cluster: %+v", ws[0].Cluster)
	}
}
