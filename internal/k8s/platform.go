package k8s

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
)

// Options say which cluster and namespace are meant, and how.
type Options struct {
	Context   string // of the kubeconfig; empty is its current one
	Namespace string // empty is the context's
	LookupEnv func(string) (string, bool)
	Version   string // of this tool

	CreateNamespace bool // make the namespace where it is missing
	ForceConflicts  bool // take fields over that others manage

	// Login gives the user's login to the registry of a host, for asking it from here; nil is none.
	Login func(host string) (authn.Authenticator, error)

	Self Holder            // who holds the locks that are taken
	Dead func(Holder) bool // says that a holder is known to have ended; nil where nobody can tell
}

// Open reads which cluster is meant. The first call reaches it.
func Open(o Options) (deploy.Platform, error) {
	client, err := kube.Connect(kube.Options{
		Context: o.Context, Namespace: o.Namespace, LookupEnv: o.LookupEnv, UserAgent: "alien/" + o.Version})
	var unknown *kube.UnknownContextError
	switch {
	case errors.Is(err, kube.ErrNoCluster), errors.As(err, &unknown) && len(unknown.Known) == 0:
		return nil, &deploy.Problem{Reason: deploy.Unavailable, Message: err.Error(), Hint: "set KUBECONFIG, or log in to a cluster first"}
	case unknown != nil:
		return nil, &deploy.Problem{Reason: deploy.Unavailable, Message: err.Error(), Hint: "its contexts are " + strings.Join(unknown.Known, ", ")}
	case err != nil:
		return nil, err
	}
	return &platform{client: client, opts: o, mirrors: map[string]*shared{}}, nil
}

// platform is one namespace of a cluster as deploy knows it.
type platform struct {
	client *kube.Client
	opts   Options

	mu      sync.Mutex
	mirrors map[string]*shared // by stack

	guards sync.Map // run → *guarded: runs that began while we watched
}

// shared is a mirror that several look into.
type shared struct {
	*mirror
	users int
}

// mirrorOf gives the mirror of a stack, and what to call when it is not needed any more.
func (p *platform) mirrorOf(stack string) (*mirror, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.mirrors[stack]
	if s == nil {
		s = &shared{mirror: follow(context.Background(), p.client, stack)}
		p.mirrors[stack] = s
	}
	s.users++
	return s.mirror, sync.OnceFunc(func() {
		p.mu.Lock()
		s.users--
		last := s.users == 0
		if last && p.mirrors[stack] == s {
			delete(p.mirrors, stack)
		}
		p.mu.Unlock()
		if last {
			s.close()
		}
	})
}

// Place implements deploy.Platform.
func (p *platform) Place() string {
	return fmt.Sprintf("kubernetes (context %s, %s, namespace %s)", p.client.Context, p.client.Server, p.client.Namespace)
}

// Close implements deploy.Platform.
func (p *platform) Close() error {
	p.client.Close()
	return nil
}

// problem turns what a cluster refuses into what people know; an error without such a cause stays as it is.
func (p *platform) problem(err error) error {
	var known *deploy.Problem
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case kube.LoginFailed(err), apierrors.IsUnauthorized(err):
		return &deploy.Problem{Reason: deploy.CredentialsRefused, Message: "the cluster " + p.client.Server + " does not accept our credentials", Err: err}
	case kube.Unreachable(err):
		return &deploy.Problem{Reason: deploy.EngineUnreachable, Message: "cannot reach the cluster " + p.client.Server, Err: err}
	case p.namespaceMissing(err):
		return &deploy.Problem{Reason: deploy.NamespaceMissing, Message: fmt.Sprintf("the namespace %q does not exist on %s", p.client.Namespace, p.client.Server),
			Hint: "check its name, or pass --create-namespace"}
	case apierrors.IsForbidden(err):
		if refused := admission(err); refused != nil {
			return refused
		}
		return &deploy.Problem{Reason: deploy.EngineDenied, Message: "the cluster does not let us do what is needed", Err: err}
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		if refused := admission(err); refused != nil {
			return refused
		}
		return &deploy.Problem{Reason: deploy.ConfigRefused, Message: "the cluster refuses the configuration", Err: err}
	}
	return err
}

// admission tells a rule of the cluster that did not let an object in from a right that the user lacks.
func admission(err error) error {
	said := find(podCauses(), err.Error(), "")
	if said.Reason == deploy.ConfigRefused || said.Message == "the cluster does not admit the pod" {
		return nil
	}
	return said
}

// namespaceMissing says that an error is about our namespace not being there.
func (p *platform) namespaceMissing(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Kind == "namespaces" && d.Name == p.client.Namespace
}

// each calls f for 0 to n-1, a few at once, and joins the errors.
func each(n int, f func(int) error) error {
	errs := make([]error, n)
	slots := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			errs[i] = f(i)
			<-slots
		})
	}
	all.Wait()
	return errors.Join(slices.Compact(errs)...)
}

// parallel is how many calls of one kind we make at once.
const parallel = 16

// together makes calls at once.
func together(calls ...func() error) error {
	return each(len(calls), func(i int) error { return calls[i]() })
}
