package manager_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// harness is a manager over real HTTP and a real store, with a clock that tests move.
type harness struct {
	t       *testing.T
	url     string
	manager *manager.Manager
	admin   string
	log     *lockedBuffer

	began       time.Time
	mu          sync.Mutex
	passed, set time.Duration
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.passed + h.set)
}

func (h *harness) elapsed() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.began) + h.passed
}

// pass lets time pass.
func (h *harness) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed += d
}

// setClock moves the clock, as an administrator or NTP does; no time passes.
func (h *harness) setClock(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set += by
}

func start(t *testing.T, change ...func(*manager.Options)) *harness {
	t.Helper()
	h := &harness{t: t, log: &lockedBuffer{}, began: time.Now()}
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "m.db"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := store.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h.admin, err = manager.FirstAdmin(t.Context(), s, time.Now(), func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	o := manager.Options{Store: s, Blobs: files, SigningKey: bytes.Repeat([]byte("k"), 32), Now: h.now, Elapsed: h.elapsed,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range change {
		f(&o)
	}
	if h.manager, err = manager.New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h.manager.Handler())
	h.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); h.manager.Run(ctx) }()
	t.Cleanup(func() {
		h.manager.Drain()
		server.Close()
		cancel()
		<-ran
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h.call("PUT", "/v1/deployments/d", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}, {ID: "b"}}}).is(200)
	h.call("PUT", "/v1/deployments/one", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}}}).is(200)
	h.call("PUT", "/v1/deployments/none", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{}}).is(200)
	return h
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// reply is an answer, read whole.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// call makes a request. body is a message, or text as it is; header comes in pairs.
func (h *harness) call(method, path, token string, body any, header ...string) reply {
	h.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	url := path
	if strings.HasPrefix(path, "/") {
		url = h.url + path
	}
	request, err := http.NewRequestWithContext(h.t.Context(), method, url, r)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return reply{h.t, method + " " + path, response.StatusCode, response.Header, text}
}

// is holds the status.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// fails holds an error of the protocol.
func (r reply) fails(status int, code wire.Code) {
	r.t.Helper()
	if e := wire.ReadError(r.status, r.body); r.status != status || e.Code != code {
		r.t.Errorf("%s: %d %s, want %d %s", r.what, r.status, r.body, status, code)
	}
}

// read reads a message, as strictly as the protocol's clients.
func read[T any](r reply) T {
	r.t.Helper()
	var v T
	if err := wire.Unmarshal(r.body, &v); err != nil {
		r.t.Fatalf("%s: %v: %s", r.what, err, r.body)
	}
	return v
}

func ptr[T any](v T) *T { return &v }

// command asks for a command of daemon a.
func command(change ...func(*wire.CreateRequest)) wire.CreateRequest {
	c := wire.CreateRequest{DeploymentID: "d", Command: "run", Params: wire.InlineBody([]byte(`{"n":1}`)), TargetResourceID: ptr("a")}
	for _, f := range change {
		f(&c)
	}
	return c
}

func (h *harness) create(change ...func(*wire.CreateRequest)) string {
	h.t.Helper()
	return read[wire.CreateResponse](h.call("POST", wire.PathCommands, h.admin, command(change...)).is(200)).CommandID
}

func target(id string) wire.Target {
	return wire.Target{ResourceID: id, ResourceType: wire.Daemon}
}

func (h *harness) lease(target wire.Target, max int64, header ...string) []wire.Lease {
	h.t.Helper()
	r := h.call("POST", wire.PathLeases, h.admin, wire.LeaseRequest{DeploymentID: "d", Target: target, MaxLeases: &max}, header...)
	return read[wire.LeaseResponse](r.is(200)).Leases
}

func (h *harness) leaseOne() wire.Lease {
	h.t.Helper()
	all := h.lease(target("a"), 1)
	if len(all) != 1 {
		h.t.Fatalf("%d leases", len(all))
	}
	return all[0]
}

// submit answers a command as receivers do: with the URL alone, resolved against the lease endpoint.
func (h *harness) submit(l wire.Lease, response wire.Response) reply {
	h.t.Helper()
	return h.call("PUT", "/v1/commands/"+l.Envelope.ResponseHandling.SubmitResponseURL, "", response)
}

func (h *harness) status(id string, header ...string) wire.StatusResponse {
	h.t.Helper()
	return read[wire.StatusResponse](h.call("GET", "/v1/commands/"+id, h.admin, nil, header...).is(200))
}

func (h *harness) mint(m api.MintToken) api.MintedToken {
	h.t.Helper()
	return read[api.MintedToken](h.call("POST", api.PathTokens, h.admin, m).is(201))
}

// holds waits until so many requests are held. Nobody is told, so the manager is asked.
func (h *harness) holds(n int) {
	h.t.Helper()
	for line := fmt.Sprintf("\nalien_requests_held %d\n", n); !strings.Contains(string(h.call("GET", api.PathMetrics, "", nil).body), line); {
		runtime.Gosched()
	}
}
