package testbed

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is a user without any rights of its own.
const nobody = 65534

// AsOrdinaryUser runs the tests of the calling package once more, as a user who is not root; where root does not run
// them, they are that already. Tests that match skip stay out: those that compile something, as nobody has no cache.
func AsOrdinaryUser(t *testing.T, skip string) {
	t.Helper()
	Ordinary(t, nil, "-test.skip="+skip, "-test.timeout=5m")
}

// Ordinary is AsOrdinaryUser with further environment, and with the arguments of the test's program.
func Ordinary(t *testing.T, env []string, args ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the tests run as an ordinary user already")
	}
	dir, err := os.MkdirTemp("", "alien-ordinary-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, home := filepath.Join(dir, "test"), filepath.Join(dir, "home")
	if err := prepareOrdinary(dir, binary, home); err != nil {
		t.Fatalf("cannot prepare a run as an ordinary user: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append([]string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if cmd.Dir, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

// prepareOrdinary puts the test's own program and a home where nobody can use them.
func prepareOrdinary(dir, binary, home string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := os.Chown(home, nobody, nobody); err != nil {
		return err
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	out, err := os.OpenFile(binary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, self); err != nil {
		return err
	}
	return out.Close()
}
