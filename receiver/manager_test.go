package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// fake is a manager as the protocol describes one, for a single target. Inside a synctest bubble it is called directly, by
// way of its RoundTrip; over a socket it is an http.Handler.
type fake struct {
	mu        sync.Mutex
	queue     []wire.Lease
	polls     []poll
	released  []string
	responses map[string][]wire.Response
	puts      map[string][]byte // bodies uploaded, by path
	gets      map[string][]byte // bodies to fetch, by path
	fetched   int
	// override answers a request in place of the fake; false leaves it to the fake.
	override func(w http.ResponseWriter, r *http.Request) bool
}

// poll is one lease request.
type poll struct {
	at     time.Time
	header http.Header
	asked  wire.LeaseRequest
}

func newFake(leases ...wire.Lease) *fake {
	return &fake{queue: leases, responses: map[string][]wire.Response{}, puts: map[string][]byte{}, gets: map[string][]byte{}}
}

// RoundTrip serves a request without a network.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	f.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	path := r.URL.Path
	if path == "/v1/commands/leases" {
		var asked wire.LeaseRequest
		if err := wire.Unmarshal(body, &asked); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		f.mu.Lock()
		f.polls = append(f.polls, poll{time.Now(), r.Header.Clone(), asked})
		f.mu.Unlock()
	}
	if f.override != nil && f.override(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case path == "/v1/commands/leases":
		f.lease(w)
	case strings.HasSuffix(path, "/release"):
		f.released = append(f.released, strings.TrimSuffix(strings.TrimPrefix(path, "/v1/commands/leases/"), "/release"))
	case strings.HasSuffix(path, "/response") && r.Header.Get("Authorization") == "":
		id := strings.TrimSuffix(strings.TrimPrefix(path, "/v1/commands/"), "/response")
		var response wire.Response
		if err := wire.Unmarshal(body, &response); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		f.responses[id] = append(f.responses[id], response)
	case strings.HasPrefix(path, "/v1/blobs/") && r.Method == http.MethodPut:
		f.puts[path] = body
	case strings.HasPrefix(path, "/v1/blobs/") && r.Method == http.MethodGet:
		f.fetched++
		content, ok := f.gets[path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	default:
		http.Error(w, r.Method+" "+path, http.StatusNotFound)
	}
}

func (f *fake) lease(w http.ResponseWriter) {
	n := min(len(f.queue), int(*f.polls[len(f.polls)-1].asked.MaxLeases))
	answer := wire.LeaseResponse{Leases: append([]wire.Lease{}, f.queue[:n]...)}
	f.queue = f.queue[n:]
	_ = json.NewEncoder(w).Encode(answer)
}

// leaseOf is a lease of 60 seconds from now for a command with the given input.
func leaseOf(id, command, input string) wire.Lease {
	now := time.Now()
	return wire.Lease{
		LeaseID: "lease_" + id, LeaseExpiresAt: wire.At(now.Add(time.Minute)), CommandID: id, Attempt: 1,
		Envelope: wire.Envelope{
			Protocol: wire.Protocol, DeploymentID: "dep", CommandID: id, Attempt: 1, Command: command,
			Target: wire.Target{ResourceID: "indexer", ResourceType: wire.Daemon},
			Params: wire.InlineBody([]byte(input)),
			ResponseHandling: wire.ResponseHandling{
				MaxInlineBytes: wire.InlineMax, SubmitResponseURL: id + "/response?response_token=sig",
				StorageUploadRequest: presignedFor(http.MethodPut, wire.Put, "../blobs/"+id+"/output?sig=1"),
			},
		},
	}
}

func presignedFor(method string, op wire.Operation, address string) wire.PresignedRequest {
	return wire.PresignedRequest{
		Backend:    wire.Backend{Type: wire.HTTP, URL: address, Method: method, Headers: map[string]string{"X-Signed": "yes"}},
		Expiration: wire.At(time.Now().Add(time.Hour)), Operation: op, Path: "arc/commands/x",
	}
}

var settings = map[string]string{
	EnvURL: "http://manager.test/v1", EnvToken: "secret-token", EnvDeploymentID: "dep", EnvTargetID: "indexer", EnvTargetType: "daemon",
	EnvPollJitter: "0",
}

// with gives the settings of the tests, and some more.
func with(pairs ...string) map[string]string {
	out := map[string]string{}
	for k, v := range settings {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func newReceiver(t *testing.T, f *fake, env map[string]string) *Receiver {
	t.Helper()
	r, err := New(Options{Environment: env, Client: &http.Client{Transport: f}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	Handle(r, "echo", func(_ context.Context, _ Command, in any) (any, error) { return in, nil })
	return r
}

// running runs a receiver until stop is called, which gives what Run returned.
func running(t *testing.T, r *Receiver) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

// last gives the one response that a command got.
func (f *fake) last(t *testing.T, id string) wire.Response {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.responses[id]
	if len(got) != 1 {
		t.Fatalf("command %s has %d responses, not 1", id, len(got))
	}
	return got[0]
}

func content(t *testing.T, r wire.Response) string {
	t.Helper()
	if r.Status != wire.StatusSuccess {
		t.Fatalf("the command failed: %s %s", r.Code, r.Message)
	}
	text, err := r.Body.Content()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// times gives when polls came, counted from the first.
func (f *fake) times() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []time.Duration
	for _, p := range f.polls {
		out = append(out, p.at.Sub(f.polls[0].at))
	}
	return out
}
