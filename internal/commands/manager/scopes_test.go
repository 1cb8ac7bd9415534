package manager_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// TestScopes tries every endpoint with every kind of token. The columns are: admin, sender of d, sender of one, receiver of a,
// receiver of b, receiver of a in one.
func TestScopes(t *testing.T) {
	h := start(t)
	tokens := []string{
		h.admin,
		h.mint(api.MintToken{Kind: api.Sender, DeploymentID: "d"}).Secret,
		h.mint(api.MintToken{Kind: api.Sender, DeploymentID: "one"}).Secret,
		h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: "a"}).Secret,
		h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: "b"}).Secret,
		h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "one", TargetResourceID: "a"}).Secret,
	}
	ok := wire.SuccessResponse(wire.InlineBody([]byte("1")))
	command := command()
	lease := wire.LeaseRequest{DeploymentID: "d", Target: target("a"), MaxLeases: ptr(int64(0))}
	other := lease
	other.Target.ResourceType = wire.Container
	operator := lease
	operator.Target.ResourceID = wire.Operator
	forOperator := command
	forOperator.TargetResourceID = ptr(wire.Operator)
	minting := api.MintToken{Kind: api.Sender, DeploymentID: "d"}
	routes, missing := http.NewServeMux(), map[string]bool{} // every endpoint that takes a token has to be tried
	for _, route := range h.manager.Routes(true) {
		routes.Handle(route, http.NotFoundHandler())
		missing[route] = true
	}
	for _, c := range []struct {
		method, path string
		body         any
		want         string // a digit for 200, 201 or 204; x for 403
	}{
		{"POST", "/v1/commands", command, "00xxxx"},
		{"POST", "/v1/commands", forOperator, "xxxxxx"},
		{"GET", "/v1/commands?deploymentId=d", nil, "00xxxx"},
		{"GET", "/v1/commands/{id}", nil, "00xxxx"},
		{"POST", "/v1/commands/{upload}/upload-complete", wire.UploadCompleteRequest{Size: 200_000}, "00xxxx"},
		{"PUT", "/v1/commands/{leased}/response", ok, "0xx0xx"},
		{"GET", "/v1/commands/{id}/payload", nil, "00xxxx"},
		{"PUT", "/v1/commands/{id}/payload", wire.StorePayloadRequest{}, "0xxxxx"},
		{"POST", "/v1/commands/leases", lease, "0xx0xx"},
		{"POST", "/v1/commands/leases", other, "0xxxxx"},
		{"POST", "/v1/commands/leases", operator, "0xxxxx"},
		{"POST", "/v1/commands/leases/{lease}/release", nil, "0xx0xx"},
		{"GET", "/v1/deployments", nil, "0xxxxx"},
		{"PUT", "/v1/deployments/x", api.PutDeployment{Daemons: []api.PutDaemon{}}, "0xxxxx"},
		{"GET", "/v1/deployments/d", nil, "00xxxx"},
		{"DELETE", "/v1/deployments/x", nil, "4xxxxx"},
		{"POST", "/v1/tokens", minting, "1xxxxx"},
		{"GET", "/v1/tokens", nil, "0xxxxx"},
		{"GET", "/v1/tokens/{token}", nil, "0xxxxx"},
		{"POST", "/v1/tokens/{token}/rotate", nil, "0xxxxx"},
		{"DELETE", "/v1/tokens/{token}", nil, "4xxxxx"},
	} {
		_, pattern := routes.Handler(httptest.NewRequest(c.method, c.path, nil))
		delete(missing, pattern)
		for i, want := range c.want {
			path := h.prepared(c.path)
			r := h.call(c.method, path, tokens[i], c.body)
			if want == 'x' {
				r.fails(403, wire.Forbidden)
			} else {
				r.is(200 + int(want-'0'))
			}
		}
		path := h.prepared(c.path)
		for _, token := range []string{"", "nonsense", h.admin + "0", strings.ToUpper(h.admin)} {
			h.call(c.method, path, token, c.body).fails(401, wire.Unauthorized)
		}
		h.call(c.method, path, "", c.body, "Authorization", "bearer "+h.admin).fails(401, wire.Unauthorized)
	}
	for route := range missing {
		t.Errorf("%s is tried with no token", route)
	}
	if log := h.log.String(); strings.Contains(log, "ax_") || strings.Contains(log, "response_token") || strings.Contains(log, "inlineBase64") {
		t.Errorf("the log holds what it must not:\n%s", log)
	}
}

// prepared makes what a path names: a command, one that waits for its parameters, one that is out, its lease, a token.
func (h *harness) prepared(path string) string {
	h.t.Helper()
	switch {
	case strings.Contains(path, "{id}"):
		return strings.ReplaceAll(path, "{id}", h.create())
	case strings.Contains(path, "{upload}"):
		return strings.ReplaceAll(path, "{upload}", h.create(func(c *wire.CreateRequest) { c.Params = wire.Body{Mode: wire.Storage, Size: ptr(int64(200_000))} }))
	case strings.Contains(path, "{leased}"), strings.Contains(path, "{lease}"):
		h.create()
		l := h.leaseOne()
		return strings.NewReplacer("{leased}", l.CommandID, "{lease}", l.LeaseID).Replace(path)
	case strings.Contains(path, "{token}"):
		return strings.ReplaceAll(path, "{token}", h.mint(api.MintToken{Kind: api.Sender, DeploymentID: "one"}).ID)
	case path == "/v1/deployments/x":
		h.call("PUT", path, h.admin, api.PutDeployment{Daemons: []api.PutDaemon{}}).is(200)
	}
	return path
}

func TestTokens(t *testing.T) {
	h := start(t)
	get := func(secret string) reply { return h.call("GET", "/v1/deployments/d", secret, nil) }
	m := h.mint(api.MintToken{Kind: api.Sender, DeploymentID: "d", Name: "ci", ExpiresAt: wire.At(h.now().Add(time.Hour))})
	get(m.Secret).is(200)
	basic := base64.StdEncoding.EncodeToString([]byte("any:" + m.Secret))
	h.call("GET", "/v1/deployments/d", "", nil, "Authorization", "Basic "+basic).is(200)

	rotated := read[api.MintedToken](h.call("POST", "/v1/tokens/"+m.ID+"/rotate", h.admin, api.RotateToken{GraceSeconds: ptr(int64(60))}).is(200))
	if rotated.ID != m.ID || rotated.Secret == m.Secret || rotated.Name != "ci" {
		t.Errorf("rotated to %+v", rotated.Token)
	}
	get(m.Secret).is(200)
	get(rotated.Secret).is(200)
	h.pass(time.Minute)
	get(m.Secret).fails(401, wire.Unauthorized)
	get(rotated.Secret).is(200)
	h.pass(time.Hour)
	get(rotated.Secret).fails(401, wire.Unauthorized)

	receiver := h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: "b"})
	list := h.call("GET", "/v1/tokens?deploymentId=d", h.admin, nil).is(200)
	if all := read[api.Tokens](list).Tokens; len(all) != 2 || strings.Contains(string(list.body), "secret") || strings.Contains(strings.ToLower(string(list.body)), "hash") {
		t.Errorf("list: %s", list.body)
	}
	h.call("PUT", "/v1/deployments/d", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}}}).is(200) // without b
	h.call("GET", "/v1/tokens/"+receiver.ID, h.admin, nil).fails(404, wire.TokenNotFound)
	h.call("DELETE", "/v1/tokens/"+m.ID, h.admin, nil).is(204)
	h.call("DELETE", "/v1/tokens/"+m.ID, h.admin, nil).fails(404, wire.TokenNotFound)
	for _, wrong := range []api.MintToken{
		{Kind: "other"},
		{Kind: api.Admin, DeploymentID: "d"},
		{Kind: api.Sender, DeploymentID: "d", TargetResourceID: "a"},
		{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: "b"},
		{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: wire.Operator},
		{Kind: api.Admin, ExpiresAt: wire.At(h.now())},
	} {
		h.call("POST", api.PathTokens, h.admin, wrong).fails(400, wire.InvalidToken)
	}
	h.call("POST", api.PathTokens, h.admin, api.MintToken{Kind: api.Sender, DeploymentID: "x"}).fails(404, wire.DeploymentNotFound)
}

func TestRateLimit(t *testing.T) {
	h := start(t, func(o *manager.Options) { o.Limits.Rate = 5 })
	m := h.mint(api.MintToken{Kind: api.Sender, DeploymentID: "d"})
	refused := 0
	for range 30 {
		if r := h.call("GET", "/v1/deployments/d", m.Secret, nil); r.status == 429 {
			r.fails(429, wire.TooMany)
			refused++
		}
	}
	if refused == 0 {
		t.Error("30 requests at once passed a limit of 5 a second")
	}
	h.call("GET", "/v1/deployments/d", h.admin, nil).is(200) // another token is another's
}

func TestDeployments(t *testing.T) {
	h := start(t)
	for n, ids := range [][]string{{""}, {"a:b"}, {wire.Operator}, {"a", "a"}} {
		put := api.PutDeployment{Daemons: []api.PutDaemon{}}
		for _, id := range ids {
			put.Daemons = append(put.Daemons, api.PutDaemon{ID: id})
		}
		h.call("PUT", fmt.Sprintf("/v1/deployments/w%d", n), h.admin, put).fails(400, wire.InvalidInput)
	}
	h.create()
	h.create()
	h.leaseOne()
	d := read[api.Deployment](h.call("GET", "/v1/deployments/d", h.admin, nil).is(200))
	if len(d.Daemons) != 2 || d.Daemons[0].Pending != 1 || d.Daemons[0].InFlight != 1 || d.Daemons[0].LastPolledAt.IsZero() || !d.Daemons[1].LastPolledAt.IsZero() {
		t.Errorf("got %+v", d)
	}
	since := d.ServerTime.Format(time.RFC3339Nano)
	waiting := make(chan reply)
	go func() {
		waiting <- h.call("GET", "/v1/deployments/d?polledSince="+since, h.admin, nil, "Prefer", "wait=30")
	}()
	h.lease(target("a"), 0)
	h.lease(target("b"), 0)
	if d := read[api.Deployment]((<-waiting).is(200)); d.Daemons[0].LastPolledAt.Before(d.CreatedAt.Time) || d.Daemons[1].LastPolledAt.IsZero() {
		t.Errorf("held until %+v", d)
	}
	h.call("DELETE", "/v1/deployments/d", h.admin, nil).is(204)
	h.call("GET", "/v1/deployments/d", h.admin, nil).fails(404, wire.DeploymentNotFound)
}

// TestPollsSurvive: a manager knows when daemons asked the one before it for commands, without a write for every request.
func TestPollsSurvive(t *testing.T) {
	var options manager.Options
	h := start(t, func(o *manager.Options) { options = *o })
	h.lease(target("a"), 0)
	before := read[api.Deployment](h.call("GET", "/v1/deployments/d", h.admin, nil).is(200))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	h.manager.Run(ctx) // its end writes
	next, err := manager.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(next.Handler())
	defer server.Close()
	after := read[api.Deployment](h.call("GET", server.URL+"/v1/deployments/d", h.admin, nil).is(200))
	if last := after.Daemons[0].LastPolledAt; last.IsZero() || !last.Equal(before.Daemons[0].LastPolledAt.Time) || !after.Daemons[1].LastPolledAt.IsZero() {
		t.Errorf("before %+v, after %+v", before.Daemons, after.Daemons)
	}
}

// TestHeldRequestEndsWithItsToken: what is held for a token is refused as soon as that is not valid any more, and gets no command.
func TestHeldRequestEndsWithItsToken(t *testing.T) {
	for name, end := range map[string]func(h *harness, token string){
		"revoked": func(h *harness, token string) { h.call("DELETE", api.PathTokens+"/"+token, h.admin, nil).is(204) },
		"rotated": func(h *harness, token string) {
			h.call("POST", api.PathTokens+"/"+token+"/rotate", h.admin, nil).is(200)
		},
		"daemon removed": func(h *harness, _ string) {
			h.call("PUT", "/v1/deployments/d", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "b"}}}).is(200)
		},
		"deployment removed": func(h *harness, _ string) { h.call("DELETE", "/v1/deployments/d", h.admin, nil).is(204) },
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			token := h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: "a"})
			other := h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "one", TargetResourceID: "a"})
			poll := func(token, deployment string) <-chan reply {
				answered := make(chan reply, 1)
				go func() {
					answered <- h.call("POST", wire.PathLeases, token, wire.LeaseRequest{DeploymentID: deployment, Target: target("a")}, "Prefer", "wait=60")
				}()
				return answered
			}
			held, another := poll(token.Secret, "d"), poll(other.Secret, "one")
			h.holds(2)
			end(h, token.ID)
			(<-held).fails(401, wire.Unauthorized)
			h.create(func(c *wire.CreateRequest) { c.DeploymentID = "one" })
			if got := read[wire.LeaseResponse]((<-another).is(200)).Leases; len(got) != 1 {
				t.Errorf("the other token's request got %+v", got)
			}
		})
	}
}
