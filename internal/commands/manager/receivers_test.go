package manager_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/wire"
	"github.com/alienplatform/alien-go/receiver"
)

// environment is what a daemon of deployment d gets; it reaches the manager at url.
func (h *harness) environment(url, target string) map[string]string {
	token := h.mint(api.MintToken{Kind: api.Receiver, DeploymentID: "d", TargetResourceID: target})
	return map[string]string{
		receiver.EnvURL: url + "/v1", receiver.EnvToken: token.Secret, receiver.EnvDeploymentID: "d", receiver.EnvTargetID: target,
		receiver.EnvTargetType: "daemon", receiver.EnvPollInterval: "5", receiver.EnvPollMaxInterval: "20", receiver.EnvMaxLeases: "4",
	}
}

// receives runs a receiver until the test ends; its handler of "run" answers with the attempt.
func receives(t *testing.T, env map[string]string, handled func(receiver.Command)) {
	t.Helper()
	r, err := receiver.New(receiver.Options{Environment: env, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	receiver.Handle(r, "run", func(_ context.Context, c receiver.Command, _ any) (int64, error) {
		handled(c)
		return c.Attempt, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// cable is a network between receivers and the manager.
type cable struct {
	net.Listener
	to string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func lay(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{Listener: l, to: to, conns: map[net.Conn]bool{}}
	go c.carry()
	t.Cleanup(func() { _ = l.Close(); c.set(true) })
	return c
}

func (c *cable) carry() {
	for {
		near, err := c.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		if !c.plug(near, far) {
			continue
		}
		for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
			go func() {
				_, _ = io.Copy(ends[0], ends[1])
				_, _ = ends[0].Close(), ends[1].Close()
			}()
		}
	}
}

// plug is false where the cable is cut.
func (c *cable) plug(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if c.cut {
			_ = conn.Close()
		} else {
			c.conns[conn] = true
		}
	}
	return !c.cut
}

// set cuts the cable, in the middle of whatever goes over it, or mends it.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for conn := range c.conns {
		_ = conn.Close()
	}
	clear(c.conns)
}

// TestNetworkCut cuts receivers off again and again, at whatever they are at: every command is answered in the end, and each
// delivery is a later attempt than the one before.
func TestNetworkCut(t *testing.T) {
	h := start(t)
	cable := lay(t, strings.TrimPrefix(h.url, "http://"))
	url := "http://" + cable.Addr().String()
	handled := make(chan struct{}, 1000)
	var mu sync.Mutex
	attempts := map[string]int64{}
	for _, id := range []string{"a", "b"} {
		receives(t, h.environment(url, id), func(c receiver.Command) {
			mu.Lock()
			defer mu.Unlock()
			if c.Attempt <= attempts[c.ID] || c.TargetID != id {
				t.Errorf("%s got %+v after attempt %d", id, c, attempts[c.ID])
			}
			attempts[c.ID] = c.Attempt
			handled <- struct{}{}
		})
	}
	var ids []string
	for round := range 10 {
		for n := range 12 {
			ids = append(ids, h.create(func(c *wire.CreateRequest) { c.TargetResourceID = ptr([]string{"a", "b"}[n%2]) }))
		}
		for range 1 + round {
			<-handled
		}
		cable.set(true)
		h.pass(2 * time.Minute) // what was on its way is nobody's now
		cable.set(false)
	}
	for _, id := range ids {
		s := h.status(id, "Prefer", "wait=20")
		for !s.State.Terminal() {
			h.pass(2 * time.Minute)
			h.lease(target("b"), 0) // looks at the clock, as any request does
			s = h.status(id, "Prefer", "wait=1")
		}
		mu.Lock()
		if s.State != wire.Succeeded || s.Attempt < attempts[id] {
			t.Errorf("%s ended as %+v after attempt %d", id, s, attempts[id])
		}
		mu.Unlock()
	}
}

// TestGoneReceivers: a command that becomes ready while a receiver goes away is not lost to it until a lease ends.
func TestGoneReceivers(t *testing.T) {
	h := start(t)
	body, err := json.Marshal(wire.LeaseRequest{DeploymentID: "d", Target: target("a")})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		ctx, leave := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, "POST", h.url+wire.PathLeases, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = http.Header{"Authorization": {"Bearer " + h.admin}, "Content-Type": {"application/json"}, "Prefer": {"wait=30"}}
		got := make(chan bool, 1)
		go func() {
			response, err := http.DefaultClient.Do(request)
			if err == nil {
				_ = response.Body.Close()
			}
			got <- err == nil
		}()
		go leave()
		id := h.create()
		if <-got { // it was there in time; its command goes
			h.call("DELETE", "/v1/deployments/d", h.admin, nil).is(204)
			h.call("PUT", "/v1/deployments/d", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}, {ID: "b"}}}).is(200)
			continue
		}
		again := h.lease(target("a"), 1, "Prefer", "wait=30")
		if len(again) != 1 || again[0].CommandID != id {
			t.Fatalf("%s is not there for the next one: %+v", id, again)
		}
		h.submit(again[0], done).is(200)
	}
}

// child is a receiver in a process of its own, which never finishes a first attempt.
func child() error {
	r, err := receiver.New(receiver.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	receiver.Handle(r, "run", func(ctx context.Context, c receiver.Command, _ any) (string, error) {
		fmt.Println(c.ID, c.Attempt)
		if c.Attempt == 1 {
			<-ctx.Done()
		}
		return fmt.Sprint(c.Attempt), nil
	})
	return r.Run(context.Background())
}

// TestReceiverKilled: what a receiver had when it was killed comes again, to the same target and as a later attempt.
func TestReceiverKilled(t *testing.T) {
	h := start(t)
	begin := func(target string) (*exec.Cmd, *bufio.Scanner) {
		process := exec.Command(os.Args[0])
		process.Env = []string{"RECEIVER=1"}
		for k, v := range h.environment(h.url, target) {
			process.Env = append(process.Env, k+"="+v)
		}
		process.Stderr = os.Stderr
		out, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
		return process, bufio.NewScanner(out)
	}
	_, other := begin("b")
	strange := make(chan string, 1)
	go func() {
		for other.Scan() {
			strange <- other.Text()
		}
		close(strange)
	}()
	first, out := begin("a")
	ids := map[string]bool{h.create(): true, h.create(): true, h.create(): true}
	for range ids {
		if !out.Scan() || !strings.HasSuffix(out.Text(), " 1") {
			t.Fatalf("the first receiver says %q", out.Text())
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	h.pass(2 * time.Minute)
	_, out = begin("a")
	for range ids {
		// the killed one's held request may have been given a command, and given it back, before the manager saw that it had gone
		if !out.Scan() || strings.HasSuffix(out.Text(), " 1") {
			t.Fatalf("the second receiver says %q", out.Text())
		}
	}
	for id := range ids {
		if s := h.status(id, "Prefer", "wait=30"); s.State != wire.Succeeded || s.Attempt < 2 || s.Target != target("a") {
			t.Errorf("%s: %+v", id, s)
		}
	}
	select {
	case line := <-strange:
		t.Errorf("another target got %q", line)
	default:
	}
}
