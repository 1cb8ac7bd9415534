// Command commands measures alien's manager of commands: how long one command takes from the sender to the receiver and back,
// how many a second it keeps up with, what receivers cost that wait, and whether its memory stays flat.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

func main() {
	if code, yes := measure.Launched(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := measure.Flags(2000)
	s := sizes{}
	flag.IntVar(&s.trips, "trips", 5000, "how many commands are sent one after the other")
	flag.IntVar(&s.many, "many", 60_000, "how many commands are sent at once, as fast as they go")
	flag.IntVar(&s.idle, "idle", 2000, "how many receivers wait")
	flag.IntVar(&s.long, "long", 1_000_000, "how many commands are sent to see whether memory stays flat")
	flag.DurationVar(&s.watch, "watch", 30*time.Second, "how long the waiting receivers are watched")
	o.Parse()
	if o.Smoke {
		s = sizes{trips: 20, many: 200, idle: 20, long: 500, watch: 200 * time.Millisecond}
	}
	if err := run(ctx, o, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sizes say how much is measured.
type sizes struct {
	trips, many, idle, long int
	watch                   time.Duration
}

func run(ctx context.Context, o *measure.Options, s sizes) error {
	var r results
	for _, step := range []struct {
		what    string
		measure func(context.Context, *manager, sizes, *results) error
	}{
		{"round trips", roundTrips}, {"many at once", throughput}, {"idle receivers", idle}, {"memory", memory},
	} {
		fmt.Fprintln(os.Stderr, step.what)
		// each with a manager of its own, so that none pays for another
		m, err := startManager(ctx, o.Alien)
		if err != nil {
			return err
		}
		err = step.measure(ctx, m, s, &r)
		if err := m.stop(err); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return r.page(s).Publish(o.Docs)
}
