package testbed

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Fault is how a registry misbehaves. Delay comes first, then the first of Hang, Drop and Status that is set.
type Fault struct {
	Path   string        // only requests whose path contains it: "/manifests/", "/blobs/"; empty is all
	Delay  time.Duration // before anything else
	Hang   bool          // never answers
	Drop   bool          // closes the connection without an answer
	Status int           // answers with this status and the error code that goes with it
	Header http.Header   // sent along with Status
}

// RegistryServer is a real registry on 127.0.0.1, which engines talk to without TLS. It works until told otherwise.
type RegistryServer struct {
	Host string // 127.0.0.1:port

	server  *httptest.Server
	handler http.Handler
	closing chan struct{}
	once    sync.Once

	mu       sync.Mutex
	fault    *Fault
	left     int // requests that fault still applies to; negative is no end
	auth     func(http.ResponseWriter, *http.Request) bool
	requests []string
}

// Registry starts a registry that ends with the test.
func Registry(t testing.TB) *RegistryServer {
	t.Helper()
	r := &RegistryServer{handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), closing: make(chan struct{})}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	r.Host = strings.TrimPrefix(r.server.URL, "http://")
	t.Cleanup(r.Close)
	return r
}

// Close stops the registry; afterwards connections to Host are refused.
func (r *RegistryServer) Close() {
	r.once.Do(func() {
		close(r.closing)
		r.server.CloseClientConnections()
		r.server.Close()
	})
}

// Push stores the plain image, or the given variant, as "repository:tag" and gives its full reference. Faults and
// logins do not touch it, and it does not count as a request.
func (r *RegistryServer) Push(t testing.TB, repository string, v ...Variant) string {
	t.Helper()
	ref := r.parse(t, repository)
	if err := remote.Write(ref, Build(t, append(v, Plain)[0]), remote.WithTransport(inside{r.handler})); err != nil {
		t.Fatalf("cannot push %s: %v", ref, err)
	}
	return ref.String()
}

// PushIndex is Push of an image index with the plain image declared for each of the architectures.
func (r *RegistryServer) PushIndex(t testing.TB, repository string, architectures ...string) string {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, arch := range architectures {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        Build(t, Plain.Salted(arch)),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	ref := r.parse(t, repository)
	if err := remote.WriteIndex(ref, index, remote.WithTransport(inside{r.handler})); err != nil {
		t.Fatalf("cannot push %s: %v", ref, err)
	}
	return ref.String()
}

func (r *RegistryServer) parse(t testing.TB, repository string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(r.Host+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatalf("cannot parse reference %s: %v", repository, err)
	}
	return ref
}

// Fail applies a fault to every request that it matches, until Heal or another Fail.
func (r *RegistryServer) Fail(f Fault) { r.set(&f, -1) }

// FailNext applies a fault to the next n requests that it matches.
func (r *RegistryServer) FailNext(n int, f Fault) { r.set(&f, n) }

// Heal ends a fault.
func (r *RegistryServer) Heal() { r.set(nil, 0) }

func (r *RegistryServer) set(f *Fault, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault, r.left = f, n
}

// RequireBasic asks for a user name and password with every request.
func (r *RegistryServer) RequireBasic(user, password string) {
	r.require(func(w http.ResponseWriter, req *http.Request) bool {
		if u, p, ok := req.BasicAuth(); ok && u == user && p == password {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="testbed"`)
		refuse(w, http.StatusUnauthorized)
		return false
	})
}

// RequireBearer asks for a token, which /token gives to those who know the user name and password.
func (r *RegistryServer) RequireBearer(user, password string) {
	const token = "testbed-token"
	r.require(func(w http.ResponseWriter, req *http.Request) bool {
		u, p, _ := req.BasicAuth()
		switch {
		case req.URL.Path == "/token" && u == user && p == password:
			_ = json.NewEncoder(w).Encode(map[string]string{"token": token, "access_token": token})
		case req.URL.Path == "/token":
			refuse(w, http.StatusUnauthorized)
		case req.Header.Get("Authorization") == "Bearer "+token:
			return true
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="testbed"`)
			refuse(w, http.StatusUnauthorized)
		}
		return false
	})
}

func (r *RegistryServer) require(check func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.auth = check
}

// Requests lists what was asked for since the start or the last Forget, as "METHOD /path".
func (r *RegistryServer) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...)
}

// Forget empties the list of requests.
func (r *RegistryServer) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = nil
}

func (r *RegistryServer) serve(w http.ResponseWriter, req *http.Request) {
	fault, auth := r.note(req)
	if fault != nil && !r.misbehave(*fault, w, req) {
		return
	}
	if auth != nil && !auth(w, req) {
		return
	}
	r.handler.ServeHTTP(w, req)
}

// note records a request and says what applies to it.
func (r *RegistryServer) note(req *http.Request) (*Fault, func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	if r.fault == nil || r.left == 0 || !strings.Contains(req.URL.Path, r.fault.Path) {
		return nil, r.auth
	}
	r.left--
	return r.fault, r.auth
}

// misbehave does what a fault says, and tells whether the request is to be answered nevertheless.
func (r *RegistryServer) misbehave(f Fault, w http.ResponseWriter, req *http.Request) bool {
	if f.Delay > 0 && !r.wait(req, time.After(f.Delay)) {
		return false
	}
	switch {
	case f.Hang:
		r.wait(req, nil)
		panic(http.ErrAbortHandler)
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		for k, v := range f.Header {
			w.Header()[k] = v
		}
		refuse(w, f.Status)
	default:
		return true
	}
	return false
}

// wait says whether the time came before the client or the registry went away.
func (r *RegistryServer) wait(req *http.Request, until <-chan time.Time) bool {
	select {
	case <-until:
		return true
	case <-req.Context().Done():
	case <-r.closing:
	}
	return false
}

// refuse answers the way registries do.
func refuse(w http.ResponseWriter, status int) {
	codes := map[int]string{
		http.StatusUnauthorized: "UNAUTHORIZED", http.StatusForbidden: "DENIED", http.StatusNotFound: "MANIFEST_UNKNOWN",
		http.StatusTooManyRequests: "TOOMANYREQUESTS",
	}
	code := codes[status]
	if code == "" {
		code = "UNKNOWN"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]string{{"code": code, "message": strings.ToLower(http.StatusText(status))}},
	})
}

// inside is a transport that calls a handler without a network between them.
type inside struct{ http.Handler }

// RoundTrip serves one request.
func (i inside) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	i.ServeHTTP(recorder, req)
	answer := recorder.Result()
	answer.Request = req
	return answer, nil
}
