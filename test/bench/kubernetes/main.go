// Command kubernetes measures alien against kubectl and helm on a cluster of one node. All of them run in turns in one
// session, so that ratios mean something.
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

	"github.com/alienplatform/alien-go/test/bench/measure"
)

func main() {
	if code, yes := measure.Launched(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := measure.Flags(1, 10, 50)
	kubectl := flag.String("kubectl", "", "kubectl `program`; empty leaves it out")
	helm := flag.String("helm", "", "helm `program`; empty leaves it out")
	image := flag.String("image", "", "`reference` of the test daemon's image, which the node has")
	o.Parse()
	if err := run(ctx, o, *kubectl, *helm, *image); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *measure.Options, kubectlPath, helmPath, image string) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := connect(ctx)
	if err != nil {
		return err
	}
	if image == "" {
		if image, err = c.giveImage(ctx, dir); err != nil {
			return err
		}
	}
	program := measure.Program{Path: o.Alien, Env: c.env()}
	b := bench{cluster: c, peers: []peer{alien{program, image, dir, false}, alien{program, image, dir, true}}}
	if kubectlPath != "" {
		b.peers = append(b.peers, kubectl{measure.Program{Path: kubectlPath, Env: c.env()}, image, dir})
	}
	if helmPath != "" {
		// what helm keeps of its own goes where nothing of a developer's is
		env := append(c.env(), "HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir, "HELM_DATA_HOME="+dir)
		b.peers = append(b.peers, helm{measure.Program{Path: helmPath, Env: env}, image, filepath.Join(dir, "chart")})
	}
	if err := b.measure(ctx, o); err != nil {
		return err
	}
	all, err := b.samples.Keep(o.Samples)
	if err != nil {
		return err
	}
	p := page(all)
	if p.Versions, err = versions(ctx, c, kubectlPath, helmPath); err != nil {
		return err
	}
	return p.Publish(o.Docs)
}

// versions says what was measured against.
func versions(ctx context.Context, c *cluster, kubectlPath, helmPath string) ([]string, error) {
	var lines []string
	if kubectlPath != "" {
		u, err := measure.Program{Path: kubectlPath, Env: c.env()}.Run(ctx, "version")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(u.Said) {
			lines = append(lines, "kubectl: "+strings.TrimSpace(line))
		}
	}
	if helmPath != "" {
		u, err := measure.Program{Path: helmPath}.Run(ctx, "version", "--short")
		if err != nil {
			return nil, err
		}
		lines = append(lines, "helm "+strings.TrimSpace(u.Said))
	}
	return lines, nil
}
