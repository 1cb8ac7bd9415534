package manager_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// BenchmarkServed is one command over HTTP, created, leased and answered, of many that go on at once; client and server share
// the process.
func BenchmarkServed(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "m.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	files, err := store.OpenFiles(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	admin, err := manager.FirstAdmin(b.Context(), s, time.Now(), func(string) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	m, err := manager.New(manager.Options{Store: s, Blobs: files, SigningKey: bytes.Repeat([]byte("k"), 32), Limits: manager.Limits{Rate: -1}})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	call := func(ctx context.Context, method, path, token string, message, answer any) {
		body, _ := json.Marshal(message)
		request, _ := http.NewRequestWithContext(ctx, method, server.URL+path, bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Prefer", "wait=30")
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err != nil {
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != 200 {
			b.Errorf("%s: %s", response.Status, text)
		}
		if answer != nil {
			_ = json.Unmarshal(text, answer)
		}
	}
	call(b.Context(), "PUT", "/v1/deployments/d", admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}}}, nil)
	ctx, finish := context.WithCancel(b.Context())
	var sent, answered atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range 32 {
		all.Go(func() {
			for sent.Add(1) <= int64(b.N) {
				call(ctx, "POST", wire.PathCommands, admin, command(func(c *wire.CreateRequest) { c.TargetResourceID = nil }), nil)
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				var got wire.LeaseResponse
				call(ctx, "POST", wire.PathLeases, admin, wire.LeaseRequest{DeploymentID: "d", Target: target("a"), MaxLeases: ptr(int64(64))}, &got)
				var answers sync.WaitGroup
				next := atomic.Int64{}
				for range 8 {
					answers.Go(func() {
						for i := next.Add(1); i <= int64(len(got.Leases)); i = next.Add(1) {
							call(ctx, "PUT", "/v1/commands/"+got.Leases[i-1].Envelope.ResponseHandling.SubmitResponseURL, "", done, nil)
							if answered.Add(1) == int64(b.N) {
								finish()
							}
						}
					})
				}
				answers.Wait()
			}
		})
	}
	all.Wait()
}
