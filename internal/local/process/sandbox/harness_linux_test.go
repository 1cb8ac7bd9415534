package sandbox_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/local/process/sandbox"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// asUser tells a test binary that it was run again as an ordinary user, and where the test daemon is.
const asUser = "SANDBOX_TEST_DAEMON"

func TestMain(m *testing.M) {
	if code, stage := sandbox.Stage(); stage {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestAsOrdinaryUser runs all other tests again as a user who is not root.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Getenv(asUser) != "" || os.Geteuid() != 0 {
		t.Skip("not root: the other tests are run as an ordinary user already")
	}
	dir, err := os.MkdirTemp("", "alien-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	place := filepath.Join(dir, "daemon")
	binary, err := os.ReadFile(testbed.DaemonBinary(t))
	if err == nil {
		err = os.WriteFile(place, binary, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.timeout=2m")
	cmd.Dir = dir
	cmd.Env = []string{asUser + "=" + place, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	said, err := cmd.CombinedOutput()
	t.Logf("%s", said)
	if err != nil {
		t.Error("the tests fail as an ordinary user")
	}
}

// box is a sandbox under test.
type box struct {
	*testing.T
	spec sandbox.Spec
	said *os.File
}

// newBox makes an image with the test daemon in it, and a spec that runs it with the arguments.
func newBox(t *testing.T, args ...string) *box {
	t.Helper()
	b := &box{T: t, spec: sandbox.Spec{
		Name: "test-box", Root: image(t), Dir: t.TempDir(), Args: append([]string{"/daemon"}, args...), Env: []string{"PATH=/"},
	}}
	t.Cleanup(func() {
		if err := sandbox.End(b.spec); err != nil {
			t.Error(err)
		}
		if err := sandbox.Remove(b.spec.Dir); err != nil {
			t.Error(err)
		}
	})
	return b
}

// image unpacks the root file system that tests share.
func image(t testing.TB) string {
	t.Helper()
	binary := os.Getenv(asUser)
	if binary == "" {
		binary = testbed.DaemonBinary(t)
	}
	root := t.TempDir()
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]struct {
		mode    os.FileMode
		content string
	}{
		"daemon":         {0o755, string(content)},
		"not-executable": {0o644, "text\n"},
		"bad-format":     {0o755, "neither a program nor a script\n"},
		"etc/passwd":     {0o644, "root:x:0:0:root:/root:/bin/sh\napp:x:1234:4321:the app:/home/app:/bin/sh\n"},
		"etc/group":      {0o644, "root:x:0:\napp:x:4321:\nextra:x:77:other,app\n"},
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file.content), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	return root
}

// try starts the daemon.
func (b *box) try() (*sandbox.Running, error) {
	b.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	b.said = read
	b.Cleanup(func() { _ = read.Close() })
	defer write.Close()
	return sandbox.Start(b.spec, write, write, func(sandbox.Process) error { return nil })
}

func (b *box) start() *sandbox.Running {
	b.Helper()
	r, err := b.try()
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// saw reads what the daemon says until it says text.
func (b *box) saw(text string) string {
	b.Helper()
	var said bytes.Buffer
	if err := b.said.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		b.Fatal(err)
	}
	one := make([]byte, 1)
	for !strings.Contains(said.String(), text) {
		if _, err := b.said.Read(one); err != nil {
			if err == io.EOF && text == "" {
				break
			}
			b.Fatalf("waiting for %q: %v after\n%s", text, err, said.String())
		}
		said.Write(one)
	}
	return said.String()
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}
