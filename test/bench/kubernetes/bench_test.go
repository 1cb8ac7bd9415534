package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/test/bench/measure"
)

func TestPage(t *testing.T) {
	var all measure.Samples
	for who, times := range map[string]map[int]time.Duration{
		"alien": {1: 1900 * time.Millisecond, 50: 9 * time.Second},
		hasty:   {1: 900 * time.Millisecond, 50: 8 * time.Second}, "kubectl": {1: time.Second, 50: 16 * time.Second}, "helm": {1: 2 * time.Second, 50: 20 * time.Second},
	} {
		for n, took := range times {
			all = append(all, measure.Sample{Key: measure.Key{Who: who, Size: n, What: up}, Took: took, Peak: 20 << 20})
		}
	}
	got := page(all).Markdown()
	for _, want := range []string{
		"| 1 | up | 1.900 | 0.900 | 1.000 | 2.000 | 1.11 | 2.22 |\n", "| 50 | up | 9.000 | 8.000 | 16.000 | 20.000 | 2.00 | 2.50 |\n",
		"| 1: up not slower than kubectl | yes |\n", "| 50: up 1.8 × faster than kubectl | yes |\n", "| 50: unchanged up 2 × faster than helm upgrade | **no** |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestChart(t *testing.T) {
	dir := t.TempDir()
	if err := (helm{image: "an/image:1", chart: dir}).write(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "templates", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"image: an/image:1", `name: {{ printf "d%02d" $i }}`, `value: "{{ $.Values.version }}"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
