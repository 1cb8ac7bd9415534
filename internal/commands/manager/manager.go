// Package manager is the server of the commands protocol: it keeps commands, gives them to the receivers they are addressed
// to, takes their answers, and serves the API by which deployments and tokens are registered.
package manager

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
)

// Options say how a manager works. Store, Blobs and SigningKey are required; what else is zero takes its default.
type Options struct {
	Store      store.Store
	Blobs      store.Blobs
	SigningKey []byte       // secret, the same after a restart: signed URLs outlive it
	BaseURL    string       // of this manager, as others reach it, without /v1; "" takes it from each request
	Log        *slog.Logger // gets no token, URL with a signature, or body
	Now        func() time.Time
	Elapsed    func() time.Duration // since any moment, by a clock that nobody sets
	Limits     Limits
}

// Limits bound what clients can use. Zero takes the default.
type Limits struct {
	Body      int64         // bytes of a request, 2 MiB
	Blob      int64         // bytes of a large body, 1 GiB
	Header    int           // bytes of a request's header, 16 KiB
	Polls     int64         // requests held at a time, 10,000; those beyond are answered at once
	Wait      time.Duration // the longest that a request is held, 60 s
	Rate      float64       // requests per second and token, 2,000; negative for any
	Retention time.Duration // how long finished commands are kept, 24 h
}

func (l Limits) orDefault() Limits {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Body, 2<<20)
	def(&l.Blob, 1<<30)
	def(&l.Polls, 10_000)
	def((*int64)(&l.Wait), int64(time.Minute))
	def((*int64)(&l.Retention), int64(24*time.Hour))
	if l.Header == 0 {
		l.Header = 16 << 10
	}
	if l.Rate == 0 {
		l.Rate = 2000
	}
	return l
}

// keyLife is how long an idempotency key stands for a command.
const keyLife = 24 * time.Hour

// Manager serves. Run has to be running beside its handler.
type Manager struct {
	Options
	signer signer
	waits  hub
	alarm  alarm
	clock  clock
	polls  polls
	rates  rates
	// revocations counts what may have made tokens invalid.
	revocations atomic.Uint64
	metrics     *metrics
	timeouts    timeouts
	draining    chan struct{} // closed when no request is held any more
	drain       sync.Once
}

// New makes a manager. Beyond reading what it has to know, it does nothing before Run and its handler are.
func New(o Options) (*Manager, error) {
	if o.Store == nil || o.Blobs == nil || len(o.SigningKey) < 32 {
		return nil, errors.New("a manager needs a store, a place for blobs and a signing key of 32 bytes or more")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Elapsed == nil {
		began := time.Now()
		o.Elapsed = func() time.Duration { return time.Since(began) }
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	o.Limits = o.Limits.orDefault()
	m := &Manager{Options: o, signer: signer{o.SigningKey}, draining: make(chan struct{}), metrics: newMetrics(), timeouts: usual}
	m.clock = clock{now: o.Now, elapsed: o.Elapsed}
	m.alarm = alarm{now: o.Now, poked: make(chan struct{}, 1)}
	m.rates.perSecond = o.Limits.Rate
	written, err := o.Store.Polls(context.Background())
	m.polls.load(written)
	return m, err
}

// Drain answers every held request and holds no more. It is the first step of an orderly end.
func (m *Manager) Drain() { m.drain.Do(func() { close(m.draining) }) }

// newID is a prefix, the time so that ids sort by it, and 95 random bits: 28 characters of 0-9a-z.
func newID(prefix string, now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 36)
	if len(at) < 9 {
		at = strings.Repeat("0", 9-len(at)) + at
	}
	return prefix + at + random(19)
}

var alphabet = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// random is n characters of five random bits each.
func random(n int) string {
	b := make([]byte, (n*5+7)/8)
	_, _ = rand.Read(b) // it never fails
	return alphabet.EncodeToString(b)[:n]
}

// tell logs an error of work that nobody waits for.
func (m *Manager) tell(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		m.Log.Error(what, "error", err)
	}
}
