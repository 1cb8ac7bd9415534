package main

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// calls counts the connections that listeners got, by what they stand for.
type calls struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *calls) count(name string) { c.mu.Lock(); c.counts[name]++; c.mu.Unlock() }

func (c *calls) of(name string) int { c.mu.Lock(); defer c.mu.Unlock(); return c.counts[name] }

// callsKey finds a script's calls.
type callsKey struct{}

// listeners puts a recording listener wherever a command could connect to: the Docker engine, a Kubernetes cluster, both
// proxies, and a registry, whose address is $REGISTRY.
func listeners(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: listeners")
	}
	c := ts.Value(callsKey{}).(*calls)
	docker, cluster, proxy, registry := c.listen(ts, "docker"), c.listen(ts, "kubernetes"), c.listen(ts, "proxy"), c.listen(ts, "registry")
	ts.Setenv("DOCKER_HOST", "tcp://"+docker)
	ts.Setenv("HTTP_PROXY", "http://"+proxy)
	ts.Setenv("HTTPS_PROXY", "http://"+proxy)
	ts.Setenv("REGISTRY", registry)
	ts.Setenv("KUBECONFIG", ts.MkAbs("kubeconfig"))
	ts.Check(os.WriteFile(ts.MkAbs("kubeconfig"), []byte(kubeconfig(cluster)), 0o600))
}

// listen counts connections under a name, and closes each at once: nothing answers.
func (c *calls) listen(ts *testscript.TestScript, name string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed: the script is over
			}
			c.count(name)
			go hangUp(conn)
		}
	}()
	return l.Addr().String()
}

// hangUp reads what was asked before it closes: closing over unread bytes is sometimes seen as a reset, sometimes not.
func hangUp(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = conn.Read(make([]byte, 64<<10))
	_ = conn.Close()
}

// connections holds how often a listener was connected to: connections none, connections docker.
func connections(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: connections none|docker|kubernetes|proxy|registry")
	}
	c := ts.Value(callsKey{}).(*calls)
	if args[0] != "none" {
		if c.of(args[0]) == 0 {
			ts.Fatalf("nobody connected to %s", args[0])
		}
		return
	}
	for _, name := range []string{"docker", "kubernetes", "proxy", "registry"} {
		if n := c.of(name); n > 0 {
			ts.Fatalf("%d connections to %s", n, name)
		}
	}
}

func kubeconfig(address string) string {
	return `apiVersion: v1
kind: Config
current-context: recorder
clusters: [{name: recorder, cluster: {server: "http://` + address + `"}}]
users: [{name: recorder, user: {token: none}}]
contexts: [{name: recorder, context: {cluster: recorder, user: recorder}}]
`
}
