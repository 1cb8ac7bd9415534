package measure

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Key says what was measured: who did what with how many.
type Key struct {
	Who  string `json:"who"`
	Size int    `json:"size"`
	What string `json:"what"`
}

// Sample is one measurement of a key.
type Sample struct {
	Key
	Took time.Duration `json:"took"`
	Peak int64         `json:"peak,omitempty"` // bytes; 0 where no process of its own did the work
}

// Samples are all measurements that a report is made of.
type Samples []Sample

// Add adds one and tells it on standard error, so that a long run shows that it moves.
func (s *Samples) Add(one Sample) {
	*s = append(*s, one)
	fmt.Fprintf(os.Stderr, "%-12s %4d %-16s %9.3f s\n", one.Who, one.Size, one.What, one.Took.Seconds())
}

// Took is the median time of a key; 0 when nothing was measured.
func (s Samples) Took(k Key) time.Duration {
	return Median(s.pick(k, func(one Sample) int64 { return int64(one.Took) }))
}

// Peak is the highest of the median peaks of what somebody did with so many, in bytes.
func (s Samples) Peak(who string, size int) int64 {
	var most int64
	for _, what := range distinct(s, func(one Sample) string { return one.What }) {
		most = max(most, int64(Median(s.pick(Key{who, size, what}, func(one Sample) int64 { return one.Peak }))))
	}
	return most
}

// Sizes are the sizes that were measured, in ascending order.
func (s Samples) Sizes() []int { return distinct(s, func(one Sample) int { return one.Size }) }

// Rounds is how many samples there are of the key that has the fewest.
func (s Samples) Rounds() int {
	counts := map[Key]int{}
	for _, one := range s {
		counts[one.Key]++
	}
	least := 0
	for _, n := range counts {
		if least == 0 || n < least {
			least = n
		}
	}
	return least
}

func (s Samples) pick(k Key, number func(Sample) int64) []time.Duration {
	var values []time.Duration
	for _, one := range s {
		if one.Key == k {
			values = append(values, time.Duration(number(one)))
		}
	}
	return values
}

func distinct[T int | string](s Samples, of func(Sample) T) []T {
	seen := map[T]bool{}
	var all []T
	for _, one := range s {
		if v := of(one); !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// Median is the middle of the values, the lower one of two, and 0 of none.
func Median[T interface{ ~int64 }](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// Keep adds the samples to those a file holds and gives all of them, so that sizes can be measured in runs apart. An
// empty name keeps nothing.
func (s Samples) Keep(file string) (Samples, error) {
	if file == "" {
		return s, nil
	}
	kept, err := load(file)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	out := json.NewEncoder(f)
	for _, one := range s {
		if err := out.Encode(one); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return append(kept, s...), f.Close()
}

// load reads the samples of a file, one JSON object a line. A file that does not exist holds none.
func load(file string) (Samples, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all Samples
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var one Sample
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, one)
	}
	return all, lines.Err()
}
