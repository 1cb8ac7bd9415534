package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// kubeletDirectory is used by a kubelet whatever its --root-dir.
const kubeletDirectory = "/var/lib/kubelet"

// machine is how the machine was before the first up, as far as a kubelet changes it.
type machine struct {
	Kernel      map[string]string // values of kernel settings
	KubeletHome bool              // there was a kubeletDirectory
}

// kernelSettings are those that a kubelet changes.
func kernelSettings() []string {
	return []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}
}

// rememberMachine writes down, once, what the kubelet is going to change.
func rememberMachine(l layout) error {
	path := l.path("machine.json")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	was := machine{Kernel: map[string]string{}}
	for _, name := range kernelSettings() {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			was.Kernel[name] = strings.TrimSpace(string(value))
		}
	}
	_, err := os.Stat(kubeletDirectory)
	was.KubeletHome = err == nil
	content, err := json.MarshalIndent(was, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// restoreMachine makes the machine what it was before the first up.
func restoreMachine(l layout) error {
	content, err := os.ReadFile(l.path("machine.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var was machine
	if err := json.Unmarshal(content, &was); err != nil {
		return fmt.Errorf("cannot read %s: %w", l.path("machine.json"), err)
	}
	for _, name := range kernelSettings() {
		if value, ok := was.Kernel[name]; ok {
			if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644); err != nil {
				return fmt.Errorf("cannot restore %s: %w", name, err)
			}
		}
	}
	if was.KubeletHome {
		return nil
	}
	return removeFiles(
		filepath.Join(kubeletDirectory, "device-plugins", "kubelet.sock"),
		filepath.Join(kubeletDirectory, "device-plugins", "kubelet_internal_checkpoint"),
		filepath.Join(kubeletDirectory, "device-plugins"), kubeletDirectory)
}

// removeTraces removes what containerd, kubelet and network plugins write outside of the state directory.
func removeTraces(l layout) error {
	var traces []string
	const results = "/var/lib/cni/results/" // one per pod for its network, and one for its loopback
	ours, err := filepath.Glob(results + l.network() + "-*-eth0")
	if err != nil {
		return err
	}
	for _, path := range ours {
		pod := strings.TrimSuffix(strings.TrimPrefix(path, results+l.network()+"-"), "-eth0")
		traces = append(traces, path, results+"cni-loopback-"+pod+"-lo")
	}
	logs, err := filepath.Glob("/var/log/containers/*")
	if err != nil {
		return err
	}
	for _, path := range logs {
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, l.dir+"/") {
			traces = append(traces, path)
		}
	}
	return removeFiles(traces...)
}

// removeFiles removes files and empty directories, of which some may not be there.
func removeFiles(paths ...string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
