package outbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func request(op wire.Operation, b wire.Backend) wire.PresignedRequest {
	return wire.PresignedRequest{Backend: b, Expiration: wire.At(time.Now().Add(time.Hour)), Operation: op, Path: "p"}
}

func overHTTP(method, address string) wire.Backend {
	return wire.Backend{Type: wire.HTTP, Method: method, URL: address, Headers: map[string]string{"X-Signed": "yes"}}
}

func TestHTTP(t *testing.T) {
	stored := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Signed") != "yes" || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "sig=a%2Fb" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			stored = string(body)
			w.WriteHeader(http.StatusCreated)
			return
		}
		_, _ = io.WriteString(w, stored)
	}))
	defer server.Close()
	c := Transfers{HTTP: server.Client()}
	if err := c.Put(t.Context(), request(wire.Put, overHTTP("PUT", server.URL+"/b?sig=a%2Fb")), []byte("body")); err != nil {
		t.Fatal(err)
	}
	got, err := c.Get(t.Context(), request(wire.Get, overHTTP("GET", server.URL+"/b?sig=a%2Fb")))
	if err != nil || string(got) != "body" {
		t.Fatalf("%q, %v", got, err)
	}
	_, err = c.Get(t.Context(), request(wire.Get, overHTTP("GET", server.URL+"/b?sig=wrong")))
	var status *StatusError
	if !errors.As(err, &status) || status.Status != 403 || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	server.Close()
	_, err = c.Get(t.Context(), request(wire.Get, overHTTP("GET", "http://u:secret@"+server.Listener.Addr().String()+"/b?sig=secret")))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestLocal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a", "b")
	c := Transfers{AllowLocal: true}
	if err := c.Put(t.Context(), request(wire.Put, wire.Backend{Type: wire.Local, FilePath: file, Operation: wire.Put}), []byte("body")); err != nil {
		t.Fatal(err)
	}
	got, err := c.Get(t.Context(), request(wire.Get, wire.Backend{Type: wire.Local, FilePath: file, Operation: wire.Get}))
	if err != nil || string(got) != "body" {
		t.Errorf("%q, %v", got, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestRefused(t *testing.T) {
	local := wire.Backend{Type: wire.Local, FilePath: "/tmp/x", Operation: wire.Get}
	through := wire.Backend{Type: wire.Local, FilePath: "/tmp/../x", Operation: wire.Get}
	expired := request(wire.Get, overHTTP("GET", "http://h/"))
	expired.Expiration = wire.At(time.Now().Add(-time.Second))
	for name, c := range map[string]struct {
		allow bool
		r     wire.PresignedRequest
		want  string
	}{
		"expired":         {true, expired, "expired"},
		"local":           {false, request(wire.Get, local), "not allowed"},
		"through ..":      {true, request(wire.Get, through), "through .."},
		"another method":  {true, request(wire.Get, overHTTP("PUT", "http://h/")), "not one for get"},
		"another purpose": {true, request(wire.Put, overHTTP("GET", "http://h/")), "not one for get"},
		"no URL":          {true, request(wire.Get, overHTTP("GET", ":?secret")), "cannot be used"},
	} {
		_, err := Transfers{HTTP: http.DefaultClient, AllowLocal: c.allow}.Get(context.Background(), c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRedact: nothing of userinfo, query or fragment is shown.
func FuzzRedact(f *testing.F) {
	f.Add("http://h/p", "k=v")
	f.Add("mailto:x", "%")
	f.Fuzz(func(t *testing.T, address, secret string) {
		const marker = "s3cr3t"
		for _, with := range []string{"http://h/p?" + secret + marker, "http://h/#" + marker, "http://u:" + marker + "@h/", address + "?" + marker} {
			if !strings.Contains(strings.SplitN(address, "?", 2)[0], marker) && strings.Contains(Redact(with), marker) {
				t.Errorf("%q shows the secret: %q", with, Redact(with))
			}
		}
	})
}

func TestHeld(t *testing.T) {
	for _, c := range []struct {
		applied string
		took    time.Duration
		news    bool
		want    bool
	}{
		{"", time.Minute, true, false},
		{"respond-async", time.Minute, true, false},
		{"wait", 0, true, true},
		{"wait", 0, false, false},
		{"wait=20", HeldFor, false, true},
	} {
		h := http.Header{}
		h.Set("Preference-Applied", c.applied)
		if got := Held(h, c.took, c.news); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
