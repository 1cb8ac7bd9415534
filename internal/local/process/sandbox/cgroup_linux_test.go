package sandbox

import (
	"os"
	"path/filepath"
	"slices"
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

// TestHierarchies reads what machines with control groups v1, v2 and both show in /proc.
func TestHierarchies(t *testing.T) {
	v2 := t.TempDir()
	if err := os.WriteFile(filepath.Join(v2, "cgroup.controllers"), []byte("cpuset cpu io memory pids\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const old = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
	unified := "cgroup2 " + v2 + " cgroup2 rw,nosuid,nsdelegate 0 0\n"
	spec := Spec{Dir: "/state/instances/id", CPULimit: 100, MemoryLimit: 1 << 20}
	for name, c := range map[string]struct {
		mounts, self string
		cpu, memory  string // where root's groups are
		current      string
	}{
		"v1": {old, "4:memory:/user\n3:cpu,cpuacct:/user\n", "/sys/fs/cgroup/cpu,cpuacct/alien/id", "/sys/fs/cgroup/memory/alien/id", ""},
		"v2": {"proc /proc proc rw 0 0\n" + unified, "0::/user.slice/our.service\n", v2 + "/alien/id", v2 + "/alien/id", "/user.slice/our.service"},
		"both": {old + unified, "4:memory:/user\n0::/init.scope\n", "/sys/fs/cgroup/cpu,cpuacct/alien/id", "/sys/fs/cgroup/memory/alien/id",
			"/init.scope"},
		"v2 without a word of ours": {unified, "", v2 + "/alien/id", v2 + "/alien/id", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			for file, text := range map[string]string{"mounts": c.mounts, "cgroup": c.self} {
				if err := os.WriteFile(filepath.Join(proc, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h, err := hierarchies(proc)
			if err != nil {
				t.Fatal(err)
			}
			h.root = true
			if cpu, memory := h.dir("cpu", spec), h.dir("memory", spec); cpu != c.cpu || memory != c.memory {
				t.Errorf("groups are %s and %s, want %s and %s", cpu, memory, c.cpu, c.memory)
			}
			if h.current != c.current || c.current != "" && !slices.Contains(h.v2has, "memory") {
				t.Errorf("we are in %q with %v, want %q", h.current, h.v2has, c.current)
			}
		})
	}
}

// TestStepAside: a group with processes in it cannot share out controllers, so they go into one below it.
func TestStepAside(t *testing.T) {
	base := t.TempDir()
	leaf := filepath.Join(base, supervisorLeaf)
	kernelFiles(t, base)
	kernelFiles(t, leaf)
	if err := os.WriteFile(filepath.Join(base, "cgroup.procs"), []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (hierarchy{}).stepAside(base); err != nil {
		t.Fatal(err)
	}
	if got, _ := readSmall(filepath.Join(leaf, "cgroup.procs")); got != "4711" {
		t.Errorf("the supervisor's group holds %q", got)
	}
}

// TestSettings holds what each controller is told, of both kinds.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		controller string
		spec       Spec
		old        bool
		want       []setting
	}{
		{"memory", Spec{MemoryLimit: 4096}, false, []setting{{"memory.max", "4096", false}, {"memory.swap.max", "0", true}}},
		{"memory", Spec{MemoryLimit: 4096}, true, []setting{{"memory.limit_in_bytes", "4096", false}, {"memory.memsw.limit_in_bytes", "4096", true}}},
		{"cpu", Spec{CPULimit: 1500}, false, []setting{{"cpu.max", "150000 100000", false}}},
		{"cpu", Spec{CPULimit: 5}, false, []setting{{"cpu.max", "5000 1000000", false}}},
		{"cpu", Spec{CPULimit: 1500}, true, []setting{{"cpu.cfs_period_us", "100000", false}, {"cpu.cfs_quota_us", "150000", false}}},
	} {
		if got := settings(c.controller, c.spec, c.old); !slices.Equal(got, c.want) {
			t.Errorf("%s, old %v: %v, want %v", c.controller, c.old, got, c.want)
		}
	}
	dir := t.TempDir()
	if err := apply(dir, []setting{{"memory.swap.max", "0", true}}); err != nil {
		t.Errorf("a kernel without swap accounting: %v", err)
	}
	if err := apply(dir, []setting{{"memory.max", "1", false}}); err == nil {
		t.Error("a limit that cannot be set was taken for set")
	}
	h := hierarchy{v1: map[string]string{}, v2: dir, v2has: []string{"cpu"}}
	if _, err := h.group(Spec{Dir: "/x/id", MemoryLimit: 1}); err == nil {
		t.Error("a controller that the kernel does not have was not missed")
	}
}
