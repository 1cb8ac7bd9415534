package manager_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/manager"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("MANAGER_DIR"); dir != "" {
		if err := serveFrom(dir, os.Getenv("MANAGER_ADDRESS")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv("RECEIVER") != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveFrom is the manager that is killed.
func serveFrom(dir, address string) error {
	ctx := context.Background()
	s, err := sqlite.Open(filepath.Join(dir, "m.db"))
	if err != nil {
		return err
	}
	files, err := store.OpenFiles(filepath.Join(dir, "blobs"))
	if err != nil {
		return err
	}
	_, err = manager.FirstAdmin(ctx, s, time.Now(), func(secret string) error {
		return os.WriteFile(filepath.Join(dir, "key"), []byte(secret), 0o600)
	})
	if err != nil {
		return err
	}
	m, err := manager.New(manager.Options{Store: s, Blobs: files, SigningKey: bytes.Repeat([]byte("k"), 32), Limits: manager.Limits{Rate: -1}})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return m.Serve(ctx, []net.Listener{l}, nil, time.Second)
}

// victim is a manager in a process of its own, always at the same address.
type victim struct {
	t            *testing.T
	dir, address string
	process      *exec.Cmd
}

func (v *victim) start() {
	v.t.Helper()
	v.process = exec.Command(os.Args[0])
	v.process.Env = append(os.Environ(), "MANAGER_DIR="+v.dir, "MANAGER_ADDRESS="+v.address)
	v.process.Stderr = os.Stderr
	out, err := v.process.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.process.Start(); err != nil {
		v.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		v.t.Fatalf("the manager did not start: %v", err)
	}
	v.address = strings.TrimSpace(line)
}

func (v *victim) kill() {
	v.t.Helper()
	if err := v.process.Process.Kill(); err != nil {
		v.t.Fatal(err)
	}
	_ = v.process.Wait() // it says that it was killed
}

// load is senders and receivers that go on through every kill, and what they were told.
type load struct {
	url, key string
	client   http.Client
	acked    chan struct{}

	mu       sync.Mutex
	target   map[string]string              // of every acknowledged command
	attempts map[string]int64               // the last one that was delivered
	answers  map[string]map[string]bool     // that were sent for a command
	ended    map[string]wire.StatusResponse // terminal states that somebody has read
	wrong    []string
}

// do makes one request; false where there was no good answer.
func (l *load) do(ctx context.Context, method, url string, message, answer any, token string) bool {
	body, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := l.client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return false
	}
	return answer == nil || wire.Unmarshal(text, answer) == nil
}

// pause is for while the manager is away.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Millisecond):
	}
}

func (l *load) failf(format string, args ...any) {
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

func (l *load) send(ctx context.Context, target string) {
	for n := 0; ctx.Err() == nil; n++ {
		var made wire.CreateResponse
		request := wire.CreateRequest{DeploymentID: "d", Command: "run", Params: wire.InlineBody(strconv.AppendInt(nil, int64(n), 10)), TargetResourceID: &target}
		if !l.do(ctx, "POST", l.url+wire.PathCommands, request, &made, l.key) {
			pause(ctx)
			continue
		}
		l.mu.Lock()
		l.target[made.CommandID] = target
		l.mu.Unlock()
		select {
		case l.acked <- struct{}{}:
		case <-ctx.Done():
		}
		l.look(ctx, made.CommandID)
	}
}

// look reads a command and holds its end against what was read before.
func (l *load) look(ctx context.Context, id string) (wire.StatusResponse, bool) {
	var s wire.StatusResponse
	if !l.do(ctx, "GET", l.url+"/v1/commands/"+id, nil, &s, l.key) {
		return s, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before, ok := l.ended[id]
	if ok && (before.State != s.State || before.Response.Body != s.Response.Body) {
		l.failf("%s ended as %+v and is %+v", id, before, s)
	}
	if s.State.Terminal() {
		l.ended[id] = s
		if s.Response == nil || !l.answers[id][s.Response.Body.InlineBase64] {
			l.failf("%s ended with what nobody sent: %+v", id, s.Response)
		}
	}
	return s, true
}

func (l *load) receive(ctx context.Context, target string, random *rand.Rand) {
	request := wire.LeaseRequest{DeploymentID: "d", Target: wire.Target{ResourceID: target, ResourceType: wire.Daemon}, MaxLeases: ptr(int64(4)), LeaseSeconds: ptr(int64(1))}
	for ctx.Err() == nil {
		var got wire.LeaseResponse
		if !l.do(ctx, "POST", l.url+wire.PathLeases, request, &got, l.key) || len(got.Leases) == 0 {
			pause(ctx)
			continue
		}
		for _, lease := range got.Leases {
			l.take(lease, target)
			if random.IntN(10) == 0 {
				continue // forgets it: the lease runs out
			}
			answer := wire.InlineBody([]byte(lease.LeaseID))
			l.mu.Lock()
			l.answers[lease.CommandID][answer.InlineBase64] = true
			l.mu.Unlock()
			l.do(ctx, "PUT", l.url+"/v1/commands/"+lease.Envelope.ResponseHandling.SubmitResponseURL, wire.SuccessResponse(answer), nil, "")
			l.look(ctx, lease.CommandID)
		}
	}
}

// take checks a delivery: to the right target, and each one a later attempt than the one before.
func (l *load) take(lease wire.Lease, target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := lease.CommandID
	if sent, ok := l.target[id]; ok && sent != target || lease.Envelope.Target.ResourceID != target {
		l.failf("%s for %s came to %s", id, l.target[id], target)
	}
	if lease.Attempt <= l.attempts[id] {
		l.failf("%s came as attempt %d after attempt %d", id, lease.Attempt, l.attempts[id])
	}
	l.attempts[id] = lease.Attempt
	if l.answers[id] == nil {
		l.answers[id] = map[string]bool{}
	}
}

// TestKilled kills the manager under load again and again. ALIEN_KILLS says how often.
func TestKilled(t *testing.T) {
	kills := 3
	if n, err := strconv.Atoi(os.Getenv("ALIEN_KILLS")); err == nil {
		kills = n
	}
	v := &victim{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	v.start()
	key, err := os.ReadFile(filepath.Join(v.dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	l := &load{url: "http://" + v.address, key: string(key), acked: make(chan struct{}), target: map[string]string{}, attempts: map[string]int64{},
		answers: map[string]map[string]bool{}, ended: map[string]wire.StatusResponse{}}
	ctx, cancel := context.WithCancel(t.Context())
	if !l.do(ctx, "PUT", l.url+"/v1/deployments/d", api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}, {ID: "b"}}}, nil, l.key) {
		t.Fatal("cannot register the deployment")
	}
	var all sync.WaitGroup
	for i, target := range []string{"a", "b", "a", "b"} {
		all.Go(func() { l.send(ctx, target) })
		all.Go(func() { l.receive(ctx, target, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range kills {
		for range 20 + random.IntN(60) {
			<-l.acked
		}
		v.kill()
		v.start()
	}
	// what was acknowledged has to end: receivers go on, senders only pass
	finish, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cancel()
	all.Wait()
	for i, target := range []string{"a", "b"} {
		all.Go(func() { l.receive(finish, target, rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	redelivered := l.settle(finish, t)
	stop()
	all.Wait()
	v.kill()
	for _, wrong := range l.wrong {
		t.Error(wrong)
	}
	t.Logf("%d kills, %d commands acknowledged, %d redelivered", kills, len(l.target), redelivered)
}

// settle waits until every acknowledged command has ended.
func (l *load) settle(ctx context.Context, t *testing.T) (redelivered int) {
	l.mu.Lock()
	ids := maps.Clone(l.target)
	l.mu.Unlock()
	for id := range ids {
		for {
			s, ok := l.look(ctx, id)
			if ok && s.State.Terminal() {
				if s.Attempt > 1 {
					redelivered++
				}
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s is lost: %+v", id, s)
			}
			pause(ctx)
		}
	}
	return redelivered
}

// TestClockMoved: leases last as long as was promised, whatever the clock shows.
func TestClockMoved(t *testing.T) {
	h := start(t)
	for _, by := range []time.Duration{48 * time.Hour, -96 * time.Hour} {
		h.create()
		l := h.leaseOne()
		h.setClock(by)
		if got := h.lease(target("a"), 1); len(got) != 0 {
			t.Errorf("moved by %s: leased twice", by)
		}
		h.pass(59 * time.Second)
		if got := h.lease(target("a"), 1); len(got) != 0 {
			t.Errorf("moved by %s: leased twice a second before the end", by)
		}
		h.pass(2 * time.Second)
		again := h.leaseOne()
		if again.CommandID != l.CommandID || again.Attempt != 2 {
			t.Errorf("moved by %s: %+v", by, again)
		}
		h.submit(again, done).is(200)
	}
}

// TestBrokenClients: who speaks no proper HTTP gets no good answer, and others go on.
func TestBrokenClients(t *testing.T) {
	h := start(t)
	address := strings.TrimPrefix(h.url, "http://")
	for name, text := range map[string]string{
		"huge header":    "GET /healthz HTTP/1.1\r\nHost: m\r\nX: " + strings.Repeat("x", 2<<20),
		"no HTTP":        "\x16\x03\x01\x02\x00\x01",
		"half a body":    "POST /v1/commands HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer " + h.admin + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"negative":       "POST /v1/commands HTTP/1.1\r\nHost: m\r\nContent-Length: -1\r\n\r\n",
		"smuggled":       "POST /v1/commands HTTP/1.1\r\nHost: m\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"path traversal": "GET /v1/blobs/..%2f..%2fm.db/params?op=get&expires=1&sig=x HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, text) // the server may close first
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			answer, err := io.ReadAll(c)
			if err != nil && !errors.Is(err, net.ErrClosed) && len(answer) == 0 {
				t.Logf("cut off: %v", err)
			}
			if bytes.HasPrefix(answer, []byte("HTTP/1.1 2")) {
				t.Errorf("it was answered %s", answer)
			}
			_ = c.Close()
		})
	}
	h.create() // others go on
}
