package conformance

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// proxied is kubernetes with every call of alien going through a proxy; the tests' own calls do not.
type proxied struct {
	kubernetes
	proxy *testbed.ClusterProxy
}

func behindCluster(t *testing.T) proxied {
	t.Helper()
	on := newKubernetes(t)
	return proxied{on, testbed.NewClusterProxy(t, on.cluster, on.cluster.Kubeconfig)}
}

func (k proxied) env() []string { return []string{"KUBECONFIG=" + k.proxy.Kubeconfig} }
func (k proxied) reset()        { k.proxy.Reset() }

// review says whether a call only asks what the user may do. There are many of these, and they come before everything.
func review(c testbed.ClusterCall) bool {
	return strings.HasPrefix(c.Path, "/apis/authorization.k8s.io/")
}

func (k proxied) calls() int {
	return len(slices.DeleteFunc(k.proxy.Calls(), review))
}

func (k proxied) at(when string, f func(n int)) {
	var seen atomic.Int32
	count := func(_ int, c testbed.ClusterCall) {
		if !review(c) {
			f(int(seen.Add(1)))
		}
	}
	if when == "before" {
		k.proxy.Before(count)
	} else {
		k.proxy.After(count)
	}
}

// settled asserts that there is what two daemons have, one of them with a secret. The Secrets are the stack's key and that
// daemon's; ReplicaSets are the cluster's history.
func (k proxied) settled(p *project) {
	p.Helper()
	kinds := map[string]int{}
	left := k.leftovers(p.T, p.stack)
	for _, o := range left {
		kind, _, _ := strings.Cut(o, " ")
		kinds[kind]++
	}
	if kinds["Deployment"] != 2 || kinds["Pod"] != 2 || kinds["Secret"] != 2 || kinds["Lease"] != 0 {
		p.Errorf("there are %v", left)
	}
}

// twoDaemons is a stack with a health check, a secret and a file lock that shows any overlap.
func twoDaemons(level string) string {
	return strings.ReplaceAll(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, single, /shared/api.lock]
    environment: { LEVEL: "VALUE", TOKEN: { fromEnv: TOKEN } }
    runtime: { mounts: [{ source: DIR, target: /shared }] }
  checked:
    image: IMAGE
    command: [/daemon, slow-start, 50ms, /tmp/ready]
    environment: { LEVEL: "VALUE" }
    healthCheck: { command: [/daemon, health, /tmp/ready] }
`, "VALUE", level)
}

// level is twoDaemons at one of its levels, with another secret at each.
func (p *project) level(n string) {
	p.Helper()
	p.manifest(twoDaemons(n))
	p.extra = []string{"TOKEN=hush-" + n}
}

// TestKubernetesWatchesCut: that no watch lasts longer than 200 ms changes nothing about what is seen.
func TestKubernetesWatchesCut(t *testing.T) {
	on := behindCluster(t)
	p := newProject(t, on)
	on.proxy.CutWatchesEvery(t, 200*time.Millisecond)
	for _, n := range []string{"1", "2"} {
		p.level(n)
		for _, d := range p.up(0).Daemons {
			if d.Outcome != deploy.OutcomeReady {
				t.Errorf("%s: %s", d.Daemon, d.Outcome)
			}
		}
	}
	p.alien("daemon", "down").exits(0)
}

// TestKubernetesRefusals: bursts of 429 and 500 are waited out.
func TestKubernetesRefusals(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			on := behindCluster(t)
			p := newProject(t, on)
			for _, n := range []string{"1", "2"} {
				p.level(n)
				on.proxy.FailNext(12, testbed.ClusterFault{Status: status, RetryAfter: 1})
				p.up(0)
			}
			on.proxy.FailNext(12, testbed.ClusterFault{Status: status})
			p.alien("daemon", "down").exits(0)
		})
	}
}

// stopParts has tests stop parts of the cluster, which disturbs whoever else uses it, and takes its time.
var stopParts = flag.Bool("stop-parts", false, "stop the API server and the kubelet of the test cluster, and kill up at 50 moments of it")

// outage takes the API server away for a while, once it has been asked for a change of a kind.
type outage struct {
	name, command string
	isMoment      func(testbed.ClusterCall) bool
	created       bool // before
}

func outages() []outage {
	writes := func(method, resource string) func(testbed.ClusterCall) bool {
		return func(c testbed.ClusterCall) bool {
			return c.Mutates() && c.Method == method && strings.Contains(c.Path, "/"+resource+"/")
		}
	}
	return []outage{
		{"create", "up", writes(http.MethodPatch, "deployments"), false},
		{"update", "up", writes(http.MethodPatch, "deployments"), true},
		{"down", "down", writes(http.MethodDelete, "deployments"), true},
	}
}

// TestKubernetesOutage: the API server is not reached for some seconds in the middle of a change. The change ends well.
func TestKubernetesOutage(t *testing.T) {
	for _, o := range outages() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			on := behindCluster(t)
			o.run(t, on, func() {
				on.proxy.Refuse()
				time.AfterFunc(2*time.Second, func() {
					if err := on.proxy.Accept(); err != nil {
						t.Error(err)
					}
				})
			})
		})
	}
}

// TestKubernetesServerStopped is the same with the API server itself, for ten seconds.
func TestKubernetesServerStopped(t *testing.T) {
	if !*stopParts {
		t.Skip("stops the API server for everybody: run with -stop-parts")
	}
	for _, o := range outages() {
		t.Run(o.name, func(t *testing.T) {
			on := behindCluster(t)
			stopped := make(chan struct{})
			o.run(t, on, func() {
				go func() {
					defer close(stopped)
					on.cluster.Stop(t, testbed.APIServer)
					<-time.After(10 * time.Second)
					on.cluster.Start(t, testbed.APIServer)
				}()
			})
			<-stopped
		})
	}
}

// run makes the change with an outage in its middle, and sees that it ends well and leaves nothing for another one.
func (o outage) run(t *testing.T, on proxied, begin func()) {
	p := newProject(t, on)
	p.level("1")
	if o.created {
		p.up(0)
		p.level("2")
	}
	on.reset()
	once := sync.OnceFunc(begin)
	on.proxy.After(func(_ int, c testbed.ClusterCall) {
		if o.isMoment(c) {
			go once() // the answer is still to get through, or to break off
		}
	})
	p.alien("daemon", o.command).exits(0)
	on.reset()
	if o.command == "down" {
		if left := on.leftovers(t, p.stack); len(left) != 0 {
			t.Errorf("down left %v", left)
		}
		return
	}
	p.converges()
	on.settled(p)
}

// TestKubernetesKubeletStopped: without a kubelet nothing starts and nothing ends, what is put back neither. An up says so
// in time, and once there is a kubelet again, the next ends well.
func TestKubernetesKubeletStopped(t *testing.T) {
	if !*stopParts {
		t.Skip("stops the kubelet for everybody: run with -stop-parts")
	}
	on := behindCluster(t)
	p := newProject(t, on)
	p.level("1")
	p.up(0)
	p.manifest(strings.ReplaceAll(twoDaemons("2"), "image: IMAGE", "image: IMAGE\n    stopGracePeriodSeconds: 1"))
	on.cluster.Stop(t, testbed.Kubelet)
	began := time.Now()
	got := outcome(t, p.up(4, "--timeout", "10s"), "api")
	if v := got.Verdict; v == nil || v.Reason != deploy.StartTimeout {
		t.Errorf("without a kubelet: %+v %+v", got, got.Verdict)
	}
	// 30 s of the old one's grace, and 10 s for the cluster to clean up, do not count.
	if took := time.Since(began); took > 90*time.Second {
		t.Errorf("up took %s, with a timeout of 10s", took)
	}
	on.cluster.Start(t, testbed.Kubelet)
	p.converges()
	on.settled(p)
}

// killedMoments is how many moments of an up on Kubernetes are tried.
func killedMoments() int {
	if *stopParts {
		return 52
	}
	return 8
}

// TestKubernetesKilledDuringCreate and its sibling kill up with SIGKILL at moments of its calls to the API server.
func TestKubernetesKilledDuringCreate(t *testing.T) { killOnCluster(t, "", twoDaemons("1")) }

func TestKubernetesKilledDuringReplace(t *testing.T) {
	killOnCluster(t, twoDaemons("1"), twoDaemons("2"))
}

func killOnCluster(t *testing.T, first, second string) {
	killAtCalls(t, func(t *testing.T) killable { return tokenful{behindCluster(t)} }, killedMoments(), first, second)
}

// tokenful is a cluster for manifests that take a secret from the environment.
type tokenful struct{ proxied }

func (k tokenful) env() []string { return append(k.proxied.env(), "TOKEN=hush") }

// TestKubernetesDownKilled: a down that is killed leaves pods on their way out. Another down waits for them, and an up at
// once never has two run.
func TestKubernetesDownKilled(t *testing.T) {
	const slow = `
daemons:
  api:
    image: IMAGE
    command: [/daemon, single, /shared/lock, 3s]
    runtime: { mounts: [{ source: DIR, target: /shared }] }
`
	for _, then := range []string{"up", "down"} {
		t.Run(then, func(t *testing.T) {
			t.Parallel()
			on := behindCluster(t)
			p := newProject(t, on)
			p.manifest(slow)
			p.up(0)
			down := p.command("daemon", "down")
			started := make(chan struct{})
			on.proxy.After(func(_ int, c testbed.ClusterCall) {
				if c.Method == http.MethodDelete && strings.Contains(c.Path, "/deployments/") {
					<-started
					_ = down.Process.Kill()
				}
			})
			if err := down.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			_ = down.Wait()
			on.reset()
			if code := down.ProcessState.ExitCode(); code != -1 {
				t.Fatalf("down ended by itself with exit code %d", code)
			}
			p.alien("daemon", then).exits(0)
			if then == "down" {
				if left := on.leftovers(t, p.stack); len(left) != 0 {
					t.Errorf("down left %v", left)
				}
				return
			}
			p.only("api")
			if d := p.daemonStatus(0, "api"); d.Restarts != 0 {
				t.Errorf("the new one met the old one: %+v", d)
			}
		})
	}
}
