package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// output is what connects a run's streams with the log: a FIFO for each, that the daemon holds open for reading as well.
// So it can go on writing while there is no supervisor, and the next one reads on from there.
type output struct {
	stdout, stderr *os.File   // the daemon's ends
	readers        []*os.File // ours
	done           chan struct{}
}

// The FIFOs in an instance's directory, by stream.
func (i *instance) fifo(stream string) string { return i.home.path(stream + ".fifo") }

// openOutput makes the FIFOs, and begins to read them.
func (i *instance) openOutput() (*output, error) {
	o := &output{}
	var err error
	if o.stdout, err = i.openFIFO(stdout); err == nil {
		o.stderr, err = i.openFIFO(stderr)
	}
	if err == nil {
		err = o.read(i)
	}
	if err != nil {
		return nil, errors.Join(err, o.closeEnds())
	}
	return o, nil
}

// openFIFO opens a FIFO for the daemon. Its mode lets every user of the daemon's open it again as /dev/stdout; nobody else
// gets into the directory.
func (i *instance) openFIFO(stream string) (*os.File, error) {
	path := i.fifo(stream)
	if err := unix.Mkfifo(path, 0o666); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0) // blocking: the daemon shares the mode
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// read begins to read what a daemon says.
func (o *output) read(i *instance) error {
	var wait sync.WaitGroup
	for _, stream := range []string{stdout, stderr} {
		f, err := os.OpenFile(i.fifo(stream), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return errors.Join(err, o.closeReaders())
		}
		o.readers = append(o.readers, f)
	}
	for n, stream := range []string{stdout, stderr} {
		wait.Go(func() { i.log.pump(stream, o.readers[n]) })
	}
	o.done = make(chan struct{})
	go func() {
		wait.Wait()
		close(o.done)
	}()
	return nil
}

// closeEnds lets go of the daemon's ends, which it has copies of.
func (o *output) closeEnds() error {
	var errs []error
	for _, f := range []*os.File{o.stdout, o.stderr} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	o.stdout, o.stderr = nil, nil
	return errors.Join(errs...)
}

// drainAtMost bounds the wait for the last words of a daemon that has ended: something may hold its output open that is
// no process of its.
const drainAtMost = time.Second

// drained waits until everything has been read that a daemon said.
func (o *output) drained() {
	late := time.NewTimer(drainAtMost)
	defer late.Stop()
	select {
	case <-o.done:
	case <-late.C:
	}
	_ = o.closeReaders()
}

func (o *output) closeReaders() error {
	var errs []error
	for _, f := range o.readers {
		errs = append(errs, f.Close())
	}
	o.readers = nil
	return errors.Join(errs...)
}

func (i *instance) openLog() error {
	if i.log != nil {
		return nil
	}
	log, err := openLogFile(i.home.path(logFileName))
	if err == nil {
		i.log = log
	}
	return err
}
