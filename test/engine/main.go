// Command engine makes sure that a Docker engine answers, for `make test` on a bare machine: on Debian and as root it
// installs what is missing and starts the engine; elsewhere it says what is missing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/client"
)

func main() {
	if err := ensure(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func ensure(ctx context.Context) error {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer api.Close()
	missing := answers(ctx, api)
	if missing == nil {
		return nil
	}
	if os.Getenv("DOCKER_HOST") != "" {
		return fmt.Errorf("DOCKER_HOST is set, but no engine answers there: %w", missing)
	}
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		return fmt.Errorf("start Docker, or run this as root on Debian: %w", missing)
	}
	if err := install("dockerd", "docker.io", "containerd", "iptables"); err != nil {
		return err
	}
	ended, err := start()
	if err != nil {
		return fmt.Errorf("cannot start dockerd: %w", err)
	}
	return wait(ctx, api, ended)
}

// answers says which engine answers, or why none does.
func answers(ctx context.Context, api *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	v, err := api.ServerVersion(ctx)
	if err == nil {
		fmt.Printf("engine: Docker %s (API %s) at %s\n", v.Version, v.APIVersion, api.DaemonHost())
	}
	return err
}

// install installs Debian packages unless the program is there already.
func install(program string, packages ...string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is missing, and this is not Debian: install Docker by hand", program)
	}
	fmt.Println("engine: installing", packages)
	if err := run("apt-get", "update", "-q"); err != nil {
		return err
	}
	return run("apt-get", append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)...)
}

// start starts the engine: with the service manager where one runs, else as a process that outlives this one. What the channel
// gives is why that process ended.
func start() (ended <-chan error, err error) {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return nil, run("systemctl", "start", "docker")
	}
	for _, file := range []string{"/var/run/docker.pid", "/var/run/docker/containerd/containerd.pid"} {
		if err := forget(file); err != nil {
			return nil, err
		}
	}
	log, err := os.CreateTemp("", "dockerd-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	fmt.Println("engine: starting dockerd, its log is", log.Name())
	cmd := exec.Command("setsid", "dockerd")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- fmt.Errorf("dockerd ended, see its log: %v", cmd.Wait()) }()
	return done, nil
}

// forget removes a pid file of an engine that was killed: once its number belongs to another process, dockerd would take that
// one for an engine and not start.
func forget(file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	name, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(content)) + "/comm")
	if slices.Contains([]string{"dockerd", "containerd"}, strings.TrimSpace(string(name))) {
		return nil
	}
	return os.Remove(file)
}

// wait asks until the engine answers; starting it takes about two seconds.
func wait(ctx context.Context, api *client.Client, ended <-chan error) error {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(time.Minute)
	for {
		err := answers(ctx, api)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case err := <-ended:
			return err
		case <-deadline:
			return errors.Join(errors.New("dockerd was started but does not answer; see its log"), err)
		}
	}
}

func run(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
