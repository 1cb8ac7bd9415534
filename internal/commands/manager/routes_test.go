package manager_test

import (
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/alienplatform/alien-go/internal/commands/api"
)

// TestOpenAPI: every endpoint is in the document, and every one in the document is served.
func TestOpenAPI(t *testing.T) {
	h := start(t)
	var document struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(api.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, methods := range document.Paths {
		for method := range methods {
			if slices.Contains([]string{"get", "put", "post", "delete"}, method) {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	served := h.manager.Routes(false)
	for _, route := range append(described, served...) {
		if !slices.Contains(served, route) || !slices.Contains(described, route) {
			t.Errorf("%s: served %t, described %t", route, slices.Contains(served, route), slices.Contains(described, route))
		}
	}
}
