package cli

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// managerDir is the state directory of a manager; internal/commands/README.md says what is in it.
type managerDir string

// managerFile tells programs of this machine which manager serves from a directory, and where.
type managerFile struct {
	Owner     processOwner      `json:"owner"` // the file counts only while this process is there
	BaseURL   string            `json:"baseUrl"`
	Listeners []managerListener `json:"listeners"` // in the order of --listen
}

type managerListener struct {
	Address string `json:"address"` // host:port, as bound
	URL     string `json:"url"`
}

// managerDir is where a manager keeps everything, unless --state says otherwise.
func (d *deps) managerDir(flag string) (managerDir, error) {
	if flag != "" {
		return managerDir(flag), nil
	}
	if state, _ := d.env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return managerDir(filepath.Join(state, "alien", "manager")), nil
	}
	home, _ := d.env("HOME")
	if !filepath.IsAbs(home) {
		return "", unavailable("the manager does not know where to keep its state", "pass --state, or set HOME or XDG_STATE_HOME")
	}
	return managerDir(filepath.Join(home, ".local", "state", "alien", "manager")), nil
}

func (m managerDir) path(name string) string { return filepath.Join(string(m), name) }

func (m managerDir) database() string { return m.path("manager.db") }
func (m managerDir) blobs() string    { return m.path("blobs") }
func (m managerDir) adminKey() string { return m.path("admin.key") }
func (m managerDir) running() string  { return m.path("manager.json") }

// serving reads who serves from the directory; false where nobody does.
func (m managerDir) serving() (managerFile, bool, error) {
	var f managerFile
	b, err := os.ReadFile(m.running())
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		return f, false, fmt.Errorf("cannot read %s: %w", m.running(), err)
	}
	return f, !f.Owner.Dead(thisProcess()), nil
}

// who is the serving manager, for a message; "" where it is not known.
func (m managerDir) who() string {
	f, ok, err := m.serving()
	if !ok || err != nil {
		return ""
	}
	return fmt.Sprintf(": pid %d, at %s", f.Owner.PID, f.BaseURL)
}

// announce writes who serves. The file is removed by withdraw, and means nothing once the process has gone.
func (m managerDir) announce(f managerFile) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return m.write(m.running(), append(b, '\n'))
}

func (m managerDir) withdraw() error { return os.Remove(m.running()) }

// signingKey reads the key of signed URLs, or makes it.
func (m managerDir) signingKey() ([]byte, error) {
	path := m.path("signing.key")
	key, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return key, m.write(path, key)
}

// write puts a file in place whole or not at all, for the eyes of this user.
func (m managerDir) write(path string, content []byte) error {
	tmp, err := os.CreateTemp(string(m), ".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
