package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// Logs gives the log of an instance in a supervisor's directory, the oldest line first. It needs no supervisor. With
// q.Follow it goes on until ctx ends, and then still gives what was written before that, or until the instance is removed.
// q.Instance is the instance's id.
func Logs(ctx context.Context, dir string, q fact.LogQuery) iter.Seq2[fact.LogLine, error] {
	return func(yield func(fact.LogLine, error) bool) {
		err := validID(q.Instance)
		if err == nil {
			r := &logReader{path: filepath.Join(dir, instancesDir, q.Instance, logFileName), q: q,
				yield: func(l fact.LogLine) bool { return yield(l, nil) }}
			err = r.read(ctx)
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(fact.LogLine{}, fmt.Errorf("cannot read the log of instance %s: %w", q.Instance, err))
		}
	}
}

// logReader reads one instance's log.
type logReader struct {
	path  string
	q     fact.LogQuery
	yield func(fact.LogLine) bool
	begun map[string]fact.LogLine // by stream: a line whose end has not come yet
	tail  []fact.LogLine          // instead of yielding: the last lines so far
}

func (r *logReader) read(ctx context.Context) error {
	var changes *fsnotify.Watcher
	if r.q.Follow { // before the first look, so that nothing falls between
		var err error
		if changes, err = fsnotify.NewWatcher(); err != nil {
			return err
		}
		defer changes.Close()
		if err := changes.Add(filepath.Dir(r.path)); err != nil {
			return err
		}
	}
	last, err := r.past()
	if last != nil {
		defer func() { _ = last.Close() }()
	}
	if err != nil || !r.q.Follow {
		return err
	}
	return r.follow(ctx, changes, &last)
}

// past yields what has been written, and gives the newest file, open where its reading ended.
func (r *logReader) past() (*os.File, error) {
	files, err := r.open()
	if err != nil {
		return nil, err
	}
	r.begun = map[string]fact.LogLine{}
	for n, f := range files {
		if err = r.rows(f); err != nil || n < len(files)-1 {
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return nil, err
		}
	}
	tail := r.tail
	r.tail = nil
	if r.q.Tail > 0 {
		for _, l := range tail {
			if !r.yield(l) {
				return files[len(files)-1], errEnough
			}
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	return files[len(files)-1], nil
}

// open opens the files that are there, the oldest first. They may be renamed meanwhile: the newest is opened first, and a
// file that is met again is left out.
func (r *logReader) open() ([]*os.File, error) {
	var files []*os.File
	for n := range logFiles {
		f, err := os.Open(rotated(r.path, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(files) > 0 && sameFile(files[len(files)-1], f) {
			if err := f.Close(); err != nil {
				return nil, err
			}
			continue
		}
		files = append(files, f)
	}
	slices.Reverse(files)
	return files, nil
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// rows takes in what is whole of a file from where its reading ended.
func (r *logReader) rows(f *os.File) error {
	in := bufio.NewReaderSize(f, 64<<10)
	for {
		row, err := in.ReadSlice('\n')
		if err != nil { // a row that is being written is read again when it is whole
			_, seek := f.Seek(-int64(len(row)), io.SeekCurrent)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(err, seek)
		}
		if !r.row(row[:len(row)-1]) {
			return errEnough
		}
	}
}

// row takes in one row. A row that is none is of a disk that was full in the middle of it.
func (r *logReader) row(row []byte) bool {
	f := bytes.SplitN(row, []byte(" "), 4)
	if len(f) < 4 {
		return true
	}
	at, err := time.Parse(logStamp, string(f[0]))
	if err != nil {
		return true
	}
	stream := string(f[1])
	line, begun := r.begun[stream]
	if !begun {
		line = fact.LogLine{Time: at, Stream: stream}
	}
	line.Text += string(f[3])
	if string(f[2]) == "P" && len(line.Text) < longestLine {
		r.begun[stream] = line
		return true
	}
	delete(r.begun, stream)
	if line.Time.Before(r.q.Since) || !r.q.Until.IsZero() && line.Time.After(r.q.Until) {
		return true
	}
	return r.line(line)
}

// longestLine is where a line is cut that was written in pieces.
const longestLine = 1 << 20

// line yields a line, or keeps it as one of the last.
func (r *logReader) line(l fact.LogLine) bool {
	if r.q.Tail < 0 {
		return r.yield(l)
	}
	if r.q.Tail > 0 {
		if len(r.tail) == r.q.Tail {
			r.tail = r.tail[1:]
		}
		r.tail = append(r.tail, l)
	}
	return true
}

// follow yields what is written from now on.
func (r *logReader) follow(ctx context.Context, changes *fsnotify.Watcher, current **os.File) error {
	r.q.Tail = -1
	for {
		if err := r.catchUp(current); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return r.catchUp(current)
		case err := <-changes.Errors:
			return err
		case e, more := <-changes.Events:
			if !more || e.Name == r.path && e.Has(fsnotify.Remove) {
				return r.catchUp(current)
			}
		}
	}
}

// catchUp reads to the end of what there is, over from a file that is full to those after it.
func (r *logReader) catchUp(current **os.File) error {
	for {
		if *current != nil {
			if err := r.rows(*current); err != nil {
				return err
			}
		}
		next, err := r.next(*current)
		if err != nil || next == nil {
			return err
		}
		if *current != nil {
			// Nothing is written to it any more, but may have been before its successor was there.
			if err := errors.Join(r.rows(*current), (*current).Close()); err != nil {
				return errors.Join(err, next.Close())
			}
		}
		*current = next
	}
}

// next opens the file after the current one; nil where that is the newest.
func (r *logReader) next(current *os.File) (*os.File, error) {
	files, err := r.open()
	if err != nil {
		return nil, err
	}
	at := -1 // of one that has been rotated away: the oldest is next
	for n, f := range files {
		if current != nil && sameFile(current, f) {
			at = n
		}
	}
	var next *os.File
	for n, f := range files {
		if n == at+1 {
			next = f
		} else if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return next, nil
}
