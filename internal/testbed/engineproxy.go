package testbed

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/client"
)

// Call is one request that went to the engine.
type Call struct{ Method, Path string }

// Mutates says whether the request can change anything on the engine.
func (c Call) Mutates() bool { return c.Method != http.MethodGet && c.Method != http.MethodHead }

// EngineProxy stands between a program and the Docker engine. It records every request, and lets a test act at an
// exact moment: just before a request reaches the engine, or just after the engine has answered it.
type EngineProxy struct {
	// Host is what the program under test gets as DOCKER_HOST.
	Host string

	mu     sync.Mutex
	calls  []Call
	before func(n int, c Call)
	after  func(n int, c Call)
}

// NewEngineProxy starts a proxy to the engine of Engine(t), on a Unix socket of its own, until the test ends.
func NewEngineProxy(t *testing.T) *EngineProxy {
	t.Helper()
	network, address := engineAddress(t, Engine(t))
	socket := filepath.Join(shortTempDir(t), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatalf("cannot listen for the engine proxy: %v", err)
	}
	p := &EngineProxy{Host: "unix://" + socket}
	reverse := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	reverse.FlushInterval = -1 // event and log streams must not be held back
	reverse.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	reverse.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := &http.Server{Handler: p.recording(reverse)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

// Before has f called with each request, and its number from 1, before the engine sees it.
func (p *EngineProxy) Before(f func(n int, c Call)) { p.mu.Lock(); p.before = f; p.mu.Unlock() }

// After has f called with each request, and its number from 1, once the engine has begun to answer it.
func (p *EngineProxy) After(f func(n int, c Call)) { p.mu.Lock(); p.after = f; p.mu.Unlock() }

// Calls gives the requests so far.
func (p *EngineProxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Call(nil), p.calls...)
}

// Reset forgets the requests so far and the moments to act at.
func (p *EngineProxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.before, p.after = nil, nil, nil
}

// Mutations gives the requests so far that could have changed something.
func (p *EngineProxy) Mutations() []Call {
	var m []Call
	for _, c := range p.Calls() {
		if c.Mutates() {
			m = append(m, c)
		}
	}
	return m
}

func (p *EngineProxy) recording(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := Call{Method: r.Method, Path: r.URL.Path}
		p.mu.Lock()
		p.calls = append(p.calls, c)
		n, before, after := len(p.calls), p.before, p.after
		p.mu.Unlock()
		if before != nil {
			before(n, c)
		}
		if after == nil {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(&answered{ResponseWriter: w, then: func() { after(n, c) }}, r)
	})
}

// answered calls then when the engine's answer arrives, before any of it is passed on.
type answered struct {
	http.ResponseWriter
	once sync.Once
	then func()
}

func (a *answered) WriteHeader(code int) { a.once.Do(a.then); a.ResponseWriter.WriteHeader(code) }

func (a *answered) Write(b []byte) (int, error) { a.once.Do(a.then); return a.ResponseWriter.Write(b) }

// Unwrap lets http.ResponseController find Flush and Hijack.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// engineAddress gives the network and address behind a client's host.
func engineAddress(t *testing.T, c *client.Client) (network, address string) {
	t.Helper()
	host, err := client.ParseHostURL(c.DaemonHost())
	if err != nil {
		t.Fatalf("cannot read the engine's address %q: %v", c.DaemonHost(), err)
	}
	if host.Scheme == "unix" {
		return "unix", strings.TrimPrefix(c.DaemonHost(), "unix://")
	}
	return "tcp", host.Host
}

// shortTempDir is a temporary directory whose path leaves room for a socket's name: Unix sockets end at 108 bytes, and
// t.TempDir spends them on the test's name.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "alien")
	if err != nil {
		t.Fatalf("cannot make a directory for a socket: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
