//go:build cluster

package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// behindClusterProxy is kubernetes with every call of alien going through a proxy; the tests' own calls do not.
func behindClusterProxy(t *testing.T) (kubernetes, *testbed.ClusterProxy, *leveled) {
	t.Helper()
	on := newKubernetes(t)
	proxy := testbed.NewClusterProxy(t, on.cluster, on.cluster.Kubeconfig)
	image := on.image(t, testbed.Plain)
	on.cluster = &testbed.KubernetesCluster{Kubeconfig: proxy.Kubeconfig, Context: on.cluster.Context}
	return on, proxy, &leveled{newProject(t, on), image}
}

// leveled is a project of one image.
type leveled struct {
	*project
	image string
}

// level is a stack of two daemons, one of them with a secret, that an update of the level replaces.
func level(p *leveled, n string) {
	p.file("alien.yaml", "name: "+p.stack+strings.NewReplacer("IMAGE", p.image, "LEVEL", n).Replace(`
daemons:
  api: { image: "IMAGE", command: [/daemon, run], environment: { L: "LEVEL", TOKEN: { fromEnv: TOKEN } } }
  worker: { image: "IMAGE", command: [/daemon, tick, 1s], environment: { L: "LEVEL" } }
`))
	p.extra = []string{"TOKEN=hush-" + n}
}

// TestKubernetesWatchesCut: that no watch lasts longer than 200 ms changes nothing about what is seen.
func TestKubernetesWatchesCut(t *testing.T) {
	_, proxy, p := behindClusterProxy(t)
	proxy.CutWatchesEvery(t, 200*time.Millisecond)
	for _, n := range []string{"1", "2"} {
		level(p, n)
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
			_, proxy, p := behindClusterProxy(t)
			for _, n := range []string{"1", "2"} {
				level(p, n)
				proxy.FailNext(12, testbed.ClusterFault{Status: status, RetryAfter: 1})
				p.up(0)
			}
			proxy.FailNext(12, testbed.ClusterFault{Status: status})
			p.alien("daemon", "down").exits(0)
		})
	}
}

// TestKubernetesOutage: the API server goes away for some seconds in the middle of an update. That up ends, and the next
// one ends well.
func TestKubernetesOutage(t *testing.T) {
	on, proxy, p := behindClusterProxy(t)
	level(p, "1")
	p.up(0)
	level(p, "2")
	up := p.command("daemon", "up", "--progress", "plain")
	stderr, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	said := readUntil(stderr, "stopping")
	proxy.Refuse()
	time.AfterFunc(5*time.Second, func() {
		if err := proxy.Accept(); err != nil {
			t.Error(err)
		}
	})
	said += readUntil(stderr, "")
	_ = up.Wait()
	if code := up.ProcessState.ExitCode(); code != 0 {
		t.Errorf("up during an outage of five seconds: exit code %d\n%s", code, said)
	}
	p.settled(on)
}

// settled asserts that up ends as an undisturbed one does: one pod each, nothing left over, and then nothing to do.
func (p *project) settled(on kubernetes) {
	p.Helper()
	p.up(0, "--lock-timeout", "1m")
	for _, daemon := range []string{"api", "worker"} {
		p.only(daemon)
	}
	kinds := map[string]int{}
	left := on.leftovers(p.T, p.stack)
	for _, o := range left {
		kind, _, _ := strings.Cut(o, " ")
		kinds[kind]++
	}
	// the Secrets are the stack's key and what one daemon has; ReplicaSets are the cluster's history
	if kinds["Deployment"] != 2 || kinds["Pod"] != 2 || kinds["Secret"] != 2 || kinds["Lease"] != 0 {
		p.Errorf("there are %v", left)
	}
	for _, d := range p.up(0).Daemons {
		if d.Action != deploy.Unchanged {
			p.Errorf("a further up would %s %s", d.Action, d.Daemon)
		}
	}
}

// TestKubernetesKilled kills up at moments spread over the calls that change something; the next up ends well.
func TestKubernetesKilled(t *testing.T) {
	on, proxy, p := behindClusterProxy(t)
	killed := 0
	for i := range 10 {
		level(p, fmt.Sprint(i))
		up := p.command("daemon", "up")
		var said bytes.Buffer
		up.Stdout, up.Stderr = &said, &said
		started := make(chan struct{})
		var seen atomic.Int32
		proxy.Reset()
		proxy.After(func(_ int, c testbed.ClusterCall) {
			if c.Mutates() {
				if seen.Add(1) == int32(1+i%6) {
					<-started
					_ = up.Process.Kill()
				}
			}
		})
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		close(started)
		err := up.Wait()
		proxy.Reset()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == -1 {
			killed++
		} else if err != nil {
			t.Fatalf("up ended by itself: %v\n%s", err, said.String())
		}
		p.settled(on)
	}
	if killed < 8 {
		t.Errorf("up was killed only %d times", killed)
	}
}
