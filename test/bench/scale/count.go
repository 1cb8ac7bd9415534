package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// counter stands between alien and the API server, and counts.
type counter struct {
	kubeconfig string
	server     *http.Server

	mu            sync.Mutex
	began, last   time.Time // last is when a Deployment was applied last
	calls, writes int
}

// count starts a counter; its kubeconfig, which it writes into dir, leads through it.
func count(dir, kubeconfig string) (*counter, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	reverse := httputil.NewSingleHostReverseProxy(target)
	reverse.FlushInterval, reverse.Transport = -1, transport
	c := &counter{kubeconfig: filepath.Join(dir, "kubeconfig")}
	c.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.note(r) // also where the client does not read the answer to its end, which the proxy panics for
		reverse.ServeHTTP(w, r)
	}), ReadHeaderTimeout: time.Minute}
	go func() { _ = c.server.Serve(listener) }()
	to := api.NewConfig()
	to.Clusters["bench"] = &api.Cluster{Server: "http://" + listener.Addr().String()}
	to.Contexts["bench"] = &api.Context{Cluster: "bench"}
	to.CurrentContext = "bench"
	return c, clientcmd.WriteToFile(*to, c.kubeconfig)
}

// note counts a call that has been answered. Reviews of what the user may do are posted, but only ask.
func (c *counter) note(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if r.Method == http.MethodGet || r.URL.Query().Has("dryRun") || strings.HasPrefix(r.URL.Path, "/apis/authorization.k8s.io/") {
		return
	}
	c.writes++
	if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/deployments/") {
		c.last = time.Now()
	}
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.last, c.calls, c.writes = time.Now(), time.Time{}, 0, 0
}

// counts gives what came since the last reset; applied is 0 where no Deployment was.
func (c *counter) counts() (calls, writes int, applied time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() {
		applied = c.last.Sub(c.began)
	}
	return c.calls, c.writes, applied
}

func (c *counter) close() { _ = c.server.Close() }
