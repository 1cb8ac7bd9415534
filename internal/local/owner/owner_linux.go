package owner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func boot() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

func space() string {
	s, _ := os.Readlink("/proc/self/ns/pid")
	return s
}

// start gives the process's start time in clock ticks since the machine's. A process that has ended and was not waited
// for yet does not exist any more.
func start(pid int) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		// /proc can be told to hide the processes of others.
		if alive := unix.Kill(pid, 0); errors.Is(alive, unix.EPERM) {
			return "", alive
		}
		return "", err
	}
	// The name stands in parentheses and may hold anything; the state and the numbers follow it.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("cannot read the start time of process %d", pid)
	}
	if state := fields[0][0]; state == 'Z' || state == 'X' {
		return "", fs.ErrNotExist
	}
	return string(fields[19]), nil
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }
