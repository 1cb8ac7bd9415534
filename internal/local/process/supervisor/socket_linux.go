package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The supervisor's socket is used through files, and not through package net: what that needs to begin takes longer than a
// supervisor's whole start.

// dialSocket connects to a directory's socket. It does not wait: there is room for more clients than there are.
func dialSocket(_ context.Context, dir string) (*os.File, error) {
	conn, address, closeDir, err := newSocket(dir)
	if err != nil {
		return nil, err
	}
	defer closeDir()
	if err := control(conn, func(fd int) error { return unix.Connect(fd, address) }); err != nil {
		return nil, errors.Join(&os.PathError{Op: "connect", Path: filepath.Join(dir, socketName), Err: err}, conn.Close())
	}
	return conn, nil
}

// listen opens the socket. The lock is ours: a socket that is there is a dead supervisor's.
func listen(dir string) (*os.File, error) {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, address, closeDir, err := newSocket(dir)
	if err != nil {
		return nil, err
	}
	defer closeDir()
	err = control(l, func(fd int) error {
		if err := unix.Bind(fd, address); err != nil {
			return err
		}
		return unix.Listen(fd, unix.SOMAXCONN)
	})
	if err == nil {
		err = os.Chmod(filepath.Join(dir, socketName), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// newSocket gives a socket and its address. The path in that goes through an open directory: a socket's own may be no
// longer than 107 bytes.
func newSocket(dir string) (*os.File, unix.Sockaddr, func(), error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, nil, errors.Join(err, d.Close())
	}
	address := &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName)}
	return os.NewFile(uintptr(fd), socketName), address, func() { _ = d.Close() }, nil
}

// acceptNext waits for the next client, or until the listener is closed.
func acceptNext(l *os.File) (*os.File, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var accepted error
	err = raw.Read(func(listener uintptr) bool {
		fd, _, accepted = unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return accepted != unix.EAGAIN && accepted != unix.EINTR && accepted != unix.ECONNABORTED
	})
	if err := errors.Join(err, accepted); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "client"), nil
}

// peer tells who is at the other end.
func peer(conn *os.File) (who *unix.Ucred, err error) {
	err = control(conn, func(fd int) error {
		who, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	return who, err
}

// control does something with a file's descriptor.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var done error
	err = raw.Control(func(fd uintptr) { done = do(int(fd)) })
	return errors.Join(err, done)
}
