package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

func (m *manager) metrics(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", m.url+"/metrics", nil)
	if err != nil {
		return "", err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// results are everything that was measured.
type results struct {
	trips      []time.Duration // sorted
	perSecond  float64
	perCommand time.Duration // of the manager's processor
	idleCores  float64
	idleMemory int64
	memory     []sample
}

type sample struct{ commands, bytes int64 }

// quantile of the round trips, q from 0 to 1.
func (r *results) quantile(q float64) time.Duration {
	if len(r.trips) == 0 {
		return 0
	}
	return r.trips[min(int(q*float64(len(r.trips))), len(r.trips)-1)]
}

// flat says whether memory in the second half of the long run stays within a tenth and 16 MB of the first's.
func (r *results) flat() bool {
	half := len(r.memory) / 2
	if half == 0 {
		return false
	}
	peak := func(part []sample) (most int64) {
		for _, s := range part {
			most = max(most, s.bytes)
		}
		return most
	}
	before := peak(r.memory[:half])
	return peak(r.memory[half:]) <= before+before/10+16<<20
}

func (r *results) page(s sizes) measure.Page {
	memory := measure.Table{Head: []string{"commands so far", "memory"}}
	for _, m := range r.memory {
		memory.Rows = append(memory.Rows, []string{fmt.Sprint(m.commands), measure.Bytes(m.bytes)})
	}
	return measure.Page{
		Name: "commands", Title: "Commands: the manager, our sender and our receiver",
		Intro: "`alien serve` on the loopback and the disk, with senders and receivers on the same machine, which take their share of its " +
			"cores. Every step of a command is on the disk before it is acknowledged. Upstream's receiver asks every 5 to 30 s and its " +
			"sender every 0.5 to 5 s: with their defaults a command takes 5 s and more on an idle daemon; ours are told.",
		Sections: []measure.Section{
			{Title: "One command after the other", Text: fmt.Sprintf("%d commands from `commands.Invoke` to a `receiver` and back.", s.trips),
				Table: measure.Table{Head: []string{"p50", "p90", "p99", "longest"}, Rows: [][]string{{
					measure.Milliseconds(r.quantile(.5)), measure.Milliseconds(r.quantile(.9)), measure.Milliseconds(r.quantile(.99)), measure.Milliseconds(r.quantile(1))}}}},
			{Title: "As many as it takes", Text: fmt.Sprintf("%d commands, created over %d connections, leased by %d receivers and answered over %d connections.",
				s.many, senders, receivers, receivers*answerers),
				Table: measure.Table{Head: []string{"commands a second", "the manager's processor for each"}, Rows: [][]string{{
					fmt.Sprintf("%.0f", r.perSecond), fmt.Sprintf("%d µs", r.perCommand.Microseconds())}}}},
			{Title: "Receivers that wait", Text: fmt.Sprintf("%d receivers, each with a held request on a connection of its own, watched for %s.", s.idle, s.watch),
				Table: measure.Table{Head: []string{"memory", "cores"}, Rows: [][]string{{measure.Bytes(r.idleMemory), fmt.Sprintf("%.3f", r.idleCores)}}}},
			{Title: "Memory over many commands", Text: fmt.Sprintf("%d commands; finished ones are removed after 20 s.", s.long), Table: memory},
		},
		Goals: []measure.Goal{
			{What: "round trip on the loopback: p50 at most 10 ms", Reached: r.quantile(.5) <= 10*time.Millisecond},
			{What: "round trip on the loopback: p99 at most 50 ms", Reached: r.quantile(.99) <= 50*time.Millisecond},
			{What: "at least 3,000 commands a second, durable", Reached: r.perSecond >= 3000},
			{What: "2,000 waiting receivers within 200 MB", Reached: s.idle >= 2000 && r.idleMemory <= 200e6},
			{What: "2,000 waiting receivers within a tenth of a core", Reached: s.idle >= 2000 && r.idleCores <= .1},
			{What: "memory flat over a million commands", Reached: s.long >= 1_000_000 && r.flat()},
		},
	}
}
