package commands

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// fake is a manager with one command, which goes through the given statuses; the last one stays.
type fake struct {
	holds    bool // it holds status requests until the state is terminal
	create   func(w http.ResponseWriter, r wire.CreateRequest)
	statuses []func(w http.ResponseWriter)
	created  []wire.CreateRequest
	asked    []time.Duration // when a status was asked for
	began    time.Time
	uploads  map[string]string
	blobs    map[string]string
	finished []int64 // sizes of finished uploads
}

// RoundTrip serves a request without a network, so that time can be the test's.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	f.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.HasPrefix(r.URL.Path, "/blobs/"):
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if r.Method == http.MethodPut {
			f.uploads[r.URL.Path] = string(body)
			return
		}
		_, _ = io.WriteString(w, f.blobs[r.URL.Path])
	case r.Header.Get("Authorization") != "Bearer token":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost && r.URL.Path == "/v1/commands":
		var asked wire.CreateRequest
		if err := wire.Unmarshal(body, &asked); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		f.created = append(f.created, asked)
		if f.create != nil {
			f.create(w, asked)
			return
		}
		answer(w, wire.CreateResponse{CommandID: "cmd_1", State: wire.Pending, InlineAllowedUpTo: wire.InlineMax, Next: wire.NextPoll})
	case r.Method == http.MethodPost && r.URL.Path == "/v1/commands/cmd_1/upload-complete":
		var done wire.UploadCompleteRequest
		_ = json.Unmarshal(body, &done)
		f.finished = append(f.finished, done.Size)
		answer(w, wire.UploadCompleteResponse{CommandID: "cmd_1", State: wire.Pending})
	case r.Method == http.MethodGet && r.URL.Path == "/v1/commands/cmd_1":
		f.status(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) status(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, time.Since(f.began))
	next, more := f.statuses[0], len(f.statuses) > 1
	if more {
		f.statuses = f.statuses[1:]
	}
	if f.holds && r.Header.Get("Prefer") == "wait=20" {
		w.Header().Set("Preference-Applied", "wait")
		if more {
			select {
			case <-time.After(20 * time.Second):
			case <-r.Context().Done():
			}
		}
	}
	next(w)
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func status(s wire.State, response *wire.Response) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		answer(w, wire.StatusResponse{CommandID: "cmd_1", State: s, Attempt: 1,
			Target: wire.Target{ResourceID: "greeter", ResourceType: wire.Daemon}, Response: response})
	}
}

func code(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(status); _, _ = io.WriteString(w, body) }
}

func success(text string) *wire.Response {
	r := wire.SuccessResponse(wire.InlineBody([]byte(text)))
	return &r
}

func stored(path string) *wire.Response {
	body := wire.StoredBody(3)
	body.Get = &wire.PresignedRequest{Expiration: wire.At(time.Now().Add(time.Hour)), Operation: wire.Get, Path: "p",
		Backend: wire.Backend{Type: wire.HTTP, Method: http.MethodGet, URL: "http://manager.test" + path}}
	r := wire.SuccessResponse(body)
	return &r
}

func clientOf(t *testing.T, f *fake) *Client {
	t.Helper()
	f.began, f.uploads = time.Now(), map[string]string{}
	c, err := New(Options{ManagerURL: "http://manager.test/", DeploymentID: "edge", Token: "token", Client: &http.Client{Transport: f}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInvoke(t *testing.T) {
	pending, dispatched := status(wire.Pending, nil), status(wire.Dispatched, nil)
	ms := func(n ...int) (out []time.Duration) {
		for _, n := range n {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	failure := wire.ErrorResponse("NO_NAME", "whom?")
	for _, c := range []struct {
		name     string
		holds    bool
		statuses []func(http.ResponseWriter)
		want     string // the result, or the error's code
		asked    []time.Duration
	}{
		{"done at once", false, []func(http.ResponseWriter){status(wire.Succeeded, success(`"hi"`))}, `"hi"`, ms(0)},
		{"a manager that does not hold is asked with growing pauses", false,
			[]func(http.ResponseWriter){pending, pending, dispatched, dispatched, dispatched, dispatched, dispatched, dispatched, dispatched, status(wire.Succeeded, success(`1`))},
			`1`, []time.Duration{0, 500e6, 1250e6, 2375e6, 4062500e3, 6593750e3, 10390625e3, 15390625e3, 20390625e3, 25390625e3}},
		{"one that holds is asked at once", true, []func(http.ResponseWriter){pending, pending, status(wire.Succeeded, success(`1`))}, `1`, ms(0, 20_000, 40_000)},
		{"what passes is asked again", false, []func(http.ResponseWriter){code(503, ""), code(429, ""), code(500, "<html>"), status(wire.Succeeded, success(`1`))}, `1`, ms(0, 500, 1250, 2375)},
		{"in storage", false, []func(http.ResponseWriter){status(wire.Succeeded, stored("/blobs/a"))}, "[1]", ms(0)},
		{"failed", false, []func(http.ResponseWriter){status(wire.Failed, &failure)}, "NO_NAME", ms(0)},
		{"expired, whatever the response", false, []func(http.ResponseWriter){status(wire.Expired, &failure)}, CodeExpired, ms(0)},
		{"succeeded without a response", false, []func(http.ResponseWriter){status(wire.Succeeded, nil)}, CodeDecodingFailed, ms(0)},
		{"failed without a response", false, []func(http.ResponseWriter){status(wire.Failed, nil)}, CodeDecodingFailed, ms(0)},
		{"bad base64", false, []func(http.ResponseWriter){status(wire.Succeeded, &wire.Response{Status: "success", Body: wire.Body{Mode: "inline", InlineBase64: "x"}})}, CodeDecodingFailed, ms(0)},
		{"not the protocol", false, []func(http.ResponseWriter){code(200, "{}")}, CodeMalformed, ms(0)},
		{"not JSON", false, []func(http.ResponseWriter){code(200, "<html>")}, CodeMalformed, ms(0)},
		{"forbidden", false, []func(http.ResponseWriter){code(403, `{"code":"FORBIDDEN","message":"no"}`)}, CodeManagerHTTP, ms(0)},
		{"never", false, []func(http.ResponseWriter){pending}, CodeTimeout, nil},
		{"never, held", true, []func(http.ResponseWriter){pending, pending}, CodeTimeout, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{statuses: c.statuses, holds: c.holds, blobs: map[string]string{"/blobs/a": "[1]"}}
				client := clientOf(t, f)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				got, err := client.Invoke(ctx, Request{Command: "greet"})
				if err == nil && string(got) != c.want || err != nil && !strings.HasPrefix(err.Error(), c.want+": ") {
					t.Errorf("%s, %v; not %s", got, err, c.want)
				}
				if c.asked != nil && !slices.Equal(f.asked, c.asked) {
					t.Errorf("asked after %v, not %v", f.asked, c.asked)
				}
				if c.want == CodeTimeout && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is not a passed deadline", err)
				}
			})
		})
	}
}

func TestCreate(t *testing.T) {
	large := strings.Repeat("x", wire.InlineMax+1)
	deadline := time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name string
		r    Request
		want string // the message on the wire
	}{
		{"least", Request{Command: "greet"}, `{"deploymentId":"edge","command":"greet","params":{"mode":"inline","inlineBase64":"bnVsbA=="}}`},
		{"all", Request{Command: "greet", Params: []byte("{}"), Target: "a", Deadline: deadline, IdempotencyKey: "k"},
			`{"deploymentId":"edge","command":"greet","params":{"mode":"inline","inlineBase64":"e30="},"deadline":"2100-01-02T03:04:05Z","idempotencyKey":"k","targetResourceId":"a"}`},
		{"large", Request{Command: "greet", Params: []byte(large)}, `{"deploymentId":"edge","command":"greet","params":{"mode":"storage","size":150001}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{create: func(w http.ResponseWriter, r wire.CreateRequest) {
				created := wire.CreateResponse{CommandID: "cmd_1", State: wire.Pending, Next: wire.NextPoll}
				if r.Params.Mode == wire.Storage {
					created.State, created.Next = wire.PendingUpload, wire.NextUpload
					created.StorageUpload = &wire.StorageUpload{ExpiresAt: wire.At(deadline), PutRequest: wire.PresignedRequest{
						Expiration: wire.At(deadline), Operation: wire.Put, Path: "p",
						Backend: wire.Backend{Type: wire.HTTP, Method: http.MethodPut, URL: "http://manager.test/blobs/in"}}}
				}
				answer(w, created)
			}}
			client := clientOf(t, f)
			id, err := client.Create(t.Context(), c.r)
			if err != nil || id != "cmd_1" {
				t.Fatalf("%s, %v", id, err)
			}
			if got, _ := json.Marshal(f.created[0]); string(got) != c.want {
				t.Errorf("sent %s, not %s", got, c.want)
			}
			if c.name == "large" && (f.uploads["/blobs/in"] != large || !slices.Equal(f.finished, []int64{150001})) {
				t.Errorf("uploaded %d bytes, finished %v", len(f.uploads["/blobs/in"]), f.finished)
			}
		})
	}
}

// TestCreateErrors: a create that fails is not tried again, for it may have been done.
func TestCreateErrors(t *testing.T) {
	for _, c := range []struct {
		status        int
		body          string
		code, manager string
	}{
		{404, `{"code":"COMMAND_TARGET_NOT_FOUND","message":"no such daemon"}`, CodeManagerHTTP, "COMMAND_TARGET_NOT_FOUND"},
		{503, "", CodeManagerHTTP, "GENERIC_ERROR"}, {200, "[]", CodeMalformed, ""},
	} {
		f := &fake{create: func(w http.ResponseWriter, _ wire.CreateRequest) { code(c.status, c.body)(w) }}
		client := clientOf(t, f)
		_, err := client.Create(t.Context(), Request{Command: "greet"})
		var own *Error
		if !errors.As(err, &own) || own.Code != c.code || own.ManagerCode != c.manager || len(f.created) != 1 {
			t.Errorf("%d: %v after %d tries", c.status, err, len(f.created))
		}
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client, err := New(Options{ManagerURL: server.URL, DeploymentID: "d", Token: "token"})
	if err != nil {
		t.Fatal(err)
	}
	var own *Error
	if _, err := client.Create(t.Context(), Request{Command: "greet"}); !errors.As(err, &own) || own.Code != CodeCreationFailed || own.Retryable {
		t.Errorf("%v", err)
	}
	if _, err := client.Get(t.Context(), "c"); !errors.As(err, &own) || own.Code != CodeStatusFailed || !own.Retryable {
		t.Errorf("%v", err)
	}
}

func TestTyped(t *testing.T) {
	type greeted struct{ Text string }
	f := &fake{statuses: []func(http.ResponseWriter){status(wire.Succeeded, success(`{"text":"hi"}`))}}
	got, err := Invoke[greeted](t.Context(), clientOf(t, f), "greet", map[string]string{"name": "Ada"}, func(r *Request) { r.Target = "greeter" })
	if err != nil || got.Text != "hi" || *f.created[0].TargetResourceID != "greeter" {
		t.Errorf("%+v, %v", got, err)
	}
	f = &fake{statuses: []func(http.ResponseWriter){status(wire.Succeeded, success(`"hi"`))}}
	if _, err := Invoke[greeted](t.Context(), clientOf(t, f), "greet", nil); err == nil || !strings.HasPrefix(err.Error(), CodeDecodingFailed) {
		t.Errorf("%v", err)
	}
	if _, err := Invoke[greeted](t.Context(), clientOf(t, f), "greet", func() {}); err == nil {
		t.Error("a function was sent")
	}
}

func TestOptions(t *testing.T) {
	good := Options{ManagerURL: "https://h/prefix", DeploymentID: "d", Token: "t"}
	c, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.at("a/b", "upload-complete").String(); got != "https://h/prefix/v1/commands/a%2Fb/upload-complete" {
		t.Error(got)
	}
	if c, err = New(Options{ManagerURL: "http://h/?q=1", DeploymentID: "d", Token: "t"}); err != nil || c.at("x").String() != "http://h/v1/commands/x?q=1" {
		t.Errorf("%v, %v", c.at("x"), err)
	}
	for _, change := range []func(*Options){
		func(o *Options) { o.ManagerURL = "h:80" }, func(o *Options) { o.ManagerURL = "ftp://h" }, func(o *Options) { o.ManagerURL = "" },
		func(o *Options) { o.DeploymentID = "" }, func(o *Options) { o.Token = "" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), CodeConfigInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// FuzzStatus: whatever a manager answers, it is a status or an error, and the result of a status too.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"commandId":"c","state":"SUCCEEDED","attempt":1,"target":{"resourceId":"a","resourceType":"daemon"},"response":{"status":"success","response":{"mode":"inline","inlineBase64":"e30="}}}`))
	f.Add([]byte(`{"commandId":"c","state":"FAILED","attempt":1,"target":{"resourceId":"a","resourceType":"daemon"},"response":{"status":"error","code":"X","message":"m"}}`))
	c, err := New(Options{ManagerURL: "http://h", DeploymentID: "d", Token: "t", Client: &http.Client{Transport: refusing{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer wire.StatusResponse
		if wire.Unmarshal(body, &answer) != nil {
			return
		}
		s := statusOf(answer)
		result, err := c.Output(t.Context(), s)
		if (err == nil) != (s.State == Succeeded && result != nil) {
			t.Errorf("%+v: %q, %v", s, result, err)
		}
	})
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network here")
}
