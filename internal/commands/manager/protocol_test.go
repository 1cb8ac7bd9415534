package manager_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

var done = wire.SuccessResponse(wire.InlineBody([]byte(`"done"`)))

func TestRoundTrip(t *testing.T) {
	h := start(t)
	created := read[wire.CreateResponse](h.call("POST", wire.PathCommands, h.admin, command()).is(200))
	if created.State != wire.Pending || created.Next != wire.NextPoll || created.InlineAllowedUpTo != 150_000 || created.StorageUpload != nil || strings.ContainsAny(created.CommandID, ":/") {
		t.Errorf("created %+v", created)
	}
	if s := h.status(created.CommandID); s.State != wire.Pending || s.Attempt != 1 || s.Target != target("a") || s.Response != nil {
		t.Errorf("status %+v", s)
	}
	if got := h.lease(target("b"), 5); len(got) != 0 {
		t.Errorf("another target got %+v", got)
	}
	l := h.leaseOne()
	e := l.Envelope
	if l.CommandID != created.CommandID || l.Attempt != 1 || e.Attempt != 1 || e.Protocol != wire.Protocol || e.DeploymentID != "d" || e.Target != target("a") ||
		e.Command != "run" || e.Params.InlineBase64 != command().Params.InlineBase64 || e.ResponseHandling.MaxInlineBytes != 150_000 ||
		!e.ResponseHandling.StorageUploadRequest.Expiration.After(h.now()) || !e.Deadline.IsZero() {
		t.Errorf("leased %+v", l)
	}
	h.submit(l, done).is(200)
	s := h.status(created.CommandID)
	if s.State != wire.Succeeded || s.Response == nil || *s.Response != done {
		t.Errorf("status %+v", s)
	}
	h.submit(l, wire.ErrorResponse("LATE", "m")).is(200) // a duplicate, ignored
	if again := h.status(created.CommandID); again.State != wire.Succeeded || *again.Response != done {
		t.Errorf("overwritten: %+v", again)
	}
}

func TestCreateIsChecked(t *testing.T) {
	h := start(t)
	for name, c := range map[string]struct {
		change func(*wire.CreateRequest)
		status int
		code   wire.Code
	}{
		"no deployment":      {func(c *wire.CreateRequest) { c.DeploymentID = "" }, 404, wire.DeploymentNotFound},
		"unknown deployment": {func(c *wire.CreateRequest) { c.DeploymentID = "x" }, 404, wire.DeploymentNotFound},
		"no name":            {func(c *wire.CreateRequest) { c.Command = "" }, 400, wire.InvalidCommand},
		"colon":              {func(c *wire.CreateRequest) { c.Command = "a:b" }, 400, wire.InvalidCommand},
		"deadline":           {func(c *wire.CreateRequest) { c.Deadline = wire.At(h.now()) }, 400, wire.InvalidCommand},
		"unknown target":     {func(c *wire.CreateRequest) { c.TargetResourceID = ptr("x") }, 404, wire.CommandTargetNotFound},
		"empty target":       {func(c *wire.CreateRequest) { c.TargetResourceID = ptr("") }, 404, wire.CommandTargetNotFound},
		"target with colon":  {func(c *wire.CreateRequest) { c.TargetResourceID = ptr("a:b") }, 400, wire.CommandTargetIDInvalid},
		"which target":       {func(c *wire.CreateRequest) { c.TargetResourceID = nil }, 409, wire.CommandTargetAmbiguous},
		"no target":          {func(c *wire.CreateRequest) { c.DeploymentID, c.TargetResourceID = "none", nil }, 422, wire.NoCommandTargets},
		"operator":           {func(c *wire.CreateRequest) { c.TargetResourceID = ptr(wire.Operator) }, 403, wire.Forbidden},
		"small in storage":   {func(c *wire.CreateRequest) { c.Params = wire.Body{Mode: wire.Storage, Size: ptr(int64(150_000))} }, 400, wire.InvalidCommand},
		"storage of no size": {func(c *wire.CreateRequest) { c.Params = wire.Body{Mode: wire.Storage} }, 400, wire.InvalidCommand},
	} {
		t.Run(name, func(t *testing.T) {
			h.call("POST", wire.PathCommands, h.admin, command(c.change)).fails(c.status, c.code)
		})
	}
	id := h.create(func(c *wire.CreateRequest) { c.DeploymentID, c.TargetResourceID = "one", nil })
	if s := h.status(id); s.Target != target("a") {
		t.Errorf("the only target is %+v", s.Target)
	}
}

// TestRejections are requests that are wrong before they are looked at.
func TestRejections(t *testing.T) {
	h := start(t, func(o *manager.Options) { o.Limits.Body = 10_000 })
	for name, c := range map[string]struct {
		method, path, body, media string
		status                    int
	}{
		"no JSON":            {"POST", "/v1/commands", "{", "application/json", 400},
		"wrong shape":        {"POST", "/v1/commands", "{}", "application/json; charset=utf-8", 422},
		"no type":            {"POST", "/v1/commands", "{}", "", 415},
		"another type":       {"POST", "/v1/commands", "{}", "text/plain", 415},
		"too large":          {"POST", "/v1/commands", `"` + strings.Repeat("x", 10_001) + `"`, "application/json", 413},
		"wrong method":       {"PATCH", "/v1/commands", "", "", 405},
		"leases is no id":    {"GET", "/v1/commands/leases", "", "", 405},
		"unknown path":       {"GET", "/v2", "", "", 404},
		"expires is no time": {"PUT", "/v1/commands/x/response?response_token=1&expires=soon", "", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			token := h.admin
			if strings.Contains(c.path, "expires") {
				token = ""
			}
			h.call(c.method, c.path, token, c.body, "Content-Type", c.media).is(c.status)
		})
	}
}

func TestUnknownCommands(t *testing.T) {
	h := start(t)
	h.call("GET", "/v1/commands/cmd_x", h.admin, nil).fails(404, wire.CommandNotFound)
	h.call("GET", "/v1/commands/cmd_x/payload", h.admin, nil).fails(404, wire.CommandNotFound)
	h.call("POST", "/v1/commands/cmd_x/upload-complete", h.admin, wire.UploadCompleteRequest{}).fails(404, wire.CommandNotFound)
	h.call("PUT", "/v1/commands/cmd_x/response", h.admin, done).fails(404, wire.CommandNotFound)
	for _, lease := range []string{"x", "lease_x", "lease_x_y", "lease_%2e%2e_y"} {
		h.call("POST", "/v1/commands/leases/"+lease+"/release", h.admin, nil).fails(404, wire.LeaseNotFound)
	}
}

func TestIdempotency(t *testing.T) {
	h := start(t)
	key := func(c *wire.CreateRequest) { c.IdempotencyKey = ptr("key 1:/") }
	first := h.create(key)
	l := h.leaseOne()
	replay := read[wire.CreateResponse](h.call("POST", wire.PathCommands, h.admin, command(key)).is(200))
	if replay.CommandID != first || replay.State != wire.Dispatched || replay.Next != wire.NextPoll {
		t.Errorf("replay: %+v", replay)
	}
	h.submit(l, done).is(200)
	for name, change := range map[string]func(*wire.CreateRequest){
		"another command": func(c *wire.CreateRequest) { key(c); c.Command = "other" },
		"another target":  func(c *wire.CreateRequest) { key(c); c.TargetResourceID = ptr("b") },
		"no key":          func(c *wire.CreateRequest) {},
	} {
		if h.create(change) == first {
			t.Errorf("%s is the same command", name)
		}
	}
	if got := len(h.lease(target("a"), 9)); got != 2 {
		t.Errorf("%d more commands of a", got)
	}
	h.pass(24 * time.Hour)
	if h.create(key) == first {
		t.Error("the key still stands for it after a day")
	}
}

func TestReleaseAndRedelivery(t *testing.T) {
	h := start(t)
	id := h.create()
	first := h.leaseOne()
	h.call("POST", "/v1/commands/leases/"+first.LeaseID+"/release", h.admin, wire.ReleaseRequest{LeaseID: first.LeaseID}).is(200)
	h.call("POST", "/v1/commands/leases/"+first.LeaseID+"/release", h.admin, nil).fails(404, wire.LeaseNotFound)
	h.submit(first, done).fails(400, wire.InvalidStateTransition) // it is nobody's now
	if s := h.status(id); s.State != wire.Pending || s.Attempt != 2 {
		t.Errorf("after the release: %+v", s)
	}
	second := h.leaseOne()
	if second.Attempt != 2 || second.LeaseID == first.LeaseID {
		t.Errorf("second: %+v", second)
	}
	if got := h.lease(target("a"), 1); len(got) != 0 {
		t.Errorf("leased twice: %+v", got)
	}
	h.pass(time.Minute)
	h.call("POST", "/v1/commands/leases/"+second.LeaseID+"/release", h.admin, nil).fails(404, wire.LeaseNotFound)
	third := h.leaseOne()
	if third.Attempt != 3 || third.Envelope.Attempt != 3 {
		t.Errorf("third: %+v", third)
	}
	h.submit(second, done).is(200) // of an expired lease, but the first to come
	if s := h.status(id); s.State != wire.Succeeded || s.Attempt != 3 {
		t.Errorf("in the end: %+v", s)
	}
}

func TestDeadlines(t *testing.T) {
	h := start(t)
	in := func(d time.Duration) func(*wire.CreateRequest) {
		return func(c *wire.CreateRequest) { c.Deadline = wire.At(h.now().Add(d)) }
	}
	waits, out := h.create(in(time.Minute)), h.create(in(time.Hour))
	h.pass(2 * time.Minute)
	l := h.leaseOne() // skips and expires the first
	if l.CommandID != out || l.Envelope.Deadline.IsZero() {
		t.Errorf("leased %+v", l)
	}
	if s := h.status(waits); s.State != wire.Expired || s.Response != nil {
		t.Errorf("overdue: %+v", s)
	}
	h.pass(2 * time.Hour)
	if s := h.status(out); s.State != wire.Expired {
		t.Errorf("overdue while out: %+v", s)
	}
	h.submit(l, done).is(200)
	if s := h.status(out); s.State != wire.Expired || s.Response != nil {
		t.Errorf("a late answer made it %+v", s)
	}
	// whoever waits is told when the deadline comes, not when somebody asks
	soon := h.create(in(300 * time.Millisecond))
	if s := h.status(soon, "Prefer", "wait=30"); s.State != wire.Expired {
		t.Errorf("waited for: %+v", s)
	}
}

func TestHeldRequests(t *testing.T) {
	h := start(t)
	leases := make(chan []wire.Lease)
	go func() { leases <- h.lease(target("a"), 1, "Prefer", "respond-async, wait=30") }()
	id := h.create()
	l := (<-leases)[0]
	if l.CommandID != id {
		t.Errorf("leased %+v", l)
	}
	status := make(chan wire.StatusResponse)
	go func() { status <- h.status(id, "Prefer", "wait=30") }()
	h.submit(l, done).is(200)
	if s := <-status; s.State != wire.Succeeded {
		t.Errorf("held until %+v", s)
	}
	// a lease that runs out wakes whoever waits
	h.create()
	short := wire.LeaseRequest{DeploymentID: "d", Target: target("a"), LeaseSeconds: ptr(int64(1))}
	h.call("POST", wire.PathLeases, h.admin, short).is(200)
	if got := h.lease(target("a"), 1, "Prefer", "wait=30"); len(got) != 1 || got[0].Attempt != 2 {
		t.Errorf("after the lease: %+v", got)
	}
	r := h.call("POST", wire.PathLeases, h.admin, short, "Prefer", "wait=1")
	if got := read[wire.LeaseResponse](r.is(200)); len(got.Leases) != 0 || r.header.Get("Preference-Applied") != "wait" {
		t.Errorf("nothing came, and it said %s %v", r.body, r.header)
	}
	go func() { leases <- h.lease(target("b"), 1, "Prefer", "wait=60") }()
	h.manager.Drain()
	if got := <-leases; len(got) != 0 {
		t.Errorf("the end brought %+v", got)
	}
}

func TestPollsAreBounded(t *testing.T) {
	h := start(t, func(o *manager.Options) { o.Limits.Polls = -1 })
	r := h.call("POST", wire.PathLeases, h.admin, wire.LeaseRequest{DeploymentID: "d", Target: target("a")}, "Prefer", "wait=60").is(200)
	if r.header.Get("Preference-Applied") != "" {
		t.Error("it says that it was held")
	}
}

func TestResponseURL(t *testing.T) {
	h := start(t)
	h.create()
	l := h.leaseOne()
	u, err := url.Parse(l.Envelope.ResponseHandling.SubmitResponseURL)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(url.Values){
		"no token":      func(v url.Values) { v.Del("response_token") },
		"no expires":    func(v url.Values) { v.Del("expires") },
		"another token": func(v url.Values) { v.Set("response_token", strings.Repeat("0", 64)) },
		"short token":   func(v url.Values) { v.Set("response_token", v.Get("response_token")[:63]) },
		"longer":        func(v url.Values) { v.Set("expires", "99999999999") },
	} {
		query := u.Query()
		change(query)
		t.Run(name, func(t *testing.T) {
			h.call("PUT", "/v1/commands/"+u.Path+"?"+query.Encode(), "", done).fails(401, wire.Unauthorized)
		})
	}
	other := h.create()
	h.call("PUT", "/v1/commands/"+other+"/response?"+u.RawQuery, "", done).fails(401, wire.Unauthorized)
	h.call("PUT", "/v1/commands/"+u.String(), "nonsense", done).fails(401, wire.Unauthorized) // the header decides alone
	h.pass(2*time.Hour + 2*time.Second)
	h.submit(l, done).fails(401, wire.Unauthorized)
}

func TestLargeBodies(t *testing.T) {
	h := start(t, func(o *manager.Options) { o.Limits.Blob = 400_000 })
	content := bytes.Repeat([]byte("p"), 200_000)
	created := read[wire.CreateResponse](h.call("POST", wire.PathCommands, h.admin, command(func(c *wire.CreateRequest) {
		c.Params = wire.Body{Mode: wire.Storage, Size: ptr(int64(len(content)))}
	})).is(200))
	if created.State != wire.PendingUpload || created.Next != wire.NextUpload || created.StorageUpload == nil {
		t.Fatalf("created %+v", created)
	}
	if got := h.lease(target("a"), 1); len(got) != 0 {
		t.Errorf("leased before its parameters: %+v", got)
	}
	put := created.StorageUpload.PutRequest
	if !strings.HasPrefix(put.Backend.URL, h.url) { // senders resolve nothing
		t.Fatalf("the upload is not absolute: %s", put.Backend.URL)
	}
	h.call("GET", put.Backend.URL, "", nil).fails(401, wire.Unauthorized) // signed for PUT
	h.call("PUT", put.Backend.URL, "", strings.Repeat("p", 400_001)).is(413)
	h.call("PUT", put.Backend.URL, "", string(content)).is(200)
	h.call("POST", "/v1/commands/"+created.CommandID+"/upload-complete", h.admin, wire.UploadCompleteRequest{Size: int64(len(content))}).is(200)
	h.call("POST", "/v1/commands/"+created.CommandID+"/upload-complete", h.admin, wire.UploadCompleteRequest{Size: 1}).fails(400, wire.InvalidStateTransition)
	h.call("PUT", put.Backend.URL, "", "other").fails(400, wire.InvalidStateTransition)

	l := h.leaseOne()
	fetch := func(url string) string {
		t.Helper()
		return string(h.call("GET", url, "", nil).is(200).body)
	}
	relative := func(u string) string { return h.url + "/v1/" + strings.TrimPrefix(u, "../") }
	if got := fetch(relative(l.Envelope.Params.Get.Backend.URL)); got != string(content) {
		t.Errorf("%d bytes of parameters", len(got))
	}
	upload := relative(l.Envelope.ResponseHandling.StorageUploadRequest.Backend.URL)
	h.call("PUT", upload, "", strings.Repeat("r", 300_000)).is(200)
	h.submit(l, wire.SuccessResponse(wire.StoredBody(300_000))).is(200)
	h.call("PUT", upload, "", "other").fails(400, wire.InvalidStateTransition) // it is over
	s := h.status(created.CommandID)
	if s.Response == nil || s.Response.Body.Get == nil || !strings.HasPrefix(s.Response.Body.Get.Backend.URL, h.url) {
		t.Fatalf("status %+v", s)
	}
	if got := fetch(s.Response.Body.Get.Backend.URL); got != strings.Repeat("r", 300_000) {
		t.Errorf("%d bytes of response", len(got))
	}
}

// TestLargeInlineParameters: senders send everything inline; receivers get what is large by URL, and what is small inline.
func TestLargeInlineParameters(t *testing.T) {
	h := start(t)
	for _, size := range []int{150_000, 150_010, 1_500_000} {
		content := bytes.Repeat([]byte("x"), size)
		h.create(func(c *wire.CreateRequest) { c.Params = wire.InlineBody(content) })
		l := h.leaseOne()
		got, err := l.Envelope.Params.Content()
		if size > 150_000 {
			get := l.Envelope.Params.Get
			if get == nil {
				t.Fatalf("%d bytes came inline", size)
			}
			got, err = h.call("GET", h.url+"/v1/"+strings.TrimPrefix(get.Backend.URL, "../"), "", nil).is(200).body, nil
		}
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes became %d: %v", size, len(got), err)
		}
	}
}

func TestRetention(t *testing.T) {
	h := start(t, func(o *manager.Options) { o.Limits.Retention = time.Hour })
	id, kept := h.create(), h.create()
	h.submit(h.leaseOne(), done).is(200)
	h.manager.PruneAt(t.Context(), h.now())
	h.status(id)
	h.pass(2 * time.Hour)
	h.manager.PruneAt(t.Context(), h.now())
	h.call("GET", "/v1/commands/"+id, h.admin, nil).fails(404, wire.CommandNotFound)
	h.status(kept) // is not over, and stays
}

func TestOwnEndpoints(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml", "/metrics"} {
		h.call("GET", path, "", nil).is(200)
	}
	h.manager.Drain()
	h.call("GET", "/readyz", "", nil).is(503)
	h.call("GET", "/healthz", "", nil).is(200)
}
