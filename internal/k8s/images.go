package k8s

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	corev1 "k8s.io/api/core/v1"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/workload"
)

// It is the nodes that pull images. But what a registry has we can ask from here, where it can be reached from here: to
// see that a tag has moved, and that a new image exists before the old pod is ended.

// How long a registry is given to answer: where its answer is needed, and where it is only better to have it.
const (
	askPatience   = 10 * time.Second
	checkPatience = 3 * time.Second
)

// onNodes is how verdicts on images speak of who runs them.
func onNodes() oci.Host { return oci.Host{Name: "the node", Network: "this machine's network"} }

// resolve tells, of the images that are always to be the newest, the digest that the registry has for each now, or why it
// does not tell.
func (p *platform) resolve(ctx context.Context, ws []workload.Workload) (map[string]string, map[string]*deploy.Problem, error) {
	asked := slices.DeleteFunc(slices.Clone(ws), func(w workload.Workload) bool { return w.PullPolicy != manifest.PullAlways })
	slices.SortStableFunc(asked, func(a, b workload.Workload) int { return strings.Compare(a.Image, b.Image) })
	asked = slices.CompactFunc(asked, func(a, b workload.Workload) bool { return a.Image == b.Image })
	digests := make([]string, len(asked))
	problems := make([]*deploy.Problem, len(asked))
	err := each(len(asked), func(i int) (err error) {
		digests[i], err = p.ask(ctx, asked[i], askPatience)
		if errors.As(err, &problems[i]) {
			return nil
		}
		return err
	})
	found, unresolved := map[string]string{}, map[string]*deploy.Problem{}
	for i, w := range asked {
		if digests[i] != "" {
			found[w.Image] = digests[i]
		}
		if problems[i] != nil {
			unresolved[w.Image] = problems[i]
		}
	}
	return found, unresolved, err
}

// ask asks the registry what a daemon's image stands for now. The error is a *deploy.Problem where it does not tell.
func (p *platform) ask(ctx context.Context, w workload.Workload, patience time.Duration) (string, error) {
	ref, err := oci.ParseReference(w.Image)
	if err != nil || ref.Digest() != "" {
		return ref.Digest(), err
	}
	login, loginErr := p.login(ctx, w, ref.Host())
	return onNodes().Ask(ctx, ref, login, loginErr, patience)
}

// checkImage sees that the image of an update exists, before what runs is ended. Only a registry that says it does not
// have it counts: that we are refused, or do not get through, says nothing about the nodes, and is only told.
func (p *platform) checkImage(ctx context.Context, w workload.Workload, report func(deploy.Progress)) error {
	_, err := p.ask(ctx, w, checkPatience)
	var why *deploy.Problem
	if !errors.As(err, &why) {
		return err
	}
	if why.Reason == deploy.ImageNotFound || why.Reason == deploy.ImageInvalid {
		why.Hint = "check its name and its tag; one that is on the nodes and nowhere else needs pullPolicy never"
		return why
	}
	report(deploy.Progress{Phase: deploy.Preparing, Detail: "whether the new image exists cannot be seen from here: " + why.Error()})
	return nil
}

// login finds what the node will show the registry of that host, in the pull secrets that we may read; else what the user
// of this machine would.
func (p *platform) login(ctx context.Context, w workload.Workload, host string) (authn.Authenticator, error) {
	for _, name := range p.pullSecrets(ctx, w) {
		var s corev1.Secret
		if p.client.Get(ctx, kube.Secrets, name, &s) != nil {
			continue // the node will tell
		}
		if login, ok := loginIn(s, host); ok {
			return authn.FromConfig(login), nil
		}
	}
	if p.opts.Login == nil {
		return authn.Anonymous, nil
	}
	return p.opts.Login(host)
}

// pullSecrets are the names of a daemon's pull secrets, its own or else those of its service account, as nodes have it.
func (p *platform) pullSecrets(ctx context.Context, w workload.Workload) []string {
	if names := w.Cluster.ImagePullSecrets; len(names) > 0 {
		return names
	}
	var names []string
	account := cmp.Or(serviceAccountName(w), "default")
	var there corev1.ServiceAccount
	if p.client.Get(ctx, kube.ServiceAccounts, account, &there) == nil {
		for _, r := range there.ImagePullSecrets {
			names = append(names, r.Name)
		}
	}
	return names
}

// loginIn finds the login to a registry in a pull secret.
func loginIn(s corev1.Secret, host string) (authn.AuthConfig, bool) {
	var file struct{ Auths map[string]authn.AuthConfig }
	if json.Unmarshal(s.Data[corev1.DockerConfigJsonKey], &file) != nil {
		return authn.AuthConfig{}, false
	}
	for _, key := range sortedKeys(file.Auths) {
		if registryHost(key) == host {
			return file.Auths[key], true
		}
	}
	return authn.AuthConfig{}, false
}

// registryHost reads the name that a login is stored under, which may be an address.
func registryHost(key string) string {
	if _, after, ok := strings.Cut(key, "://"); ok {
		key = after
	}
	host, _, _ := strings.Cut(key, "/")
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return "docker.io"
	}
	return host
}
