package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/client"
	"github.com/docker/go-units"
)

// settle is for how long alien watches a daemon that has started before it calls it ready.
const settle = 500 * time.Millisecond

// markdown is the page of the results.
func (r result) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Benchmarks

Written by %smake bench%s, which measures alien against docker compose and against the floor in turns, in one session:
medians of %d. The floor is a program that does nothing but call the engine, 4 calls at once. Each daemon is one small
static program without a health check. compose works as it does by itself, with a network of its own.

alien's times contain the settle time of %d ms, for which it watches that a daemon which started does not die at once.
compose has no such time: it calls a service up as soon as its container runs. All times are in seconds.

`, "`", "`", r.rounds, settle.Milliseconds())
	b.WriteString("| daemons | step | alien | compose | floor | compose ÷ alien | alien ÷ (floor + settle) |\n|--:|---|--:|--:|--:|--:|--:|\n")
	for _, n := range r.sizes() {
		for _, s := range steps {
			r.row(&b, n, s)
		}
	}
	r.gaps(&b)
	r.memory(&b)
	r.verdicts(&b)
	b.WriteString("\n## The machine\n\n")
	for _, line := range r.Machine {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return b.String()
}

func (r result) row(b *strings.Builder, n int, s step) {
	ours, theirs, least := r.took(key{"alien", n, s}), r.took(key{"compose", n, s}), r.took(key{"floor", n, s})
	overFloor := "–"
	if s == up || s == update {
		overFloor = ratio(ours, least+settle)
	}
	fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | %s |\n", n, s, seconds(ours), seconds(theirs), seconds(least), ratio(theirs, ours), overFloor)
}

// gaps tells how long daemons are away in an update.
func (r result) gaps(b *strings.Builder) {
	b.WriteString("\n## The gap in an update\n\nFrom the end of the old process to the start of the new one, median over the daemons, by the engine's events.\n\n")
	b.WriteString("| daemons | alien | compose | floor |\n|--:|--:|--:|--:|\n")
	for _, n := range r.sizes() {
		fmt.Fprintf(b, "| %d | %s | %s | %s |\n", n, seconds(r.gap(key{"alien", n, update})),
			seconds(r.gap(key{"compose", n, update})), seconds(r.gap(key{"floor", n, update})))
	}
}

// memory tells the most memory that each program had resident.
func (r result) memory(b *strings.Builder) {
	b.WriteString("\n## Peak memory\n\n| daemons | alien | compose |\n|--:|--:|--:|\n")
	for _, n := range r.sizes() {
		fmt.Fprintf(b, "| %d | %s | %s |\n", n, resident(r.peak("alien", n)), resident(r.peak("compose", n)))
	}
	fmt.Fprintf(b, "\n`alien version` takes %s ms (median).\n", milliseconds(r.Version))
}

// peak is the highest median over the steps.
func (r result) peak(peer string, n int) int64 {
	var most int64
	for _, s := range steps {
		most = max(most, r.of(key{peer, n, s}, func(s sample) int64 { return s.maxRSS }))
	}
	return most
}

// goal is something we set out to reach.
type goal struct {
	what    string
	reached bool
}

func (r result) goals() []goal {
	t := func(peer string, n int, s step) time.Duration { return r.took(key{peer, n, s}) }
	var all []goal
	for _, n := range r.sizes() {
		all = append(all,
			goal{fmt.Sprintf("%d: up within 1.15 × (floor + settle)", n), less(t("alien", n, up), t("floor", n, up)+settle, 1/1.15)},
			goal{fmt.Sprintf("%d: status not slower than compose ps", n), less(t("alien", n, status), t("compose", n, status), 1)},
			goal{fmt.Sprintf("%d: gap shorter than compose's", n), less(r.gap(key{"alien", n, update}), r.gap(key{"compose", n, update}), 1)},
			goal{fmt.Sprintf("%d: peak memory below compose's", n), r.peak("alien", n) < r.peak("compose", n)},
		)
	}
	return append(all,
		goal{"50: up 1.7 × faster than compose", less(t("alien", 50, up), t("compose", 50, up), 1.7)},
		goal{"50: unchanged up 4 × faster than compose's", less(t("alien", 50, unchanged), t("compose", 50, unchanged), 4)},
		goal{"alien version under 20 ms", r.Version < 20*time.Millisecond},
	)
}

// less says whether ours is at least factor times faster than theirs.
func less(ours, theirs time.Duration, factor float64) bool {
	return ours > 0 && float64(ours)*factor <= float64(theirs)
}

func (r result) verdicts(b *strings.Builder) {
	if !slices.Contains(r.sizes(), 50) || r.took(key{"compose", 50, up}) == 0 {
		return
	}
	b.WriteString("\n## What we set out to reach\n\n| goal | reached |\n|---|---|\n")
	for _, g := range r.goals() {
		fmt.Fprintf(b, "| %s | %s |\n", g.what, map[bool]string{true: "yes", false: "**no**"}[g.reached])
	}
}

func (r result) sizes() []int {
	var all []int
	for k := range r.samples {
		if !slices.Contains(all, k.size) {
			all = append(all, k.size)
		}
	}
	slices.Sort(all)
	return all
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func resident(n int64) string {
	if n == 0 {
		return "–"
	}
	return units.BytesSize(float64(n))
}

// describe says what the numbers were measured on.
func describe(ctx context.Context, api *client.Client, compose string) ([]string, error) {
	info, err := api.Info(ctx)
	if err != nil {
		return nil, err
	}
	lines := []string{
		fmt.Sprintf("%d cores (%s), %s of memory", info.NCPU, processor(), units.BytesSize(float64(info.MemTotal))),
		fmt.Sprintf("%s, kernel %s, %s", info.OperatingSystem, info.KernelVersion, info.Architecture),
		fmt.Sprintf("Docker %s, storage driver %s, cgroup v%s", info.ServerVersion, info.Driver, info.CgroupVersion),
		"built with " + runtime.Version(),
	}
	if compose != "" {
		said, err := exec.CommandContext(ctx, compose, "version", "--short").Output()
		if err != nil {
			return nil, fmt.Errorf("%s version: %w", compose, err)
		}
		lines = append(lines, "docker compose "+strings.TrimSpace(string(said)))
	}
	return append(lines, "measured on "+time.Now().UTC().Format(time.DateOnly)), nil
}

// processor is the name of the processor where Linux tells it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
