package kube

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Options say which cluster and namespace are meant. Empty fields leave it to the kubeconfig.
type Options struct {
	Context, Namespace string
	UserAgent          string
	LookupEnv          func(string) (string, bool)
}

// InCluster is the name of the context inside a pod, where there is no kubeconfig.
const InCluster = "in-cluster"

// ErrNoCluster says that nothing tells which cluster is meant.
var ErrNoCluster = errors.New("no cluster is set up here: there is no kubeconfig, and this is not inside a pod")

// UnknownContextError says that the kubeconfig has no context of that name, and which ones it has, in order.
type UnknownContextError struct {
	Name  string
	Known []string
}

// Error names the context alone.
func (e *UnknownContextError) Error() string {
	return fmt.Sprintf("the kubeconfig has no context %q", e.Name)
}

// Connect reads who to talk to. It does not talk yet.
func Connect(o Options) (*Client, error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules(o.LookupEnv), overrides(o))
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	name := raw.CurrentContext
	if o.Context != "" {
		name = o.Context
	}
	if _, known := raw.Contexts[name]; name != "" && !known {
		return nil, &UnknownContextError{Name: name, Known: slices.Sorted(maps.Keys(raw.Contexts))}
	}
	config, err := loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, ErrNoCluster
	case err != nil:
		return nil, fmt.Errorf("cannot use the kubeconfig's context %q: %w", name, err)
	}
	if len(raw.Contexts) == 0 {
		name = InCluster
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("cannot tell the namespace of context %q: %w", name, err)
	}
	config.UserAgent = o.UserAgent
	return newClient(config, name, namespace)
}

func newClient(config *rest.Config, context, namespace string) (*Client, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot read the address of the cluster %q: %w", config.Host, err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot use the credentials of context %q: %w", context, err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path}
	return &Client{http: client, base: base, Namespace: namespace, Context: context, Server: base.String()}, nil
}

// rules say where kubeconfigs are, in kubectl's words and order.
func rules(lookup func(string) (string, bool)) *clientcmd.ClientConfigLoadingRules {
	r := clientcmd.NewDefaultClientConfigLoadingRules()
	r.WarnIfAllMissing = false
	if lookup == nil {
		return r
	}
	r.Precedence = []string{clientcmd.RecommendedHomeFile}
	if home, ok := lookup("HOME"); ok && home != "" {
		r.Precedence = []string{filepath.Join(home, clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)}
	}
	if list, ok := lookup(clientcmd.RecommendedConfigPathEnvVar); ok && list != "" {
		r.Precedence = filepath.SplitList(list)
	}
	return r
}

func overrides(o Options) *clientcmd.ConfigOverrides {
	return &clientcmd.ConfigOverrides{CurrentContext: o.Context, Context: clientcmdapi.Context{Namespace: o.Namespace}}
}

// Close lets go of connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
