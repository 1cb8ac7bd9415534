package sandbox

import (
	"errors"
	"path"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program is a list of system calls, prepared so that they can be made where Go's runtime is not at hand: in a process
// just forked. The last ones become the daemon, or the command, in it.
type program struct {
	calls []call
	keep  []any // what the calls' arguments point to
}

// call is one system call. After one that fails with tolerated errors the next one is made, and the failure counts only
// if the program comes to its end.
type call struct {
	step     step
	trap     uintptr
	args     [5]uintptr
	tolerant bool
}

// step names what a call is for, to those who read its failure.
type step int32

const (
	stepNone step = iota
	stepJoin
	stepFork
	stepCapabilities
	stepUser
	stepBegin
	stepDirectory
	stepStreams
	stepExec
)

func (p *program) add(s step, trap uintptr, args ...uintptr) {
	c := call{step: s, trap: trap}
	copy(c.args[:], args)
	p.calls = append(p.calls, c)
}

// text gives the address of a copy of s that ends with a zero.
func (p *program) text(s string) (uintptr, error) {
	b, err := unix.BytePtrFromString(s)
	if err != nil {
		return 0, err
	}
	p.keep = append(p.keep, b)
	return uintptr(unsafe.Pointer(b)), nil
}

// texts gives the address of a list of strings as execve wants it.
func (p *program) texts(list []string) (uintptr, error) {
	addresses := make([]*byte, len(list)+1)
	for i, s := range list {
		b, err := unix.BytePtrFromString(s)
		if err != nil {
			return 0, err
		}
		addresses[i] = b
	}
	p.keep = append(p.keep, addresses)
	return uintptr(unsafe.Pointer(&addresses[0])), nil
}

// run makes the calls in order. It comes back only where one fails, and says which and why.
//
// It is also run in a forked copy of a process with many threads, of which only the calling one is there: it must not
// allocate, take a lock, be instrumented, or ask for more stack, which is also how Go stops a goroutine for others.
//
//go:nosplit
//go:noinline
//go:norace
//go:nocheckptr
func run(calls []call) (step, syscall.Errno) {
	var refused syscall.Errno
	last := stepNone
	for i := range calls {
		c := &calls[i]
		_, _, errno := syscall.RawSyscall6(c.trap, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], 0)
		if errno == 0 {
			continue
		}
		if !c.tolerant || errno != unix.ENOENT && errno != unix.ENOTDIR && errno != unix.EACCES {
			return c.step, errno
		}
		if last = c.step; refused != unix.EACCES { // what is there and may not be run says more than what is not there
			refused = errno
		}
	}
	return last, refused
}

// keptCapabilities are those a root user keeps, the ones that container engines leave by default.
const keptCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FSETID | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_MKNOD | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETFCAP |
	1<<unix.CAP_SETPCAP | 1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_KILL | 1<<unix.CAP_AUDIT_WRITE

// become makes the calling thread the wanted user, without any right beyond that user's, for good.
func (p *program) become(a account, userns bool, lastCapability uintptr) {
	for c := range lastCapability + 1 {
		if keptCapabilities&(1<<c) == 0 {
			p.add(stepCapabilities, unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		}
	}
	p.add(stepCapabilities, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	if !userns { // in a user namespace of ours groups cannot be set
		groups := make([]uint32, len(a.Groups)+1)
		for i, g := range a.Groups {
			groups[i] = uint32(g)
		}
		p.keep = append(p.keep, groups)
		p.add(stepUser, unix.SYS_SETGROUPS, uintptr(len(a.Groups)), uintptr(unsafe.Pointer(&groups[0])))
	}
	p.add(stepUser, unix.SYS_SETRESGID, uintptr(a.GID), uintptr(a.GID), uintptr(a.GID))
	p.add(stepUser, unix.SYS_SETRESUID, uintptr(a.UID), uintptr(a.UID), uintptr(a.UID))
	p.capabilities(a)
	p.add(stepCapabilities, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
}

// capabilities sets what the thread itself may: the bounding set alone says only what is left after the next exec.
func (p *program) capabilities(a account) {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := new([2]unix.CapUserData)
	if a.UID == 0 {
		for i := range data {
			kept := uint32(uint64(keptCapabilities) >> (32 * i))
			data[i] = unix.CapUserData{Effective: kept, Permitted: kept}
		}
	}
	p.keep = append(p.keep, header, data)
	p.add(stepCapabilities, unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(data)))
}

// execute runs a command, the first of its name on the PATH that can be run.
func (p *program) execute(dir string, args, env []string) error {
	wd, err := p.text(dir)
	if err != nil {
		return err
	}
	p.add(stepDirectory, unix.SYS_CHDIR, wd)
	argv, err := p.texts(args)
	if err != nil {
		return err
	}
	envp, err := p.texts(env)
	if err != nil {
		return err
	}
	for _, file := range candidates(args[0], env) {
		name, err := p.text(file)
		if err != nil {
			return err
		}
		p.add(stepExec, unix.SYS_EXECVE, name, argv, envp)
		p.calls[len(p.calls)-1].tolerant = true
	}
	return nil
}

// errNoCommand is what a list of arguments without any is.
var errNoCommand = errors.New("no command is given")

// candidates are the files that a command may mean.
func candidates(command string, env []string) []string {
	if strings.Contains(command, "/") {
		return []string{command}
	}
	search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			search = value
		}
	}
	var out []string
	for dir := range strings.SplitSeq(search, ":") {
		out = append(out, path.Join("/", dir, command))
	}
	return out
}

// lastCapability is the highest capability that the kernel knows.
func lastCapability() uintptr {
	b, err := readSmall("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return unix.CAP_LAST_CAP
	}
	n, err := number(b)
	if err != nil {
		return unix.CAP_LAST_CAP
	}
	return uintptr(n)
}
