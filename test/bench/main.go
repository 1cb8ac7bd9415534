// Command bench measures alien against docker compose and against the floor, which is what the same work costs when a
// program does nothing but call the engine. All of them run in turns in one session, so that ratios mean something.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings is what the flags say.
type settings struct {
	alien, compose, out string
	sizes               []int
	rounds, versions    int
}

func options() settings {
	var s settings
	flag.StringVar(&s.alien, "alien", "bin/alien", "`program` to measure")
	flag.StringVar(&s.compose, "compose", "", "docker compose as a standalone `program`; empty leaves it out")
	flag.StringVar(&s.out, "o", "", "`file` to write the results to, beside standard output")
	flag.IntVar(&s.rounds, "rounds", 5, "how often everything is measured")
	s.sizes, s.versions = []int{1, 10, 50}, 51
	flag.Func("sizes", "how many `daemons`, as 1,10,50", func(text string) error {
		s.sizes = nil
		return json.Unmarshal([]byte("["+text+"]"), &s.sizes)
	})
	smoke := flag.Bool("smoke", false, "one daemon, once: shows that the benchmark still works")
	flag.Parse()
	if *smoke {
		s.sizes, s.rounds, s.versions = []int{1}, 1, 3
	}
	return s
}

func run(ctx context.Context, s settings) error {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer api.Close()
	image, err := testbed.LoadImage(ctx, api, testbed.Plain)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{api: api, rounds: s.rounds, peers: []peer{alien{program{path: s.alien, dir: dir}, image}, floor{api, image}}}
	if s.compose != "" {
		b.peers = append(b.peers, compose{program{path: s.compose, dir: dir}, image})
	}
	r, err := b.measure(ctx, s.sizes)
	if err != nil {
		return err
	}
	if r.Version, err = versions(ctx, s.alien, s.versions); err != nil {
		return err
	}
	if r.Machine, err = describe(ctx, api, s.compose); err != nil {
		return err
	}
	text := r.markdown()
	fmt.Print(text)
	if s.out == "" {
		return nil
	}
	return os.WriteFile(s.out, []byte(text), 0o644)
}
