package owner

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/windows"
)

// boot needs no more than the machine's name here: a start time by the wall clock, to 100 ns, does not come again.
func boot() string {
	host, _ := os.Hostname()
	return host
}

func space() string { return "" }

// start gives the process's start time by the wall clock.
func start(pid int) (string, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return "", err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &began, &ended, &kernel, &user); err != nil {
		return "", err
	}
	if ended.Nanoseconds() > began.Nanoseconds() {
		return "", windows.ERROR_INVALID_PARAMETER // it has ended, and somebody still holds it
	}
	return strconv.FormatInt(began.Nanoseconds(), 10), nil
}

func gone(err error) bool { return errors.Is(err, windows.ERROR_INVALID_PARAMETER) }
