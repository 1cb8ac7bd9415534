package sandbox

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUnifiedHierarchy holds what is written where a machine has control groups v2, in a directory that looks like one:
// tests mostly run on machines with v1.
func TestUnifiedHierarchy(t *testing.T) {
	for name, c := range map[string]struct {
		root    bool
		current string
		base    string
		shared  []string
	}{
		"root":     {true, "/user.slice", "alien", []string{"", "alien"}},
		"delegate": {false, "/user.slice/our.service", "user.slice/our.service", []string{"user.slice/our.service"}},
		"again":    {false, "/user.slice/our.service/" + supervisorLeaf, "user.slice/our.service", []string{"user.slice/our.service"}},
	} {
		t.Run(name, func(t *testing.T) {
			mount := t.TempDir()
			spec := Spec{Name: "s-d", Dir: "/state/instances/id", CPULimit: 250, MemoryLimit: 1 << 20}
			base := filepath.Join(mount, c.base)
			leaf, own := filepath.Join(base, supervisorLeaf), filepath.Join(base, "id")
			for _, dir := range []string{mount, base, leaf, own} {
				kernelFiles(t, dir)
			}
			h := hierarchy{v1: map[string]string{}, v2: mount, v2has: []string{"cpu", "memory"}, current: c.current, root: c.root}
			g, err := h.group(spec)
			if err != nil {
				t.Fatal(err)
			}
			for file, want := range map[string]string{"cpu.max": "25000 100000", "memory.max": "1048576", "memory.swap.max": "0"} {
				if got, _ := readSmall(filepath.Join(own, file)); got != want {
					t.Errorf("%s holds %q, want %q", file, got, want)
				}
			}
			for _, dir := range c.shared {
				if got, _ := readSmall(filepath.Join(mount, dir, "cgroup.subtree_control")); got != "+memory" { // the last write
					t.Errorf("%s shares %q", dir, got)
				}
			}
			if err := os.WriteFile(filepath.Join(own, "memory.events"), []byte("low 0\noom 3\noom_kill 2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if !g.oomKilled() {
				t.Error("a kill for lack of memory was not seen")
			}
		})
	}
	if _, err := (hierarchy{}).group(Spec{Dir: "/x", CPULimit: 1}); err == nil {
		t.Error("limits without control groups were not refused")
	}
}

// kernelFiles makes the files of a control group, empty.
func kernelFiles(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"cgroup.procs", "cgroup.subtree_control", "cpu.max", "memory.max", "memory.swap.max", "memory.events"} {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
