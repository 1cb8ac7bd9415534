package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// plugins is where Debian keeps the network plugins.
const plugins = "/usr/lib/cni"

const upTimeout = 3 * time.Minute

// up starts the cluster unless it runs, and waits until its node is ready.
func up(ctx context.Context, l layout) error {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		return errors.New("a node needs Linux and root; elsewhere set KUBECONFIG to a cluster for tests")
	}
	if err := install(); err != nil {
		return err
	}
	if err := makeDirectories(l); err != nil {
		return err
	}
	only, err := os.OpenFile(l.path("up.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer only.Close()
	if err := syscall.Flock(int(only.Fd()), syscall.LOCK_EX); err != nil { // a second up waits for the first
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	err = start(ctx, l)
	if errors.Is(err, errNoAnswer) { // it was about to stop; then another starts
		err = start(ctx, l)
	}
	if err != nil {
		return fmt.Errorf("the cluster does not become ready: %w; logs are in %s", err, l.path("logs"))
	}
	fmt.Printf("cluster: ready; export KUBECONFIG=%s\n", l.kubeconfig(admin))
	return nil
}

func start(ctx context.Context, l layout) error {
	if err := startKeeper(ctx, l); err != nil {
		return err
	}
	return control(ctx, l, "/ready", nil)
}

// makeDirectories makes the state directory. One that holds something else is refused, because down removes it.
func makeDirectories(l layout) error {
	entries, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(l.path("logs")); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty and holds no cluster", l.dir)
	}
	for _, dir := range []string{"logs", "pki", "kubeconfig", "kubelet", "pods", "containerd", "cni/conf"} {
		if err := os.MkdirAll(l.path(dir), 0o700); err != nil {
			return err
		}
	}
	return rememberMachine(l)
}

// startKeeper starts the keeper in a session of its own, unless there is one, and waits until it takes orders.
func startKeeper(ctx context.Context, l layout) error {
	if running, err := keeperRuns(ctx, l); running || err != nil {
		return err
	}
	if err := killRemains(l); err != nil { // of a keeper that was killed
		return err
	}
	log, err := os.OpenFile(l.log("keeper"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", "--state", l.dir, "keep")
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the keeper: %w", err)
	}
	fmt.Println("cluster: starting; logs are in", l.path("logs"))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(fmt.Errorf("the keeper ended, see %s: %v", l.log("keeper"), cmd.Wait())) }()
	err = every(ctx, lookAgain, func() error { return answers(l) })
	if err != nil {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return nil
}

// keeperRuns says whether there is a keeper. One that is starting or stopping is waited for.
func keeperRuns(ctx context.Context, l layout) (running bool, err error) {
	err = every(ctx, lookAgain, func() error {
		if running = answers(l) == nil; running {
			return nil
		}
		lock, busy := takeLock(l.lock())
		if busy == nil {
			busy = lock.Close()
		}
		return busy
	})
	return running, err
}

// answers says why the keeper takes no orders, if so.
func answers(l layout) error {
	connection, err := dialControl(l)
	if err != nil {
		return err
	}
	return connection.Close()
}

// install installs the Debian packages that are missing.
func install() error {
	var missing []string
	for _, program := range []string{"containerd", "runc"} { // the packages have the same names
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if _, err := os.Stat(plugins + "/bridge"); err != nil {
		missing = append(missing, "containernetworking-plugins")
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing, and this is not Debian: %v; install them by hand", missing)
	}
	fmt.Println("cluster: installing", missing)
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...)} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("cannot install %v: %w", missing, err)
		}
	}
	return nil
}
