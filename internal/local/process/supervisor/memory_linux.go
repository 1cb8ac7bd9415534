package supervisor

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// beSmall gives back what only busy times need. Whatever is needed of it again comes back by itself.
func beSmall() {
	runtime.GC()
	runtime.GC() // pools let go of what they hold at the second one
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range programOf(string(smaps)) {
		// The file has it still. Where the kernel does not want to, all stays as it was.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// programOf finds what is mapped of files, cannot be written to and was never changed: the program. smaps is the kernel's
// list of a process's mappings.
func programOf(smaps string) []mapping {
	var found []mapping
	var last mapping
	candidate := false
	for line := range strings.Lines(smaps) {
		f := strings.Fields(line)
		if len(f) > 1 && strings.Contains(f[0], "-") {
			candidate = len(f) >= 6 && strings.HasPrefix(f[5], "/") && f[1][1] == '-' && f[1][3] == 'p' && last.read(f[0])
		}
		if candidate && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0" {
			found = append(found, last)
		}
	}
	return found
}

// read reads a range as the kernel writes it.
func (m *mapping) read(text string) bool {
	from, to, _ := strings.Cut(text, "-")
	start, e1 := strconv.ParseUint(from, 16, 64)
	end, e2 := strconv.ParseUint(to, 16, 64)
	m.start, m.end = uintptr(start), uintptr(end)
	return e1 == nil && e2 == nil
}
