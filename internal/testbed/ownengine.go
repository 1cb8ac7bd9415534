package testbed

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// EngineOfOneTest is a Docker engine that a test may stop, kill and start again. Its containers have no network.
type EngineOfOneTest struct {
	Host string // for DOCKER_HOST
	API  *client.Client

	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when dockerd has exited
	said *bytes.Buffer
}

// OwnEngine starts an engine that ends with the test, with everything in it. It needs root and a dockerd on the PATH.
func OwnEngine(t testing.TB) *EngineOfOneTest {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil || runtime.GOOS != "linux" || os.Getuid() != 0 {
		missing(t, "an engine of its own needs Linux, root and dockerd")
	}
	dir, err := os.MkdirTemp("", "alien-engine-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	e := &EngineOfOneTest{Host: "unix://" + filepath.Join(dir, "e.sock"), dir: dir}
	if e.API, err = client.NewClientWithOpts(client.WithHost(e.Host), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.remove(t) })
	e.Start(t)
	return e
}

// Start starts the engine and returns when it answers.
func (e *EngineOfOneTest) Start(t testing.TB) {
	t.Helper()
	in := func(name string) string { return filepath.Join(e.dir, name) }
	e.said = &bytes.Buffer{}
	// A network of its own: with --bridge none dockerd deletes the docker0 that it finds, which is another engine's.
	e.cmd = exec.Command("unshare", "--net", "dockerd", "--host", e.Host, "--data-root", in("data"), "--exec-root", in("exec"),
		"--pidfile", in("pid"), "--bridge", "none", "--iptables=false", "--config-file", in("none.json"),
		// A containerd of the machine may be shared with other engines; these keep their containers apart.
		"--containerd-namespace", filepath.Base(e.dir), "--containerd-plugins-namespace", filepath.Base(e.dir)+"-plugins")
	e.cmd.Stdout, e.cmd.Stderr = e.said, e.said
	if err := os.WriteFile(in("none.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatalf("cannot start dockerd: %v", err)
	}
	e.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(e.cmd, e.done)
	e.await(t)
}

// await pings until the engine answers; there is no event for that.
func (e *EngineOfOneTest) await(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if _, err := e.API.Ping(ctx); err == nil {
			return
		}
		select {
		case <-again.C:
		case <-e.done:
			t.Fatalf("dockerd ended:\n%s", e.said)
		case <-ctx.Done():
			t.Fatal("dockerd does not answer")
		}
	}
}

// Stop stops the engine as a service manager does; containers are stopped too.
func (e *EngineOfOneTest) Stop(t testing.TB) { e.signal(t, syscall.SIGTERM) }

// Kill ends the engine as a crash does; containers go on running until the next Start. Engine 20.10 then stops them and
// takes that for done by hand: those with restart policy unless-stopped stay down, those with always come back.
func (e *EngineOfOneTest) Kill(t testing.TB) {
	t.Helper()
	e.signal(t, syscall.SIGKILL)
	// Its containerd dies with it, and may stay a zombie that the next dockerd takes for alive and waits for.
	if err := os.Remove(filepath.Join(e.dir, "exec", "containerd", "containerd.pid")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// Restart is Stop and Start.
func (e *EngineOfOneTest) Restart(t testing.TB) {
	t.Helper()
	e.Stop(t)
	e.Start(t)
}

func (e *EngineOfOneTest) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		t.Fatalf("cannot send %s to dockerd: %v", s, err)
	}
	select {
	case <-e.done:
	case <-time.After(time.Minute):
		t.Fatalf("dockerd does not end after %s", s)
	}
}

// remove ends the engine and leaves nothing of it behind.
func (e *EngineOfOneTest) remove(t testing.TB) {
	t.Helper()
	if e.cmd != nil && e.cmd.ProcessState == nil {
		e.Stop(t)
	}
	if t.Failed() {
		t.Logf("dockerd said:\n%s", e.said)
	}
	_ = e.API.Close()
	e.unmount(t)
	if err := os.RemoveAll(e.dir); err != nil {
		t.Errorf("cannot remove the engine's directory: %v", err)
	}
}

// unmount takes away the mounts that dockerd leaves behind after a crash, the deepest first.
func (e *EngineOfOneTest) unmount(t testing.TB) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Errorf("cannot list mounts: %v", err)
	}
	for _, line := range slices.Backward(strings.Split(string(mounts), "\n")) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[1], e.dir+"/") {
			continue
		}
		if said, err := exec.Command("umount", "--lazy", fields[1]).CombinedOutput(); err != nil {
			t.Errorf("cannot unmount %s: %v: %s", fields[1], err, said)
		}
	}
}
