// Command process measures alien's embedded process runtime against alien on Docker and against docker compose, in turns,
// and what the runtime's supervisor takes while it keeps many daemons.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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
	o := measure.Flags(1, 50)
	compose := flag.String("compose", "", "docker compose as a standalone `program`; empty leaves it out")
	o.Parse()
	if err := run(ctx, o, *compose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *measure.Options, compose string) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{dir: dir, daemons: kept}
	if o.Smoke {
		b.daemons = 2
	}
	if err := b.peersOf(ctx, o, compose); err != nil {
		return err
	}
	if err := b.measure(ctx, o); err != nil {
		return err
	}
	if err := b.supervisor(ctx); err != nil {
		return err
	}
	all, err := b.samples.Keep(o.Samples)
	if err != nil {
		return err
	}
	p := report{all, b.daemons}.page()
	p.Versions = b.versions
	return p.Publish(o.Docs)
}

// peersOf makes the image available to everybody, and the peers.
func (b *bench) peersOf(ctx context.Context, o *measure.Options, composePath string) error {
	img, err := testbed.BuildImage(testbed.Plain)
	if err != nil {
		return err
	}
	archive := filepath.Join(b.dir, "image.tar")
	if err := testbed.WriteArchive(testbed.DockerArchive, archive, img); err != nil {
		return err
	}
	home := []string{"XDG_STATE_HOME=" + filepath.Join(b.dir, "state"), "XDG_CACHE_HOME=" + filepath.Join(b.dir, "cache")}
	path, err := filepath.Abs(o.Alien)
	if err != nil {
		return err
	}
	b.process = alien{Program: measure.Program{Path: path, Env: home}, dir: b.dir, runtime: process, image: "docker-archive:" + archive}
	b.peers = []peer{b.process}
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	image, err := testbed.LoadImage(ctx, api, testbed.Plain)
	if err != nil {
		return err
	}
	info, err := api.Info(ctx)
	if err != nil {
		return err
	}
	b.versions = []string{fmt.Sprintf("Docker %s, storage driver %s, cgroup v%s", info.ServerVersion, info.Driver, info.CgroupVersion)}
	b.peers = append(b.peers, alien{Program: measure.Program{Path: path, Env: home}, dir: b.dir, runtime: docker, image: image},
		bare{floor.Engine{API: api, Image: image}})
	if composePath == "" {
		return nil
	}
	b.peers = append(b.peers, compose{measure.Program{Path: composePath}, b.dir, image})
	u, err := measure.Program{Path: composePath}.Run(ctx, "version", "--short")
	b.versions = append(b.versions, "docker compose "+strings.TrimSpace(u.Said))
	return err
}
