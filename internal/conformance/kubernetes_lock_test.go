package conformance

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/alienplatform/alien-go/internal/k8s"
	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// checkedByFile is a daemon that is ready once there is a file in the project's directory.
const checkedByFile = `
daemons:
  api:
    image: IMAGE
    command: [/daemon, run]
    runtime: { mounts: [{ source: DIR, target: /shared }] }
    healthCheck: { command: [/daemon, health, /shared/ready], startPeriodSeconds: 300 }
`

// TestKubernetesLockTakenOver: the lock of a run that was killed is taken over at once on its own machine, by its expiry
// on any other. Until then it is told who has it.
func TestKubernetesLockTakenOver(t *testing.T) {
	t.Parallel()
	on := behindCluster(t)
	p := newProject(t, on)
	p.manifest(oneRunning)
	on.killUp(t, p)
	p.alien("daemon", "up").exits(0).says("took over the lock of up on ", "has ended")

	p.manifest(strings.Replace(oneRunning, `"1"`, `"2"`, 1))
	on.killUp(t, p)
	on.editLease(t, p.stack, func(h *k8s.Holder, l *coordinationv1.Lease) {
		*h = k8s.Holder{Host: "elsewhere", User: "bob", PID: 4711, Command: "up", Since: h.Since}
		l.Spec.RenewTime = &metav1.MicroTime{Time: time.Now().Add(time.Minute)}
	})
	p.alien("daemon", "up").exits(1).says("LOCK_HELD", "up (process 4711 on elsewhere) by bob")
	on.editLease(t, p.stack, func(_ *k8s.Holder, l *coordinationv1.Lease) {
		l.Spec.RenewTime = &metav1.MicroTime{Time: time.Now().Add(-25 * time.Second)}
	})
	p.alien("daemon", "up", "--lock-timeout", "2m").exits(0).
		says("waiting for up (process 4711 on elsewhere) by bob", "took over the lock of up on elsewhere by bob", "it was not renewed for")
	if err := on.api.Get(t.Context(), kube.Leases, p.stack+".alien-lock", &coordinationv1.Lease{}); !apierrors.IsNotFound(err) {
		t.Errorf("the lock is still there: %v", err)
	}
}

// TestKubernetesLockRenewed: a lock is renewed for as long as a run takes, and let go of at its end.
func TestKubernetesLockRenewed(t *testing.T) {
	t.Parallel()
	on := newKubernetes(t)
	p := newProject(t, on)
	p.manifest(checkedByFile)
	up := p.command("daemon", "up")
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- up.Wait() }()
	renewed := errors.New("renewed twice")
	var holder string
	times := map[time.Time]bool{}
	err := on.api.Watch(t.Context(), kube.Leases, kube.Selector{Fields: "metadata.name=" + p.stack + ".alien-lock"}, "0", func(c kube.Change) error {
		var l coordinationv1.Lease
		if err := json.Unmarshal(c.Object, &l); err != nil || l.Spec.RenewTime == nil {
			return err
		}
		if holder == "" {
			holder = *l.Spec.HolderIdentity
		}
		if *l.Spec.HolderIdentity != holder {
			t.Errorf("the holder was %s, and is %s", holder, *l.Spec.HolderIdentity)
		}
		if times[l.Spec.RenewTime.Time] = true; len(times) == 3 {
			return renewed
		}
		return nil
	})
	if !errors.Is(err, renewed) {
		t.Fatalf("the lock was seen at %v: %v", times, err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "ready"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("up: %v", err)
	}
	if err := on.api.Get(t.Context(), kube.Leases, p.stack+".alien-lock", &coordinationv1.Lease{}); !apierrors.IsNotFound(err) {
		t.Errorf("the lock is still there: %v", err)
	}
}

// killUp has an up killed with the first change of a Deployment.
func (k proxied) killUp(t *testing.T, p *project) {
	t.Helper()
	up := p.command("daemon", "up")
	started := make(chan struct{})
	k.proxy.Before(func(_ int, c testbed.ClusterCall) {
		if c.Mutates() && c.Method == http.MethodPatch && strings.Contains(c.Path, "/deployments/") {
			<-started
			_ = up.Process.Kill()
		}
	})
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	_ = up.Wait()
	k.reset()
	if code := up.ProcessState.ExitCode(); code != -1 {
		t.Fatalf("up ended by itself with exit code %d", code)
	}
}

// editLease changes a stack's lock as it lies there.
func (k kubernetes) editLease(t *testing.T, stack string, edit func(*k8s.Holder, *coordinationv1.Lease)) {
	t.Helper()
	const note = "daemons.alien.dev/holder"
	var l coordinationv1.Lease
	var h k8s.Holder
	err := k.api.Get(t.Context(), kube.Leases, stack+".alien-lock", &l)
	if err == nil {
		err = json.Unmarshal([]byte(l.Annotations[note]), &h)
	}
	if err != nil {
		t.Fatalf("there is no lock of a killed up: %v", err)
	}
	edit(&h, &l)
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	l.Annotations[note] = string(text)
	l.APIVersion, l.Kind = kube.Leases.APIVersion(), kube.Leases.Name
	if err := k.api.Update(t.Context(), kube.Leases, "test", l.Name, l, nil); err != nil {
		t.Fatal(err)
	}
}
