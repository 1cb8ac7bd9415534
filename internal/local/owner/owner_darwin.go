package owner

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

func boot() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

func space() string { return "" }

// start gives the process's start time by the wall clock.
func start(pid int) (string, error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		if alive := unix.Kill(pid, 0); errors.Is(alive, unix.ESRCH) {
			return "", alive
		}
		return "", err
	}
	return fmt.Sprintf("%d.%06d", p.Proc.P_starttime.Sec, p.Proc.P_starttime.Usec), nil
}

func gone(err error) bool { return errors.Is(err, unix.ESRCH) }
