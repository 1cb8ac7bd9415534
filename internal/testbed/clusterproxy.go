package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ClusterCall is one request that went to the API server.
type ClusterCall struct {
	Method, Path string
	Watch        bool // a watch, or a log that is followed: it is answered for as long as it lasts
	DryRun       bool
}

// Mutates says whether the request can change anything in the cluster.
func (c ClusterCall) Mutates() bool {
	asks := strings.HasPrefix(c.Path, "/apis/authorization.k8s.io/") // reviews are posted, but only ask
	return c.Method != http.MethodGet && c.Method != http.MethodHead && !c.DryRun && !asks
}

// ClusterFault is how a ClusterProxy misbehaves. Delay comes first.
type ClusterFault struct {
	Match      func(ClusterCall) bool // nil is every request
	Delay      time.Duration
	Status     int // answered in the API server's place; 0 lets the request through
	RetryAfter int // seconds, sent along when not 0
}

// ClusterProxy stands between a program and the API server. It is one test's own: what it breaks, it breaks for nobody
// else. It lets everything through until told otherwise.
type ClusterProxy struct {
	// Kubeconfig is what the program under test gets. The proxy adds the user's credentials.
	Kubeconfig string

	handler http.Handler
	address string

	mu      sync.Mutex
	refuse  func() // nil while connections are refused
	calls   []ClusterCall
	before  func(n int, c ClusterCall)
	after   func(n int, c ClusterCall)
	fault   *ClusterFault
	left    int // requests that fault still applies to; negative is no end
	watches map[*http.Request]context.CancelFunc
}

// NewClusterProxy starts a proxy to the server of a kubeconfig, as its user, until the test ends.
func NewClusterProxy(t testing.TB, c *KubernetesCluster, kubeconfig string) *ClusterProxy {
	t.Helper()
	config := restConfig(t, kubeconfig)
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatalf("cannot reach the cluster: %v", err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatalf("cannot read the cluster's address %q: %v", config.Host, err)
	}
	reverse := httputil.NewSingleHostReverseProxy(target)
	reverse.FlushInterval, reverse.Transport = -1, transport // watches must not be held back
	reverse.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	p := &ClusterProxy{address: "127.0.0.1:0", watches: map[*http.Request]context.CancelFunc{}}
	p.handler = p.misbehaving(reverse)
	if err := p.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Refuse)
	to := api.NewConfig()
	to.Clusters[c.Context] = &api.Cluster{Server: "http://" + p.address}
	to.AuthInfos[c.Context] = &api.AuthInfo{}
	to.Contexts[c.Context] = &api.Context{Cluster: c.Context, AuthInfo: c.Context}
	to.CurrentContext = c.Context
	p.Kubeconfig = writeKubeconfig(t, *to)
	return p
}

// Refuse has connections refused, as when the API server is down, and ends those there are.
func (p *ClusterProxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		p.refuse()
		p.refuse = nil
	}
}

// Accept ends Refuse; the address stays the same.
func (p *ClusterProxy) Accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("cannot listen for the cluster proxy: %w", err)
	}
	p.address = listener.Addr().String()
	server := &http.Server{Handler: p.handler}
	p.refuse = func() {
		_ = listener.Close() // the server knows it only once it serves
		_ = server.Close()
	}
	go func() { _ = server.Serve(listener) }()
	return nil
}

// CutWatches ends every watch in progress and gives their number.
func (p *ClusterProxy) CutWatches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cut := range p.watches {
		cut()
	}
	return len(p.watches)
}

// CutWatchesEvery ends every watch at an interval, until the test ends.
func (p *ClusterProxy) CutWatchesEvery(t testing.TB, interval time.Duration) {
	go func() {
		again := time.NewTicker(interval)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				p.CutWatches()
			case <-t.Context().Done():
				return
			}
		}
	}()
}

// Fail applies a fault to every request that it matches, until Heal or another Fail.
func (p *ClusterProxy) Fail(f ClusterFault) { p.set(&f, -1) }

// FailNext applies a fault to the next n requests that it matches.
func (p *ClusterProxy) FailNext(n int, f ClusterFault) { p.set(&f, n) }

// Heal ends a fault.
func (p *ClusterProxy) Heal() { p.set(nil, 0) }

func (p *ClusterProxy) set(f *ClusterFault, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.left = f, n
}

// Before has f called with each request, and its number from 1, before the API server sees it.
func (p *ClusterProxy) Before(f func(n int, c ClusterCall)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = f
}

// After has f called with each request, and its number from 1, once the API server has begun to answer it.
func (p *ClusterProxy) After(f func(n int, c ClusterCall)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after = f
}

// Calls gives the requests so far, those that a fault answered too.
func (p *ClusterProxy) Calls() []ClusterCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ClusterCall(nil), p.calls...)
}

// Mutations gives the requests so far that could have changed something.
func (p *ClusterProxy) Mutations() []ClusterCall {
	var m []ClusterCall
	for _, c := range p.Calls() {
		if c.Mutates() {
			m = append(m, c)
		}
	}
	return m
}

// Reset forgets the requests so far, the moments to act at, and the fault.
func (p *ClusterProxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.before, p.after, p.fault = nil, nil, nil, nil
}

func (p *ClusterProxy) misbehaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		long := query.Get("watch") == "true" || query.Get("watch") == "1" || query.Get("follow") == "true"
		c := ClusterCall{Method: r.Method, Path: r.URL.Path, Watch: long, DryRun: query.Has("dryRun")}
		n, before, after, fault := p.enter(c)
		if before != nil {
			before(n, c)
		}
		if fault != nil && answeredBy(fault, w, r) {
			return
		}
		if c.Watch {
			ctx, cut := context.WithCancel(r.Context())
			defer p.leave(r, cut)
			p.follow(r, cut)
			r = r.WithContext(ctx)
		}
		if after != nil {
			w = &answered{ResponseWriter: w, then: func() { after(n, c) }}
		}
		next.ServeHTTP(w, r)
	})
}

// enter records a request and says what is to happen to it.
func (p *ClusterProxy) enter(c ClusterCall) (n int, before, after func(int, ClusterCall), fault *ClusterFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
	if p.fault != nil && p.left != 0 && (p.fault.Match == nil || p.fault.Match(c)) {
		p.left--
		fault = p.fault
	}
	return len(p.calls), p.before, p.after, fault
}

func (p *ClusterProxy) follow(r *http.Request, cut context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watches[r] = cut
}

func (p *ClusterProxy) leave(r *http.Request, cut context.CancelFunc) {
	cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.watches, r)
}

// answeredBy lets a fault take its time, and says whether it has answered the request.
func answeredBy(f *ClusterFault, w http.ResponseWriter, r *http.Request) bool {
	select {
	case <-time.After(f.Delay):
	case <-r.Context().Done():
	}
	if f.Status == 0 {
		return false
	}
	reasons := map[int]meta.StatusReason{
		http.StatusUnauthorized: meta.StatusReasonUnauthorized, http.StatusForbidden: meta.StatusReasonForbidden,
		http.StatusConflict: meta.StatusReasonConflict, http.StatusGone: meta.StatusReasonExpired,
		http.StatusTooManyRequests: meta.StatusReasonTooManyRequests, http.StatusInternalServerError: meta.StatusReasonInternalError,
		http.StatusServiceUnavailable: meta.StatusReasonServiceUnavailable, http.StatusGatewayTimeout: meta.StatusReasonTimeout,
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(f.RetryAfter))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(meta.Status{
		TypeMeta: meta.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: meta.StatusFailure,
		Reason: reasons[f.Status], Code: int32(f.Status), Message: "the test has this request fail",
	})
	return true
}
