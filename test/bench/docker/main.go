// Command docker measures alien against docker compose and against the floor, which is what the same work costs when a
// program does nothing but call the engine. All of them run in turns in one session, so that ratios mean something.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/testbed"
	"github.com/alienplatform/alien-go/test/bench/floor"
	"github.com/alienplatform/alien-go/test/bench/measure"
)

func main() {
	if code, yes := measure.Launched(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := measure.Flags(1, 10, 50)
	compose := flag.String("compose", "", "docker compose as a standalone `program`; empty leaves it out")
	o.Parse()
	if err := run(ctx, o, *compose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *measure.Options, composePath string) error {
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
	b := bench{api: api, peers: []peer{alien{measure.Program{Path: o.Alien}, dir, image}, bare{floor.Engine{API: api, Image: image}}}}
	if composePath != "" {
		b.peers = append(b.peers, compose{measure.Program{Path: composePath}, dir, image})
	}
	if err := b.measure(ctx, o); err != nil {
		return err
	}
	all, err := b.samples.Keep(o.Samples)
	if err != nil {
		return err
	}
	p := page(all)
	if p.Versions, err = versions(ctx, api, composePath); err != nil {
		return err
	}
	return p.Publish(o.Docs)
}

// versions says what was measured against.
func versions(ctx context.Context, api *client.Client, composePath string) ([]string, error) {
	info, err := api.Info(ctx)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("Docker %s, storage driver %s, cgroup v%s", info.ServerVersion, info.Driver, info.CgroupVersion)}
	if composePath == "" {
		return lines, nil
	}
	u, err := measure.Program{Path: composePath}.Run(ctx, "version", "--short")
	return append(lines, "docker compose "+strings.TrimSpace(u.Said)), err
}
