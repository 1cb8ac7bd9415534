package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"k8s.io/client-go/tools/clientcmd"
)

// TestMain lets this test's own program be the keeper and the parts, which are started from /proc/self/exe.
func TestMain(m *testing.M) {
	if os.Args[len(os.Args)-1] == "keep" || filepath.Base(os.Args[0]) != filepath.Base(must(os.Executable())) {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

func TestStateDirectory(t *testing.T) {
	for _, c := range []struct{ dir, problem string }{
		{"/tmp/cluster", ""},
		{"/", "cannot be /"},
		{"/" + strings.Repeat("x", longestState), "too long"},
	} {
		l := layout{dir: c.dir}
		err := l.check()
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %q", c.dir, err, c.problem)
		}
	}
}

func TestForeignDirectoryIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := layout{dir}
	if err := makeDirectories(l); err == nil {
		t.Error("a directory that holds something else was taken")
	}
	if err := down(t.Context(), l); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("down removed what is not ours")
	}
}

// TestTakenPort: a port that somebody else has taken since is replaced, in the kubeconfigs too; the others stay.
func TestTakenPort(t *testing.T) {
	l := layout{t.TempDir()}
	if err := makeDirectories(l); err != nil {
		t.Fatal(err)
	}
	load := func() settings {
		t.Helper()
		s, err := loadSettings(l)
		if err == nil {
			err = writeIdentities(l, s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := load()
	if again := load(); again != before {
		t.Errorf("nothing was taken: %+v, then %+v", before, again)
	}
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", before.APIPort))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	after := load()
	if after.APIPort == before.APIPort {
		t.Error("the port that is taken was kept")
	}
	for _, user := range []string{admin, limited} {
		c, err := clientcmd.LoadFromFile(l.kubeconfig(user))
		if err != nil || c.Clusters[contextName].Server != after.server() {
			t.Errorf("the kubeconfig of %s leads elsewhere: %v", user, err)
		}
	}
	if after.APIPort = before.APIPort; after != before {
		t.Errorf("more than one port changed: %+v, then %+v", before, after)
	}
}

// TestLife brings a cluster up, again, up after its keeper was killed, up after it was asked to stop, and down when its
// keeper and its containerd were killed.
func TestLife(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a node needs root")
	}
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	l := layout{dir}
	t.Cleanup(func() {
		if _, err := os.Stat(dir); err == nil {
			_ = down(context.Background(), l)
		}
	})
	for _, before := range []func(){
		func() {},
		func() {},
		func() { signalKeeper(t, l, syscall.SIGKILL) },
		func() { signalKeeper(t, l, syscall.SIGTERM) },
	} {
		before()
		if err := up(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		if err := awaitNode(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	signalKeeper(t, l, syscall.SIGKILL)
	for _, pid := range partProcesses(l) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := down(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	checkGone(t, l)
}

func signalKeeper(t *testing.T, l layout, s syscall.Signal) {
	t.Helper()
	content, err := os.ReadFile(l.lock())
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

func checkGone(t *testing.T, l layout) {
	t.Helper()
	if _, err := os.Stat(l.dir); err == nil {
		t.Error("the state directory is still there")
	}
	if _, err := netlink.LinkByName(l.bridge()); err == nil {
		t.Error("the bridge is still there")
	}
	if left := append(podProcesses(l), partProcesses(l)...); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	groups, err := filepath.Glob(filepath.Join(controlGroups, "*", l.cgroup()))
	if err != nil || len(groups) > 0 {
		t.Errorf("control groups are left: %v, %v", groups, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), l.dir+"/") {
		t.Errorf("mounts are left, or cannot be listed: %v", err)
	}
	cached, err := filepath.Glob("/var/lib/cni/results/" + l.network() + "-*")
	if err != nil || len(cached) > 0 {
		t.Errorf("network results are left: %v, %v", cached, err)
	}
}
