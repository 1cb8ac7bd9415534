package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const downTimeout = time.Minute

// down stops the cluster and removes everything it has: processes, networks, mounts, control groups and files. It does
// not need the cluster to work.
func down(ctx context.Context, l layout) error {
	if _, err := os.Stat(l.path("logs")); errors.Is(err, fs.ErrNotExist) {
		fmt.Println("cluster: there is none in", l.dir)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	if err := stopKeeper(ctx, l); err != nil {
		return err
	}
	if err := killRemains(l); err != nil {
		return err
	}
	for _, step := range []func(layout) error{removeBridge, removeControlGroups, removeTraces, restoreMachine} {
		if err := step(l); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(l.dir); err != nil {
		return err
	}
	fmt.Println("cluster: removed")
	return nil
}

// stopKeeper asks the keeper to stop the parts and itself, and waits until it has let go of its lock.
func stopKeeper(ctx context.Context, l layout) error {
	err := every(ctx, lookAgain, func() error {
		lock, busy := takeLock(l.lock())
		if busy == nil {
			return lock.Close()
		}
		content, err := os.ReadFile(l.lock())
		if err != nil {
			return err
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGTERM) // who holds the lock is the one who wrote its pid there
		}
		return busy
	})
	if err != nil {
		return fmt.Errorf("cannot stop the keeper: %w", err)
	}
	return nil
}

// killRemains ends what is left of pods and parts when no keeper runs, and removes what the kernel holds for them.
func killRemains(l layout) error {
	ctx, cancel := context.WithTimeout(context.Background(), downTimeout)
	defer cancel()
	namespaces := podNamespaces(l)
	err := every(ctx, lookAgain, func() error {
		left := append(podProcesses(l), partProcesses(l)...)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) > 0 {
			return fmt.Errorf("these processes do not end: %v", left)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range namespaces {
		if err := errors.Join(unix.Unmount(path, unix.MNT_DETACH), os.Remove(path)); err != nil {
			return fmt.Errorf("cannot remove network namespace %s: %w", path, err)
		}
	}
	return unmountAll(l)
}

// podProcesses lists what runs in the cluster's control groups.
func podProcesses(l layout) []int {
	var pids []int
	trees, _ := hierarchies()
	for _, tree := range trees {
		_ = filepath.WalkDir(filepath.Join(tree, l.cgroup()), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != "cgroup.procs" {
				return nil
			}
			content, _ := os.ReadFile(path)
			for line := range strings.Lines(string(content)) {
				if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// partProcesses lists the cluster's own processes, and containerd's for its pods: they have the state directory in
// their arguments.
func partProcesses(l layout) []int {
	names := []string{"containerd-shim-runc-v2"}
	for _, p := range parts(l, settings{}) {
		names = append(names, p.name)
	}
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		content, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		name, args, _ := bytes.Cut(content, []byte{0})
		if slices.Contains(names, filepath.Base(string(name))) && bytes.Contains(args, []byte(l.dir+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// podNamespaces lists the mounted network namespaces that the pods' processes are in.
func podNamespaces(l layout) []string {
	ours := map[uint64]bool{}
	for _, pid := range podProcesses(l) {
		var info unix.Stat_t
		if unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &info) == nil {
			ours[info.Ino] = true
		}
	}
	mounted, _ := filepath.Glob("/run/netns/cni-*")
	return slices.DeleteFunc(mounted, func(path string) bool {
		var info unix.Stat_t
		return unix.Stat(path, &info) != nil || !ours[info.Ino]
	})
}

// unmountAll unmounts everything below the state directory, the last mounted first.
func unmountAll(l layout) error {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], l.dir+"/") {
			points = append(points, fields[4])
		}
	}
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("cannot unmount %s: %w", point, err)
		}
	}
	return nil
}

// removeControlGroups removes the cluster's control groups, the inner ones first.
func removeControlGroups(l layout) error {
	trees, err := hierarchies()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		var groups []string
		_ = filepath.WalkDir(filepath.Join(tree, l.cgroup()), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, group := range slices.Backward(groups) {
			if err := unix.Rmdir(group); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("cannot remove control group %s: %w", group, err)
			}
		}
	}
	return nil
}
