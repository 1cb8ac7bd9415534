package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
)

// logOf gives an instance's log in a directory of its own.
func logOf(t *testing.T, size int64) (dir string, l *logFile) {
	t.Helper()
	dir = t.TempDir()
	home := filepath.Join(dir, instancesDir, "id")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := openLogFile(filepath.Join(home, logFileName))
	if err != nil {
		t.Fatal(err)
	}
	l.size = size
	t.Cleanup(func() { _ = l.close() })
	return dir, l
}

func texts(t *testing.T, dir string, q fact.LogQuery) []string {
	t.Helper()
	var out []string
	q.Instance = "id"
	for line, err := range Logs(t.Context(), dir, q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line.Stream+" "+line.Text)
	}
	return out
}

func TestLogLines(t *testing.T) {
	dir, l := logOf(t, logSize)
	long := strings.Repeat("x", 3*longestRow+5)
	l.pump(stdout, strings.NewReader("one\n\ntwo words\n"+long+"\nno newline"))
	l.pump(stderr, strings.NewReader("oops\n"))
	l.mark("exited with %s", "code 1")
	want := []string{"stdout one", "stdout ", "stdout two words", "stdout " + long, "stdout no newline", "stderr oops", "marker exited with code 1"}
	if got := texts(t, dir, fact.LogQuery{Tail: -1}); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("all: %.300q", got)
	}
	if got := texts(t, dir, fact.LogQuery{Tail: 2}); strings.Join(got, "|") != "stderr oops|marker exited with code 1" {
		t.Errorf("tail: %q", got)
	}
	if got := texts(t, dir, fact.LogQuery{Tail: 0}); len(got) != 0 {
		t.Errorf("tail 0: %q", got)
	}
	if got := texts(t, dir, fact.LogQuery{Tail: -1, Since: time.Now().Add(time.Hour)}); len(got) != 0 {
		t.Errorf("since later: %q", got)
	}
	if got := texts(t, dir, fact.LogQuery{Tail: -1, Until: time.Now().Add(-time.Hour)}); len(got) != 0 {
		t.Errorf("until before: %q", got)
	}
}

// TestLogRotates: the files stay bounded, and a reader sees the lines in order, over their borders.
func TestLogRotates(t *testing.T) {
	dir, l := logOf(t, 1000)
	for n := range 500 {
		if err := l.row(stdout, true, fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	got := texts(t, dir, fact.LogQuery{Tail: -1})
	if len(got) < 20 || got[len(got)-1] != "stdout 499" {
		t.Fatalf("%d lines, the last %q", len(got), got[len(got)-1])
	}
	for n, line := range got {
		if want := fmt.Sprintf("stdout %d", 500-len(got)+n); line != want {
			t.Fatalf("line %d is %q, want %q", n, line, want)
		}
	}
	files, _ := os.ReadDir(filepath.Dir(l.path))
	for _, f := range files {
		if info, _ := f.Info(); info.Size() > 1100 {
			t.Errorf("%s has %d bytes", f.Name(), info.Size())
		}
	}
	if len(files) != logFiles {
		t.Errorf("files: %v", files)
	}
}

// TestLogFollow: a follower sees every line once, over rotations, and what was written before it was told to end.
func TestLogFollow(t *testing.T) {
	dir, l := logOf(t, 20_000)
	ctx, cancel := context.WithCancel(t.Context())
	const lines = 1000
	written := make(chan struct{})
	go func() {
		defer close(written)
		for n := range lines {
			_ = l.row(stdout, true, fmt.Append(nil, n))
			if n%200 == 0 {
				<-time.After(time.Millisecond) // lets the follower wait for changes, too
			}
		}
		cancel()
	}()
	n := 0
	for line, err := range Logs(ctx, dir, fact.LogQuery{Tail: -1, Follow: true, Instance: "id"}) {
		if err != nil {
			t.Fatal(err)
		}
		if line.Text != fmt.Sprint(n) {
			t.Fatalf("line %d is %q", n, line.Text)
		}
		n++
	}
	<-written
	if n != lines {
		t.Errorf("%d lines, want %d", n, lines)
	}
}
