package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	logSize    = 10 << 20 // of one log file
	logFiles   = 3        // log, log.1, log.2
	longestRow = 16 << 10 // a longer line is written in pieces
	logStamp   = "2006-01-02T15:04:05.000000000Z07:00"
)

// The streams of a log.
const (
	stdout = "stdout"
	stderr = "stderr"
	marker = "marker" // of ours
)

// logFile is an instance's log. A row is "TIME STREAM F TEXT", or P instead of F for the beginning of a line that goes on
// in the stream's next row: the format that container runtimes use.
type logFile struct {
	path string
	size int64 // at which a file is full

	mu      sync.Mutex
	file    *os.File // nil where it could not be opened
	written int64
	closed  bool
}

func openLogFile(path string) (*logFile, error) {
	l := &logFile{path: path, size: logSize}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.written = f, info.Size()
	return nil
}

// row writes one row.
func (l *logFile) row(stream string, whole bool, text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fs.ErrClosed
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.written >= l.size {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	tag := byte('F')
	if !whole {
		tag = 'P'
	}
	row := make([]byte, 0, len(logStamp)+len(stream)+len(text)+8)
	row = time.Now().UTC().AppendFormat(row, logStamp)
	row = append(append(append(row, ' '), stream...), ' ', tag, ' ')
	row = append(append(row, text...), '\n')
	n, err := l.file.Write(row)
	l.written += int64(n)
	return err
}

// mark writes a line of ours about the daemon's life. Without a log it is written nowhere.
func (l *logFile) mark(format string, args ...any) {
	if l == nil {
		return
	}
	_ = l.row(marker, true, fmt.Appendf(nil, format, args...)) // a full disk is told where it does harm
}

// rotate renames the files, the oldest away, and begins a new one.
func (l *logFile) rotate() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	l.file = nil
	for n := logFiles - 2; n >= 0; n-- {
		if err := os.Rename(rotated(l.path, n), rotated(l.path, n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, l.open())
		}
	}
	return l.open()
}

// rotated is the name of the nth older file.
func rotated(path string, n int) string {
	if n == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, n)
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// pump writes what comes from a daemon to the log, line by line, until it ends. It goes on where the log cannot be written:
// a daemon must not wait for a disk that is full.
func (l *logFile) pump(stream string, from io.Reader) {
	var line []byte
	chunk := make([]byte, 4096)
	for {
		n, err := from.Read(chunk)
		for rest := chunk[:n]; len(rest) > 0; {
			text, after, whole := bytes.Cut(rest, []byte("\n"))
			if room := longestRow - len(line); len(text) > room {
				text, after, whole = text[:room], rest[room:], false
			}
			line, rest = append(line, text...), after
			if whole || len(line) >= longestRow {
				_ = l.row(stream, whole, line)
				line = line[:0]
			}
		}
		if err != nil {
			if len(line) > 0 {
				_ = l.row(stream, true, line)
			}
			return
		}
		if cap(line) > 4096 && len(line) == 0 {
			line = nil
		}
	}
}
