package manager

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// metrics are few, and none is labelled with what users name: a text of Prometheus' format is a page of code, where its client
// brings a dozen modules that every other command would start with.
type metrics struct {
	created, leases, redelivered atomic.Int64
	ended                        map[wire.State]*atomic.Int64
	mu                           sync.Mutex
	routes                       map[string]*routeMetrics
}

// buckets are the upper bounds of the histogram, in seconds.
var buckets = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60}

type routeMetrics struct {
	mu      sync.Mutex
	classes [6]int64 // of statuses, by their first digit
	buckets [len(buckets)]int64
	count   int64
	seconds float64
}

func newMetrics() *metrics {
	m := &metrics{ended: map[wire.State]*atomic.Int64{}, routes: map[string]*routeMetrics{}}
	for _, s := range []wire.State{wire.Succeeded, wire.Failed, wire.Expired} {
		m.ended[s] = &atomic.Int64{}
	}
	return m
}

func (m *metrics) finished(s wire.State) { m.ended[s].Add(1) }

func (m *metrics) leased(attempt int64) {
	m.leases.Add(1)
	if attempt > 1 {
		m.redelivered.Add(1)
	}
}

// route gives the function that counts the requests of a route.
func (m *metrics) route(name string) func(status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &routeMetrics{}
	m.routes[name] = r
	return r.observe
}

func (r *routeMetrics) observe(status int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.classes[min(max(status/100, 0), 5)]++
	r.count++
	r.seconds += took.Seconds()
	for i, bound := range buckets {
		if took.Seconds() <= bound {
			r.buckets[i]++
		}
	}
}

// write writes everything as Prometheus reads it.
func (m *metrics) write(w io.Writer, held int64) error {
	b := bufio.NewWriter(w)
	head := func(name, kind, help string) { fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	one := func(name, kind, help string, value int64) {
		head(name, kind, help)
		fmt.Fprintf(b, "%s %d\n", name, value)
	}
	one("alien_commands_created_total", "counter", "Commands created.", m.created.Load())
	one("alien_commands_leased_total", "counter", "Leases given out.", m.leases.Load())
	one("alien_commands_redelivered_total", "counter", "Leases of commands that were out before.", m.redelivered.Load())
	one("alien_requests_held", "gauge", "Requests that are held until there is something to say.", held)
	head("alien_commands_finished_total", "counter", "Commands that ended, by state.")
	for _, s := range slices.Sorted(maps.Keys(m.ended)) {
		fmt.Fprintf(b, "alien_commands_finished_total{state=%q} %d\n", s, m.ended[s].Load())
	}
	m.writeRoutes(b, head)
	return b.Flush()
}

func (m *metrics) writeRoutes(w io.Writer, head func(name, kind, help string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := slices.Sorted(maps.Keys(m.routes))
	head("alien_http_requests_total", "counter", "Requests, by route and class of status.")
	for _, name := range names {
		r := m.routes[name]
		r.mu.Lock()
		for class, n := range r.classes {
			if n > 0 {
				fmt.Fprintf(w, "alien_http_requests_total{route=%q,status=\"%dxx\"} %d\n", name, class, n)
			}
		}
		r.mu.Unlock()
	}
	head("alien_http_request_duration_seconds", "histogram", "How long requests took, the time that they were held included.")
	for _, name := range names {
		m.routes[name].write(w, name)
	}
}

func (r *routeMetrics) write(w io.Writer, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 {
		return
	}
	const metric = "alien_http_request_duration_seconds"
	for i, bound := range buckets {
		fmt.Fprintf(w, "%s_bucket{route=%q,le=\"%g\"} %d\n", metric, name, bound, r.buckets[i])
	}
	fmt.Fprintf(w, "%s_bucket{route=%q,le=\"+Inf\"} %d\n", metric, name, r.count)
	fmt.Fprintf(w, "%s_sum{route=%q} %g\n%s_count{route=%q} %d\n", metric, name, r.seconds, metric, name, r.count)
}
