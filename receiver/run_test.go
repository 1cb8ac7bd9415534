package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type greeting struct {
	Name string `json:"name"`
}

// register adds a handler for each way in which a command may end.
func register(r *Receiver) {
	Handle(r, "greet", func(_ context.Context, _ Command, in greeting) (string, error) { return "Hello, " + in.Name, nil })
	Handle(r, "describe", func(_ context.Context, c Command, _ any) (Command, error) { return c, nil })
	r.HandleFunc("raw", func(_ context.Context, _ Command, input []byte) ([]byte, error) { return append(input, '!'), nil })
	r.HandleFunc("nothing", func(context.Context, Command, []byte) ([]byte, error) { return nil, nil })
	r.HandleFunc("fails", func(context.Context, Command, []byte) ([]byte, error) { return nil, errors.New("disk full") })
	r.HandleFunc("coded", func(context.Context, Command, []byte) ([]byte, error) {
		return nil, &Error{Code: "NO_SPACE", Message: "disk full", Details: "/data"}
	})
	r.HandleFunc("panics", func(context.Context, Command, []byte) ([]byte, error) { panic("secret") })
	Handle(r, "unserializable", func(context.Context, Command, any) (any, error) { return func() {}, nil })
	r.HandleFunc("forever", func(ctx context.Context, _ Command, _ []byte) ([]byte, error) {
		<-ctx.Done()
		time.Sleep(time.Second)
		return []byte(`"late"`), nil
	})
}

func TestResponses(t *testing.T) {
	for _, c := range []struct {
		name, command, input string
		change               func(*wire.Lease)
		want                 string // the output, or the error's code
		message              string // part of it
	}{
		{"typed", "greet", `{"name":"Ada"}`, nil, `"Hello, Ada"`, ""},
		{"raw", "raw", "bytes", nil, "bytes!", ""},
		{"nil is null", "nothing", "", nil, "null", ""},
		{"unknown", "gret", "", nil, "UNKNOWN_COMMAND", `"gret"`},
		{"unknown, and too late", "gret", "", func(l *wire.Lease) { l.LeaseExpiresAt = wire.At(time.Now().Add(4 * second)) }, "UNKNOWN_COMMAND", ""},
		{"error", "fails", "", nil, "HANDLER_ERROR", "disk full"},
		{"own code", "coded", "", nil, "NO_SPACE", "disk full"},
		{"panic", "panics", "", nil, "HANDLER_ERROR", "panicked"},
		{"no JSON form", "unserializable", "1", nil, "HANDLER_ERROR", ""},
		{"not JSON", "greet", "{", nil, "HANDLER_ERROR", "Command input is not valid JSON"},
		{"no input", "greet", "", nil, "HANDLER_ERROR", "Command input is not valid JSON"},
		{"wrong shape", "greet", `{"name":1}`, nil, "HANDLER_ERROR", "wrong shape"},
		{"time-out at the lease", "forever", "", nil, "HANDLER_TIMEOUT", ""},
		{"time-out at the deadline", "forever", "", func(l *wire.Lease) { l.Envelope.Deadline = wire.At(time.Now().Add(3 * second)) }, "HANDLER_TIMEOUT", ""},
		{"deadline past", "greet", `{}`, func(l *wire.Lease) { l.Envelope.Deadline = wire.At(time.Now().Add(-second)) }, "HANDLER_TIMEOUT", ""},
		{"lease of 5 seconds", "greet", `{}`, func(l *wire.Lease) { l.LeaseExpiresAt = wire.At(time.Now().Add(5 * second)) }, "HANDLER_TIMEOUT", ""},
		{"bad base64", "raw", "", func(l *wire.Lease) { l.Envelope.Params.InlineBase64 = "e30" }, "INVALID_ENVELOPE", ""},
		{"line break in base64", "raw", "", func(l *wire.Lease) { l.Envelope.Params.InlineBase64 = "e30=\n" }, "INVALID_ENVELOPE", ""},
		{"storage", "raw", "", stored("../blobs/in?sig=1"), "stored!", ""},
		{"storage that is not there", "raw", "", stored("../blobs/none"), "STORAGE_OPERATION_FAILED", "404"},
		{"storage without a request", "raw", "", func(l *wire.Lease) { l.Envelope.Params = wire.StoredBody(3) }, "INVALID_ENVELOPE", ""},
		{"expired storage", "raw", "", func(l *wire.Lease) {
			stored("../blobs/in")(l)
			l.Envelope.Params.Get.Expiration = wire.At(time.Now().Add(-second))
		}, "STORAGE_OPERATION_FAILED", "expired"},
		{"context", "describe", "1", func(l *wire.Lease) {
			l.Attempt, l.Envelope.TraceContext = 3, &wire.TraceContext{Traceparent: "00-1", Tracestate: "a=b"}
		}, `{"ID":"c1","Name":"describe","Attempt":3,"TargetID":"indexer","TargetType":"daemon","Deadline":"2000-01-01T00:00:55Z","Traceparent":"00-1","Tracestate":"a=b"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lease := leaseOf("c1", c.command, c.input)
				if c.change != nil {
					c.change(&lease)
				}
				f := newFake(lease)
				f.gets["/v1/blobs/in"] = []byte("stored")
				r := newReceiver(t, f, with())
				register(r)
				stop := running(t, r)
				time.Sleep(59 * second)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				got := f.last(t, "c1")
				if got.Status == wire.StatusSuccess {
					if text := content(t, got); text != c.want {
						t.Errorf("%s, not %s", text, c.want)
					}
				} else if got.Code != c.want || !strings.Contains(got.Message, c.message) || strings.Contains(got.Message, "secret") {
					t.Errorf("%s %q, not %s %q", got.Code, got.Message, c.want, c.message)
				}
			})
		})
	}
}

func stored(address string) func(*wire.Lease) {
	return func(l *wire.Lease) {
		get := presignedFor(http.MethodGet, wire.Get, address)
		l.Envelope.Params = wire.Body{Mode: wire.Storage, Get: &get}
	}
}

// TestLargeOutput: what does not fit is uploaded, and the response says how much that was.
func TestLargeOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fits, larger := leaseOf("fits", "raw", strings.Repeat("x", 9)), leaseOf("larger", "raw", strings.Repeat("x", 10))
		fits.Envelope.ResponseHandling.MaxInlineBytes, larger.Envelope.ResponseHandling.MaxInlineBytes = 10, 10
		file := filepath.Join(t.TempDir(), "new", "response")
		local := leaseOf("local", "raw", strings.Repeat("x", 10))
		local.Envelope.ResponseHandling.MaxInlineBytes = 10
		local.Envelope.ResponseHandling.StorageUploadRequest.Backend = wire.Backend{Type: wire.Local, FilePath: file, Operation: wire.Put}
		f := newFake(fits, larger, local)
		uploads, puts := 0, 0
		f.override = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "" && !strings.HasSuffix(r.URL.Path, "/leases") {
				t.Errorf("%s carries the token", r.URL.Path)
			}
			switch r.URL.Path {
			case "/v1/blobs/larger/output":
				uploads++
				if r.Header.Get("X-Signed") != "yes" || r.URL.RawQuery != "sig=1" {
					t.Errorf("upload: %v %v", r.URL, r.Header)
				}
				if uploads == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
			case "/v1/commands/larger/response":
				if puts++; puts <= 2 {
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				}
			}
			return false
		}
		r := newReceiver(t, f, with(EnvMaxLeases, "3"))
		register(r)
		stop := running(t, r)
		time.Sleep(3 * second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := content(t, f.last(t, "fits")); got != "xxxxxxxxx!" {
			t.Errorf("fits: %s", got)
		}
		for _, id := range []string{"larger", "local"} {
			body := f.last(t, id).Body
			if body.Mode != wire.Storage || !body.PutUsed || body.Size == nil || *body.Size != 11 {
				t.Errorf("%s: %+v", id, body)
			}
		}
		if got := string(f.puts["/v1/blobs/larger/output"]); got != "xxxxxxxxxx!" || uploads != 2 || puts != 3 {
			t.Errorf("stored %q with %d uploads and %d responses", got, uploads, puts)
		}
		if got, err := os.ReadFile(file); string(got) != "xxxxxxxxxx!" {
			t.Errorf("file: %q, %v", got, err)
		}
	})
}

// TestSubmission: what is tried again, and until when.
func TestSubmission(t *testing.T) {
	for _, c := range []struct {
		status int
		tries  int // within the lease, which has 12 seconds left after the handler
	}{{200, 1}, {204, 1}, {409, 1}, {410, 1}, {400, 1}, {401, 1}, {404, 1}, {408, 15}, {429, 15}, {500, 15}} {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lease := leaseOf("c1", "echo", "1")
				lease.LeaseExpiresAt = wire.At(time.Now().Add(12*second + 50*time.Millisecond))
				f := newFake(lease)
				tries := 0
				f.override = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/response") {
						return false
					}
					tries++
					w.WriteHeader(c.status)
					return true
				}
				stop := running(t, newReceiver(t, f, with()))
				time.Sleep(14 * second)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if tries != c.tries {
					t.Errorf("%d tries, not %d", tries, c.tries)
				}
			})
		})
	}
}
