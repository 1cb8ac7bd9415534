package supervisor

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzRecords: whatever is in an instance's files, they are read as one of ours, or told to be damaged with the instance's
// id kept: it can still be removed.
func FuzzRecords(f *testing.F) {
	h, err := makeHome(seedDir(f), Spec{ID: "seed", Stack: "s", Daemon: "d", Grace: time.Second}, state{Role: "current"})
	if err != nil {
		f.Fatal(err)
	}
	var files [][]byte
	for _, name := range []string{specName, stateName, whoseName} {
		b, err := os.ReadFile(h.path(name))
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, b)
	}
	f.Add(files[0], files[1], files[2])
	f.Add([]byte(`{"version":1}`), []byte(`{"version":1,"process":{"pid":-1}}`), []byte(`{"Stack":"s"}`))
	f.Add([]byte(`{"version":1,"spec":{"id":"../other"}}`), []byte(`null`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, spec, st, whose []byte) {
		h := home(filepath.Join(t.TempDir(), "seed"))
		if err := os.Mkdir(string(h), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{specName: spec, stateName: st, whoseName: whose} {
			if err := os.WriteFile(h.path(name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, read, err := h.load()
		if got.ID != "seed" {
			t.Errorf("it became the instance %q, %v", got.ID, err)
		}
		if err == nil && read.Version != protocol {
			t.Errorf("a state of version %d was read", read.Version)
		}
	})
}

func seedDir(f *testing.F) string {
	f.Helper()
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, instancesDir), 0o700); err != nil {
		f.Fatal(err)
	}
	return dir
}
