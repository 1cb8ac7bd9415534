package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/test/bench/measure"
)

// program is the test cluster's own, for what only it can do.
const program = "bin/cluster"

// cluster is where everything is measured: the one that a kubeconfig names.
type cluster struct{ kubeconfig string }

// connect uses the cluster that KUBECONFIG names, and else the test cluster, which it starts.
func connect(ctx context.Context) (*cluster, error) {
	if path := os.Getenv("KUBECONFIG"); path != "" {
		return &cluster{path}, nil
	}
	if _, err := (measure.Program{Path: program}).Run(ctx, "up"); err != nil {
		return nil, err
	}
	said, err := measure.Program{Path: program}.Run(ctx, "kubeconfig")
	return &cluster{strings.TrimSpace(said.Said)}, err
}

func (c *cluster) env() []string { return []string{"KUBECONFIG=" + c.kubeconfig} }

// client reaches a namespace.
func (c *cluster) client(namespace string) (*kube.Client, error) {
	return kube.Connect(kube.Options{Namespace: namespace, UserAgent: "bench", LookupEnv: func(name string) (string, bool) {
		return c.kubeconfig, name == "KUBECONFIG"
	}})
}

// giveImage gives the test cluster's node the test daemon's image.
func (c *cluster) giveImage(ctx context.Context, dir string) (string, error) {
	img, err := testbed.BuildImage(testbed.Plain)
	if err != nil {
		return "", err
	}
	ref, err := name.NewTag("alien.test/bench:1")
	if err != nil {
		return "", err
	}
	archive := filepath.Join(dir, "image.tar")
	if err := tarball.WriteToFile(archive, ref, img); err != nil {
		return "", err
	}
	_, err = measure.Program{Path: program}.Run(ctx, "import", archive)
	return ref.String(), err
}

// namespace makes one, and waits until pods can be made in it. What it returns removes it again.
func (c *cluster) namespace(ctx context.Context, name string) (func(), error) {
	api, err := c.client(name)
	if err != nil {
		return nil, err
	}
	err = api.Create(ctx, kube.Namespaces, "bench", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}, nil)
	if err != nil {
		return nil, err
	}
	remove := func() {
		_ = api.Delete(context.WithoutCancel(ctx), kube.Namespaces, name, nil)
		api.Close()
	}
	made := errors.New("made")
	err = api.Watch(ctx, kube.ServiceAccounts, kube.Selector{Fields: "metadata.name=default"}, "0", func(c kube.Change) error {
		if c.Type == "BOOKMARK" {
			return nil
		}
		return made
	})
	if err != nil && !errors.Is(err, made) && !apierrors.IsNotFound(err) {
		remove()
		return nil, err
	}
	var account metav1.PartialObjectMetadata
	if err := api.Get(ctx, kube.ServiceAccounts, "default", &account); err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}
