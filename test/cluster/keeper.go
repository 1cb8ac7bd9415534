package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// keeper is the process that outlives `up`: it starts the parts, starts them again, and takes orders on a socket.
type keeper struct {
	layout   layout
	settings settings
	parts    []*part
	started  chan struct{} // closed when every part has been started
	failed   error         // set before that
}

// keep runs the cluster until the context ends.
func keep(ctx context.Context, l layout) error {
	lock, err := takeLock(l.lock())
	if err != nil {
		return fmt.Errorf("cannot keep the cluster in %s: %w", l.dir, err)
	}
	defer lock.Close()
	k := &keeper{layout: l, started: make(chan struct{})}
	if k.settings, err = prepare(l); err != nil {
		return err
	}
	k.parts = parts(l, k.settings)
	defer k.haltAll()
	images, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", k.settings.RegistryPort))
	if err != nil {
		return fmt.Errorf("cannot listen for the registry: %w", err)
	}
	if err := os.Remove(l.control()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	orders, err := net.Listen("unix", l.control())
	if err != nil {
		return fmt.Errorf("cannot listen for orders: %w", err)
	}
	defer orders.Close() // before the parts stop: who can give orders may take the cluster for running
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(images, registry.New(registry.Logger(log.New(io.Discard, "", 0)))) }()
	go func() { ended <- http.Serve(orders, k.orders()) }()
	go func() { k.failed = k.startAll(ctx); close(k.started) }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// prepare writes and makes all that the parts expect to find.
func prepare(l layout) (settings, error) {
	s, err := loadSettings(l)
	if err != nil {
		return s, err
	}
	for _, step := range []func(layout, settings) error{writeIdentities, writeConfigs, makeControlGroup, makeBridge} {
		if err := step(l, s); err != nil {
			return s, err
		}
	}
	return s, nil
}

// startAll starts the parts. The kubelet comes last: it needs the pause image.
func (k *keeper) startAll(ctx context.Context) error {
	for _, p := range k.parts {
		if p.name == "kubelet" {
			if err := importPause(ctx, k.layout); err != nil {
				return err
			}
		}
		if err := p.start(k.layout); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) haltAll() {
	for _, p := range slices.Backward(k.parts) {
		p.halt()
	}
}

// orders is what the keeper can be told to do.
func (k *keeper) orders() http.Handler {
	mux := http.NewServeMux()
	order := func(pattern string, do func(*http.Request) (string, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			said, err := do(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, said)
		})
	}
	order("POST /ready", k.ready)
	order("POST /stop", k.stop)
	order("POST /start", k.start)
	order("POST /images", func(r *http.Request) (string, error) { return importImages(r.Context(), k.layout, r.Body) })
	return mux
}

// ready waits until the cluster can run pods.
func (k *keeper) ready(r *http.Request) (string, error) {
	select {
	case <-k.started:
	case <-r.Context().Done():
		return "", r.Context().Err()
	}
	if k.failed != nil {
		return "", k.failed
	}
	return "", awaitNode(r.Context(), k.layout)
}

func (k *keeper) stop(r *http.Request) (string, error) {
	p, err := find(k.parts, r.URL.Query().Get("part"))
	if err == nil {
		p.halt()
	}
	return "", err
}

func (k *keeper) start(r *http.Request) (string, error) {
	p, err := find(k.parts, r.URL.Query().Get("part"))
	if err == nil {
		err = p.start(k.layout)
	}
	if err == nil && p.name == apiServer {
		err = awaitServer(r.Context(), k.layout)
	}
	return "", err
}

var errNoAnswer = errors.New("the keeper does not answer")

// control gives the keeper an order and waits until it is done.
func control(ctx context.Context, l layout, order string, body io.Reader) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return dialControl(l)
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cluster"+order, body)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", order, said)
	}
	_, err = os.Stdout.Write(said)
	return err
}

func dialControl(l layout) (net.Conn, error) { return net.Dial("unix", l.control()) }

// takeLock locks a file for as long as this process holds it open.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("another process has it: %w", err)
	}
	if err := file.Truncate(0); err != nil {
		return file, err
	}
	_, err = fmt.Fprintln(file, os.Getpid())
	return file, err
}

// every calls f now and at intervals until it gives no error, and gives the last error when the context ends.
func every(ctx context.Context, interval time.Duration, f func() error) error {
	again := time.NewTicker(interval)
	defer again.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
