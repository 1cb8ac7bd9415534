package manager

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

var fuzzed = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// FuzzSignedURL: no query opens what was signed for something else, or for another time, and what was signed is accepted.
func FuzzSignedURL(f *testing.F) {
	m := &Manager{Options: Options{Now: func() time.Time { return fuzzed }}, signer: signer{bytes.Repeat([]byte("k"), 32)}}
	good, err := url.Parse(m.signer.responsePath("cmd_1", fuzzed))
	if err != nil {
		f.Fatal(err)
	}
	blob, err := url.Parse(m.signer.blob(wire.Get, "../", "cmd_1", partParams, fuzzed.Add(wire.TransferTTL)).Backend.URL)
	if err != nil {
		f.Fatal(err)
	}
	for _, query := range []string{good.RawQuery, blob.RawQuery, "", "expires=1", "response_token=x&expires=99999999999999999999", "response_token=%zz", good.RawQuery + "&expires=1"} {
		f.Add("cmd_1", query)
		f.Add("cmd_2", query)
	}
	f.Fuzz(func(t *testing.T, id, query string) {
		r := &http.Request{Method: "PUT", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		who, err := m.responder(r, id)
		values := r.URL.Query()
		expires, _ := strconv.ParseInt(values.Get(wire.QueryExpires), 10, 64)
		right := values.Get(wire.QueryResponseToken) == m.signer.sum(responseMessage(id, expires)) &&
			expires >= fuzzed.Unix() && expires <= fuzzed.Add(wire.ResponseTTL).Unix()
		if (err == nil) != right || who.signed != right {
			t.Fatalf("%q for %q: %v", query, id, err)
		}
		r.SetPathValue("commandId", id)
		r.SetPathValue("part", partParams)
		if _, _, err := m.signedBlob(httptest.NewRecorder(), r, wire.Get); err == nil && values.Get("sig") != m.signer.sum(blobMessage(wire.Get, id, partParams, expires)) {
			t.Fatalf("%q opens the parameters of %q", query, id)
		}
	})
}

// FuzzPrefer: a preference is never a negative time, and is found beside whatever else is preferred.
func FuzzPrefer(f *testing.F) {
	for _, header := range []string{"wait=30", `wait="30"`, "respond-async, wait=5;x=y", "wait", "wait=-1", "WAIT = 7", "wait=99999999999999999999", ",,;=,"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Prefer": {header}}}
		if d, _ := wait(r); d < 0 {
			t.Fatalf("%q: %s", header, d)
		}
		r.Header["Prefer"] = []string{"return=minimal", "wait=12"}
		if d, ok := wait(r); !ok || d != 12*time.Second {
			t.Fatalf("beside others: %s, %t", d, ok)
		}
	})
}

// FuzzLeaseID: what a lease's name says is the command that it was given out for.
func FuzzLeaseID(f *testing.F) {
	for _, lease := range []string{"lease_1_x", "lease__", "lease_", "", "lease_a/../b_c", "cmd_1"} {
		f.Add(lease)
	}
	f.Fuzz(func(t *testing.T, lease string) {
		if id, ok := leased(lease); ok && len(id) > len(lease) {
			t.Fatalf("%q is of %q", lease, id)
		}
		id := newID("cmd_", fuzzed)
		if got, ok := leased(newLease(id)); !ok || got != id {
			t.Fatalf("%q came back as %q", id, got)
		}
	})
}

// FuzzList: no query of a list or of a wait gets anything but an answer, and no answer is a failure of ours.
func FuzzList(f *testing.F) {
	h, admin := fuzzManager(f)
	for _, query := range []string{"deploymentId=d", "deploymentId=d&limit=5&state=FAILED", "limit=-1&deploymentId=d", "deploymentId=d&limit=1e9", "deploymentId=%00", "polledSince=2026-03-01T10:00:00Z", "polledSince=x", "%zz"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/v1/commands", "/v1/deployments/d", "/v1/tokens"} {
			r := httptest.NewRequest("GET", path, nil)
			r.URL.RawQuery = query
			r.Header.Set("Authorization", "Bearer "+admin)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s?%s: %d %s", path, query, w.Code, w.Body)
			}
		}
	})
}

// fuzzManager is a manager with a deployment d, and its admin token.
func fuzzManager(f *testing.F) (http.Handler, string) {
	f.Helper()
	s, err := sqlite.Open(filepath.Join(f.TempDir(), "m.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	files, err := store.OpenFiles(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	admin, err := FirstAdmin(f.Context(), s, fuzzed, func(string) error { return nil })
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.PutDeployment(f.Context(), store.Deployment{ID: "d", Daemons: []string{"a"}}); err != nil {
		f.Fatal(err)
	}
	m, err := New(Options{Store: s, Blobs: files, SigningKey: bytes.Repeat([]byte("k"), 32), Limits: Limits{Rate: -1}})
	if err != nil {
		f.Fatal(err)
	}
	return m.Handler(), admin
}
