package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// group are the control groups of one instance: one where there is a unified hierarchy, else one for each controller.
// A nil group is that of an instance without limits.
type group struct {
	dirs   []string
	memory string // the one that counts memory, empty where that is not limited
	killed int    // how often memory ran out before this start
}

// setting is a file of a control group and what is written to it. One that may be missing is a refinement.
type setting struct {
	file, value string
	optional    bool
}

// controllers are what a spec needs.
func (s Spec) controllers() []string {
	var out []string
	if s.CPULimit > 0 {
		out = append(out, "cpu")
	}
	if s.MemoryLimit > 0 {
		out = append(out, "memory")
	}
	return out
}

// newGroup makes the groups that the spec's limits need, and sets them.
func newGroup(s Spec) (*group, error) {
	if len(s.controllers()) == 0 {
		return nil, nil
	}
	h, err := hierarchies("/proc/self")
	if err != nil {
		return nil, err
	}
	g, err := h.group(s)
	if err != nil {
		return nil, &fact.Problem{
			Reason:  fact.ConfigRefused,
			Message: fmt.Sprintf("cannot limit %s of %s: this user may not set control groups on this machine", strings.Join(s.controllers(), " and "), s.Name),
			Hint:    "remove cpu.desired and memory.desired, run as root, or let a systemd unit with Delegate=yes run the supervisor",
			Err:     err,
		}
	}
	return g, nil
}

// oldGroup finds the groups of a process that runs already.
func oldGroup(s Spec) *group {
	if len(s.controllers()) == 0 {
		return nil
	}
	h, err := hierarchies("/proc/self")
	if err != nil {
		return nil
	}
	g := &group{}
	for _, c := range s.controllers() {
		g.addDir(h.dir(c, s), c)
	}
	return g
}

// hierarchy is where control groups are on this machine.
type hierarchy struct {
	v1      map[string]string // mount point by controller
	v2      string            // mount point, empty where there is none
	v2has   []string          // controllers there
	current string            // our own group in v2
	root    bool
}

// hierarchies reads what a process sees of control groups.
func hierarchies(proc string) (hierarchy, error) {
	h := hierarchy{v1: map[string]string{}, root: privileged()}
	mounts, err := os.Open(filepath.Join(proc, "mounts"))
	if err != nil {
		return h, err
	}
	defer mounts.Close()
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) < 4:
		case f[2] == "cgroup2":
			h.v2 = f[1]
		case f[2] == "cgroup":
			for option := range strings.SplitSeq(f[3], ",") {
				h.v1[option] = f[1]
			}
		}
	}
	if h.v2 != "" {
		has, _ := readSmall(filepath.Join(h.v2, "cgroup.controllers"))
		h.v2has = strings.Fields(has)
		h.current = currentGroup(proc)
	}
	return h, lines.Err()
}

// currentGroup is a process's group in the unified hierarchy.
func currentGroup(proc string) string {
	text, _ := readSmall(filepath.Join(proc, "cgroup"))
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path
		}
	}
	return "/"
}

// base is the group that ours are made in, for a controller.
func (h hierarchy) base(controller string) string {
	if mount, ok := h.v1[controller]; ok {
		return filepath.Join(mount, "alien")
	}
	if h.root {
		return filepath.Join(h.v2, "alien")
	}
	return filepath.Join(h.v2, strings.TrimSuffix(h.current, "/"+supervisorLeaf))
}

// supervisorLeaf is where a supervisor that is not root moves itself: a group with processes in it cannot share out
// controllers.
const supervisorLeaf = "alien-supervisor"

func (h hierarchy) dir(controller string, s Spec) string {
	return filepath.Join(h.base(controller), filepath.Base(s.Dir))
}

// group makes and sets a spec's groups.
func (h hierarchy) group(s Spec) (*group, error) {
	g := &group{}
	for _, c := range s.controllers() {
		_, old := h.v1[c]
		if !old && (h.v2 == "" || !slices.Contains(h.v2has, c)) {
			return nil, fmt.Errorf("the kernel has no control group controller for %s", c)
		}
		if !old {
			if err := h.share(c); err != nil {
				return nil, err
			}
		}
		dir := h.dir(c, s)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		g.addDir(dir, c)
		if err := apply(dir, settings(c, s, old)); err != nil {
			return nil, errors.Join(err, g.remove())
		}
	}
	g.killed = g.kills()
	return g, nil
}

func (g *group) addDir(dir, controller string) {
	if !slices.Contains(g.dirs, dir) {
		g.dirs = append(g.dirs, dir)
	}
	if controller == "memory" {
		g.memory = dir
	}
}

// share makes a controller of the unified hierarchy usable in our groups.
func (h hierarchy) share(controller string) error {
	base := h.base(controller)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	chain := []string{base}
	if h.root {
		chain = []string{h.v2, base}
	} else if err := h.stepAside(base); err != nil {
		return err
	}
	for _, dir := range chain {
		if err := write(filepath.Join(dir, "cgroup.subtree_control"), "+"+controller); err != nil {
			return err
		}
	}
	return nil
}

// stepAside moves the supervisor's own processes out of the group that it was given for its daemons.
func (h hierarchy) stepAside(base string) error {
	leaf := filepath.Join(base, supervisorLeaf)
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return err
	}
	pids, err := readSmall(filepath.Join(base, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, pid := range strings.Fields(pids) {
		if err := write(filepath.Join(leaf, "cgroup.procs"), pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// settings are what a controller's files are to hold.
func settings(controller string, s Spec, old bool) []setting {
	memory := strconv.FormatInt(s.MemoryLimit, 10)
	period := int64(100_000)
	if s.CPULimit < 10 { // the kernel takes no quota below a millisecond
		period = 1_000_000
	}
	quota := s.CPULimit * period / 1000
	switch {
	case controller == "memory" && old:
		return []setting{{"memory.limit_in_bytes", memory, false}, {"memory.memsw.limit_in_bytes", memory, true}}
	case controller == "memory":
		return []setting{{"memory.max", memory, false}, {"memory.swap.max", "0", true}}
	case old:
		return []setting{{"cpu.cfs_period_us", strconv.FormatInt(period, 10), false}, {"cpu.cfs_quota_us", strconv.FormatInt(quota, 10), false}}
	}
	return []setting{{"cpu.max", fmt.Sprintf("%d %d", quota, period), false}}
}

func apply(dir string, list []setting) error {
	for _, s := range list {
		err := write(filepath.Join(dir, s.file), s.value)
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes to a file of the kernel's, which is there already.
func write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// add puts a process into the groups.
func (g *group) add(pid int) error {
	if g == nil {
		return nil
	}
	for _, dir := range g.dirs {
		if err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("cannot limit process %d: %w", pid, err)
		}
	}
	return nil
}

// remove removes groups that are empty. One that is busy still is made use of by the next start, or stays, empty.
func (g *group) remove() error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, dir := range g.dirs {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EBUSY) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// oomKilled says whether the kernel has killed something in the group since its start because its memory ran out.
func (g *group) oomKilled() bool { return g != nil && g.kills() > g.killed }

// kills reads how often the kernel did so.
func (g *group) kills() int {
	if g.memory == "" {
		return 0
	}
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		text, _ := readSmall(filepath.Join(g.memory, file))
		for line := range strings.Lines(text) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(count))
				return n
			}
		}
	}
	return 0
}
