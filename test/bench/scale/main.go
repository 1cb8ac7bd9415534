// Command scale shows how calls, time and memory grow with the size of a stack, against an API server whose pods no
// kubelet runs: no node fits them, and their status is written by this program instead.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alienplatform/alien-go/internal/k8s/kube"
	"github.com/alienplatform/alien-go/test/bench/measure"
)

func main() {
	if code, yes := measure.Launched(); yes {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := measure.Flags(10, 100, 1000)
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "`file` that names the cluster")
	o.Parse()
	if err := run(ctx, o, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// The steps, in their order.
const (
	first     = "diff of a new stack"
	up        = "up"
	unchanged = "diff of an unchanged stack"
	status    = "status"
	down      = "down"
)

// row is what one step took.
type row struct {
	size          int
	step          string
	used          measure.Usage
	calls, writes int
	applied       time.Duration // until the last Deployment was applied
}

func run(ctx context.Context, o *measure.Options, kubeconfig string) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var rows []row
	for _, n := range o.Sizes {
		some, err := one(ctx, o.Alien, kubeconfig, dir, n)
		if err != nil {
			return fmt.Errorf("%d daemons: %w", n, err)
		}
		rows = append(rows, some...)
	}
	return page(rows).Publish(o.Docs)
}

// one goes through the steps with a stack of n daemons.
func one(ctx context.Context, alien, kubeconfig, dir string, n int) ([]row, error) {
	namespace := fmt.Sprintf("scale-%d-%d", n, os.Getpid())
	api, err := connect(kubeconfig, namespace)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	if err := api.Create(ctx, kube.Namespaces, "bench", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}}, nil); err != nil {
		return nil, err
	}
	defer func() { _ = api.Delete(context.WithoutCancel(ctx), kube.Namespaces, namespace, nil) }()
	pretending, stop := context.WithCancel(ctx)
	pretended := make(chan error, 1)
	go func() { pretended <- pretend(pretending, api) }()
	defer func() { stop(); <-pretended }()
	counter, err := count(dir, kubeconfig)
	if err != nil {
		return nil, err
	}
	defer counter.close()
	file := filepath.Join(dir, "alien.yaml")
	if err := os.WriteFile(file, manifest(n), 0o600); err != nil {
		return nil, err
	}
	program := measure.Program{Path: alien, Env: []string{"KUBECONFIG=" + counter.kubeconfig}}
	var rows []row
	for _, s := range []string{first, up, unchanged, status, down} {
		args := map[string][]string{first: {"diff"}, up: {"up", "--timeout", "30m"}, unchanged: {"diff"}, status: {"status"}, down: {"down"}}[s]
		counter.reset()
		used, err := program.Run(ctx, append(append([]string{"daemon"}, args...), "-p", "kubernetes", "-n", namespace, "-f", file)...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		fmt.Fprintf(os.Stderr, "%4d %-28s %8.3f s\n", n, s, used.Took.Seconds())
		r := row{size: n, step: s, used: used}
		r.calls, r.writes, r.applied = counter.counts()
		rows = append(rows, r)
	}
	return rows, nil
}

// manifest is a stack of n daemons that no node takes.
func manifest(n int) []byte {
	var b strings.Builder
	b.WriteString("name: scale\ndaemons:\n")
	for i := range n {
		fmt.Fprintf(&b, "  d%04d: { image: \"alien.test/none:1\", command: [/daemon, run], environment: { N: \"%d\" }, kubernetes: { nodeSelector: { example.com/no-such-node: \"true\" } } }\n", i, i)
	}
	return []byte(b.String())
}

func page(rows []row) measure.Page {
	t := measure.Table{Head: []string{"daemons", "step", "seconds", "last Deployment applied after", "calls", "writes", "calls per daemon", "peak memory"}}
	p := measure.Page{Name: "scale", Title: "How alien grows with a stack on Kubernetes",
		Intro: "Written by `make bench-scale`, in one round. No kubelet takes part: no node fits the pods, and the benchmark writes their status as\n" +
			"soon as the cluster has made them. So `up` takes as long as the cluster's controllers, which make a few ReplicaSets and pods\n" +
			"a second; the column beside it says when alien had applied the last Deployment. A call is a request to the API server, a watch\n" +
			"being one; writes are those that may change something."}
	for _, r := range rows {
		applied := "–"
		if r.applied > 0 {
			applied = measure.Seconds(r.applied)
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(r.size), r.step, measure.Seconds(r.used.Took), applied, strconv.Itoa(r.calls), strconv.Itoa(r.writes),
			fmt.Sprintf("%.2f", float64(r.calls)/float64(r.size)), measure.Bytes(r.used.Peak)})
		if r.step == up {
			p.Goals = append(p.Goals, measure.Goal{What: fmt.Sprintf("%d: at most two writes per created daemon", r.size), Reached: r.writes <= 2*r.size})
		}
		if r.size == 1000 && (r.step == first || r.step == unchanged) {
			p.Goals = append(p.Goals, measure.Goal{What: "1000: " + r.step + " under 2 s", Reached: r.used.Took < 2*time.Second})
		}
	}
	p.Sections = []measure.Section{{Table: t}}
	return p
}
