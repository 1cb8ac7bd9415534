package oci

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestResolve(t *testing.T) {
	var mu sync.Mutex
	asked := map[string][]bool{}
	workloads := []workload.Workload{
		{Image: "a"}, {Image: "a", PullPolicy: manifest.PullAlways}, {Image: "a"},
		{Image: "stale"}, {Image: "broken"}, {Image: "absent"},
	}
	found, unresolved, err := Resolve(t.Context(), workloads, func(_ context.Context, image string, newest bool) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[image] = append(asked[image], newest)
		switch image {
		case "a":
			return "sha256:a", nil
		case "stale":
			return "sha256:here", &deploy.Problem{Reason: deploy.RegistryUnreachable}
		case "broken":
			return "", &deploy.Problem{Reason: deploy.ImageInvalid}
		}
		return "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a": "sha256:a", "stale": "sha256:here"}; !maps.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	if len(unresolved) != 2 || unresolved["stale"].Reason != deploy.RegistryUnreachable || unresolved["broken"].Reason != deploy.ImageInvalid {
		t.Errorf("unresolved %v", unresolved)
	}
	if len(asked) != 4 || !slices.Equal(asked["a"], []bool{true}) || !slices.Equal(asked["broken"], []bool{false}) {
		t.Errorf("asked %v: each image once, for the newest where anybody wants that", asked)
	}
}

// TestResolveOnABrokenTarget: what the target itself cannot do says nothing of an image.
func TestResolveOnABrokenTarget(t *testing.T) {
	for _, want := range []error{&deploy.Problem{Reason: deploy.EngineUnreachable}, &deploy.Problem{Reason: deploy.OperationFailed}, errors.New("disk")} {
		_, _, err := Resolve(t.Context(), []workload.Workload{{Image: "a"}}, func(context.Context, string, bool) (string, error) { return "", want })
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}
