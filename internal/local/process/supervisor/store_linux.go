package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alienplatform/alien-go/internal/deploy/fact"
	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
)

// The files in an instance's directory.
const (
	specName  = "spec.json"
	stateName = "state.json"
	whoseName = "daemon.json" // for the case that its spec cannot be read
)

// state is what is recorded of an instance while it lives.
type state struct {
	Version int              `json:"version"`
	Role    string           `json:"role,omitempty"`
	Wanted  bool             `json:"wanted"`
	ByHand  bool             `json:"byHand,omitempty"`
	Process *sandbox.Process `json:"process,omitempty"` // that runs, or was about to
	// Started and Exit are of the last run; Restarts counts runs after the first since the instance was wanted.
	Started  time.Time  `json:"started,omitzero"`
	Exit     *fact.Exit `json:"exit,omitempty"`
	Restarts int        `json:"restarts,omitempty"`
	// Unbegun says that the last start died with the supervisor: the next one is that one made again, and not one more.
	Unbegun bool      `json:"unbegun,omitempty"`
	Next    time.Time `json:"next,omitzero"`
	Trouble *trouble  `json:"trouble,omitempty"` // why the last start failed
	backoff
}

// home is an instance's directory.
type home string

// makeHome makes the directory of a new instance. Without a spec in it, it is as good as not there. It outlives this
// process, but a loss of power only once it was settled.
func makeHome(dir string, s Spec, st state) (home, error) {
	h := home(filepath.Join(dir, instancesDir, s.ID))
	if err := os.Mkdir(string(h), 0o700); err != nil {
		return h, err
	}
	err := h.note(st)
	if err == nil {
		err = writeFile(h.path(whoseName), daemonKey{s.Stack, s.Daemon}, false)
	}
	if err == nil {
		err = writeFile(h.path(specName), document{Version: protocol, Spec: &s}, false)
	}
	if err != nil {
		return h, errors.Join(err, h.remove())
	}
	return h, nil
}

// settle brings a new instance's directory onto the disk, all at once: one wait and not one for each of its files.
func (h home) settle() error {
	var files []*os.File
	var errs []error
	for _, name := range []string{specName, whoseName, stateName} {
		f, err := os.Open(h.path(name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		files = append(files, f)
		_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) // only begins; not every file system can
	}
	for _, f := range files {
		errs = append(errs, f.Sync(), f.Close())
	}
	return errors.Join(append(errs, syncDir(string(h)), syncDir(filepath.Dir(string(h))))...)
}

// document is a spec's file.
type document struct {
	Version int   `json:"version"`
	Spec    *Spec `json:"spec"`
}

func (h home) path(name string) string { return filepath.Join(string(h), name) }

// save records the state, on the disk.
func (h home) save(st state) error {
	st.Version = protocol
	return writeFile(h.path(stateName), st, true)
}

// note records the state of an instance that will be settled.
func (h home) note(st state) error {
	st.Version = protocol
	return writeFile(h.path(stateName), st, false)
}

// load reads what is recorded. Neither file is ever changed in place: one that cannot be read was damaged from outside.
func (h home) load() (Spec, state, error) {
	var d document
	var st state
	err := readFile(h.path(specName), &d)
	if err == nil && (d.Version != protocol || d.Spec == nil) {
		err = fmt.Errorf("%s has version %d, and this program knows %d", h.path(specName), d.Version, protocol)
	}
	if id := filepath.Base(string(h)); err == nil && d.Spec.ID != id {
		err = fmt.Errorf("%s is of the instance %s, and not of %s", h.path(specName), d.Spec.ID, id)
	}
	if err != nil {
		var of daemonKey
		_ = readFile(h.path(whoseName), &of) // then nobody knows whose it is
		return Spec{ID: filepath.Base(string(h)), Stack: of.Stack, Daemon: of.Daemon}, st, err
	}
	if err = readFile(h.path(stateName), &st); err == nil && st.Version != protocol {
		err = fmt.Errorf("%s has version %d, and this program knows %d", h.path(stateName), st.Version, protocol)
	}
	return *d.Spec, st, err
}

// remove removes an instance. Without its spec it is none any more, whatever else is left when we are killed.
func (h home) remove() error {
	if err := os.Remove(h.path(specName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return sandbox.Remove(string(h))
}

// homes lists the instances of a directory, and clears away what was never whole or is half removed.
func homes(dir string) ([]home, error) {
	all := filepath.Join(dir, instancesDir)
	if err := os.MkdirAll(all, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(all)
	if err != nil {
		return nil, err
	}
	var out []home
	for _, e := range entries {
		h := home(filepath.Join(all, e.Name()))
		if validID(e.Name()) != nil || !e.IsDir() {
			continue // not ours
		}
		if _, err := os.Lstat(h.path(specName)); errors.Is(err, fs.ErrNotExist) {
			if err := h.clear(); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, h)
	}
	return out, nil
}

// clear removes what is no instance; nothing may run in it any more.
func (h home) clear() error {
	if err := sandbox.End(sandbox.Spec{Name: filepath.Base(string(h)), Dir: string(h)}); err != nil {
		return err
	}
	return h.remove()
}

func readFile(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// writeFile puts a file in the place of another one, whole; where it is to be safe, also on the disk.
func writeFile(path string, content any, safe bool) error {
	b, err := json.Marshal(content)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil && safe {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error above says more
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if !safe {
		return nil
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
