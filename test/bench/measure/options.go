// Package measure holds what the benchmarks share: running a program and taking its time and memory, samples and their
// medians, the machine, and the pages of docs/benchmarks.
package measure

import (
	"encoding/json"
	"flag"
)

// Options are the flags that every benchmark has.
type Options struct {
	Alien   string // the program that is measured
	Sizes   []int  // with how many daemons (or whatever it counts)
	Rounds  int    // how often everything is measured
	Samples string // file that samples are kept in, over several runs; empty keeps none
	Docs    string // directory to write the page to; empty writes none
	Smoke   bool   // the smallest run that shows that the benchmark still works
}

// Flags defines the flags of a benchmark, whose sizes are those given when the user says none. They are read by Parse.
func Flags(sizes ...int) *Options {
	o := &Options{Sizes: sizes}
	flag.StringVar(&o.Alien, "alien", "bin/alien", "`program` to measure")
	flag.StringVar(&o.Samples, "samples", "", "`file` to keep samples in: the report is of all it holds, so sizes can be run apart")
	flag.StringVar(&o.Docs, "docs", "", "`directory` to write the page to, beside standard output")
	flag.IntVar(&o.Rounds, "rounds", 5, "how often everything is measured")
	flag.BoolVar(&o.Smoke, "smoke", false, "the smallest size, once: shows that the benchmark still works")
	flag.Func("sizes", "how `many`, as 1,10,50", func(text string) error {
		o.Sizes = nil
		return json.Unmarshal([]byte("["+text+"]"), &o.Sizes)
	})
	return o
}

// Parse reads the command line.
func (o *Options) Parse() {
	flag.Parse()
	if o.Smoke {
		o.Sizes, o.Rounds = o.Sizes[:1], 1
	}
}
