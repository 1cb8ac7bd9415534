package manager_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// TestSlowClients: who sends its header or body a byte at a time, or nothing at all, is cut off; others do not notice.
func TestSlowClients(t *testing.T) {
	h := start(t)
	h.manager.Hurry(200*time.Millisecond, 400*time.Millisecond)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.manager.Serve(ctx, []net.Listener{l}, nil, time.Minute) }()
	var all sync.WaitGroup
	head := "POST /v1/commands HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer " + h.admin + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
	for name, sent := range map[string]string{"header": "GET /healthz HTTP/1.1\r\nX: ", "body": head, "nothing": ""} {
		for range 20 {
			all.Go(func() { drip(t, l.Addr().String(), name, sent) })
		}
	}
	response, err := http.Get("http://" + l.Addr().String() + "/readyz")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("others: %v %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	all.Wait()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// drip sends bytes until the server has had enough.
func drip(t *testing.T, address, name, sent string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // far more than it is given
	go func() {
		_, err := io.WriteString(c, sent)
		for tick := time.NewTicker(20 * time.Millisecond); err == nil && name != "nothing"; <-tick.C {
			_, err = io.WriteString(c, "x")
		}
	}()
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: it is still served", name)
	}
}

// TestTooManyPolls: beyond the limit, requests are answered at once; when one ends, there is room again.
func TestTooManyPolls(t *testing.T) {
	const limit = 3
	h := start(t, func(o *manager.Options) { o.Limits.Polls = limit })
	var polls sync.WaitGroup
	for range limit {
		polls.Go(func() {
			if got := h.lease(target("a"), 1, "Prefer", "wait=60"); len(got) != 1 {
				t.Errorf("a held one got %+v", got)
			}
		})
	}
	ask := func(wait string) string {
		r := h.call("POST", wire.PathLeases, h.admin, wire.LeaseRequest{DeploymentID: "d", Target: target("b")}, "Prefer", "wait="+wait)
		return r.is(200).header.Get("Preference-Applied")
	}
	h.holds(limit)
	if ask("60") != "" {
		t.Error("one too many was held")
	}
	h.create()
	h.holds(limit - 1)
	if ask("1") == "" {
		t.Error("there is room again, and it was not held")
	}
	h.create()
	h.create()
	polls.Wait()
}
