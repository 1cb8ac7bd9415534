package testbed_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/alienplatform/alien-go/internal/testbed"
)

// start runs a variant with a command and gives the container's id.
func start(t *testing.T, api *client.Client, v testbed.Variant, cmd ...string) (string, error) {
	t.Helper()
	stack := testbed.Stack(t, api)
	cfg := &container.Config{Image: testbed.Image(t, v), Cmd: cmd, Labels: map[string]string{testbed.StackLabel: stack}}
	host := &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 5}}
	c, err := api.ContainerCreate(t.Context(), cfg, host, nil, nil, stack)
	if err != nil {
		return "", err
	}
	return c.ID, api.ContainerStart(t.Context(), c.ID, container.StartOptions{})
}

// output reads a container's log until it holds a text. The engine ends a log when the container exits, so it is read
// again while the container is between two runs.
func output(t *testing.T, api *client.Client, id, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		got := follow(ctx, t, api, id, text)
		if strings.Contains(got, text) {
			return got
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("log has no %q: %s", text, got)
		}
	}
}

// follow reads a log until it ends or holds a text.
func follow(ctx context.Context, t *testing.T, api *client.Client, id, text string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	logs, err := api.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	w := &watcher{text: text, done: cancel}
	if _, err := stdcopy.StdCopy(w, w, logs); err != nil && ctx.Err() == nil {
		t.Fatalf("log ended with %v: %s", err, w.String())
	}
	return w.String()
}

// watcher collects what is written and calls done once it contains text.
type watcher struct {
	bytes.Buffer
	text string
	done func()
}

// Write keeps p.
func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.done()
	}
	return n, err
}

func TestDaemonCrashesThenRuns(t *testing.T) {
	api := testbed.Engine(t)
	id, err := start(t, api, testbed.NonRoot, "crash-until", "2", "/tmp/count")
	if err != nil {
		t.Fatal(err)
	}
	got := output(t, api, id, "running")
	for _, want := range []string{"crash 1 of 2", "crash 2 of 2"} {
		if !strings.Contains(got, want) {
			t.Errorf("log has no %q: %s", want, got)
		}
	}
}

func TestCrashContainerIsRestarted(t *testing.T) {
	api := testbed.Engine(t)
	id, err := start(t, api, testbed.Plain)
	if err != nil {
		t.Fatal(err)
	}
	output(t, api, id, "running")
	testbed.CrashContainer(t, api, id)
	output(t, api, id, "running\nrunning")
}

func TestVariantsThatCannotStart(t *testing.T) {
	api := testbed.Engine(t)
	for v, want := range map[testbed.Variant]string{
		testbed.NoCommand:     "no such file or directory",
		testbed.NotExecutable: "permission denied",
		testbed.BadFormat:     "exec format error",
		testbed.WrongArch:     "exec format error",
	} {
		t.Run(string(v), func(t *testing.T) {
			id, err := start(t, api, v)
			if err == nil {
				output(t, api, id, want)
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestImageIsDeterministic(t *testing.T) {
	one, err := testbed.Build(t, testbed.Healthcheck).Digest()
	if err != nil {
		t.Fatal(err)
	}
	two, err := testbed.Build(t, testbed.Healthcheck).Digest()
	if err != nil || one != two {
		t.Errorf("got %s and %s (%v)", one, two, err)
	}
	other, err := testbed.Build(t, testbed.Healthcheck.Salted("x")).Digest()
	if err != nil || other == one {
		t.Errorf("salt changed nothing: %s (%v)", other, err)
	}
}

func TestArchiveOfDockerLoads(t *testing.T) {
	api := testbed.Engine(t)
	file, err := os.Open(testbed.Archive(t, testbed.DockerArchive))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	answer, err := api.ImageLoad(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, err := io.ReadAll(answer.Body); err != nil || !bytes.Contains(said, []byte("Loaded image")) {
		t.Errorf("got %s (%v)", said, err)
	}
}

func TestArchivesOfOCI(t *testing.T) {
	if _, err := os.Stat(filepath.Join(testbed.Archive(t, testbed.OCI), "index.json")); err != nil {
		t.Error(err)
	}
	said, err := exec.Command("tar", "-tf", testbed.Archive(t, testbed.OCIArchive, testbed.NonRoot)).Output()
	if err != nil || !bytes.Contains(said, []byte("oci-layout")) {
		t.Errorf("got %s (%v)", said, err)
	}
}

func TestRegistryServesTheEngine(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := r.Push(t, "app:1", testbed.Plain.Salted(r.Host))
	if n := len(r.Requests()); n != 0 {
		t.Errorf("push counted as %d requests", n)
	}
	t.Cleanup(func() { _, _ = api.ImageRemove(context.Background(), ref, image.RemoveOptions{}) })
	if err := pull(t, api, ref, ""); err != nil {
		t.Fatal(err)
	}
	if len(r.Requests()) == 0 {
		t.Error("no request was counted")
	}
}

func TestRegistryFaults(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	ref := r.Push(t, "app:1")
	for want, f := range map[string]testbed.Fault{
		"denied":            {Status: http.StatusForbidden},
		"manifest unknown":  {Status: http.StatusNotFound, Path: "/manifests/"},
		"toomanyrequests":   {Status: http.StatusTooManyRequests},
		"500":               {Status: http.StatusInternalServerError},
		"EOF":               {Drop: true},
		"deadline exceeded": {Hang: true},
	} {
		t.Run(want, func(t *testing.T) {
			r.Fail(f)
			if err := pull(t, api, ref, ""); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
	r.Close()
	if err := pull(t, api, ref, ""); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want connection refused", err)
	}
}

func TestRegistryFailNext(t *testing.T) {
	r := testbed.Registry(t)
	r.FailNext(1, testbed.Fault{Status: http.StatusBadGateway})
	for _, want := range []int{http.StatusBadGateway, http.StatusOK} {
		answer, err := http.Get("http://" + r.Host + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("got %d, want %d", answer.StatusCode, want)
		}
	}
}

func TestRegistryLogin(t *testing.T) {
	api := testbed.Engine(t)
	for kind, require := range map[string]func(*testbed.RegistryServer){
		"basic":  func(r *testbed.RegistryServer) { r.RequireBasic("me", "secret") },
		"bearer": func(r *testbed.RegistryServer) { r.RequireBearer("me", "secret") },
	} {
		t.Run(kind, func(t *testing.T) {
			r := testbed.Registry(t)
			ref := r.Push(t, "app:1")
			require(r)
			t.Cleanup(func() { _, _ = api.ImageRemove(context.Background(), ref, image.RemoveOptions{}) })
			if err := pull(t, api, ref, ""); err == nil {
				t.Error("pulled without a login")
			}
			login, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: "me", Password: "secret", ServerAddress: r.Host})
			if err != nil {
				t.Fatal(err)
			}
			if err := pull(t, api, ref, login); err != nil {
				t.Errorf("login did not help: %v", err)
			}
		})
	}
}

func TestRegistryIndexWithoutOurPlatform(t *testing.T) {
	api, r := testbed.Engine(t), testbed.Registry(t)
	err := pull(t, api, r.PushIndex(t, "app:1", "s390x", "riscv64"), "")
	if err == nil || !strings.Contains(err.Error(), "no matching manifest") {
		t.Errorf("got %v", err)
	}
}

// pull gives the error that pulling ends with, wherever the engine says it.
func pull(t *testing.T, api *client.Client, ref, login string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answer, err := api.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: login})
	if err != nil {
		return err
	}
	defer answer.Close()
	said, err := io.ReadAll(answer)
	if err == nil && bytes.Contains(said, []byte(`"error"`)) {
		err = errors.New(string(said))
	}
	return err
}
