package cli

import (
	"context"
	"iter"
	"sync"

	"github.com/alienplatform/alien-go/internal/deploy"
)

type logStream = iter.Seq2[deploy.LogLine, error]

// inOrder merges streams that end into one, by time. Each of them is in order already.
func inOrder(_ context.Context, streams []logStream) logStream {
	return func(yield func(deploy.LogLine, error) bool) {
		heads := make([]*head, 0, len(streams))
		for _, s := range streams {
			h := &head{}
			next, stop := iter.Pull2(s)
			defer stop()
			h.next = next
			if h.advance() {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			i := earliest(heads)
			if !yield(heads[i].line, heads[i].err) {
				return
			}
			if !heads[i].advance() {
				heads = append(heads[:i], heads[i+1:]...)
			}
		}
	}
}

// head is the first line of a stream that has not been given out yet.
type head struct {
	next func() (deploy.LogLine, error, bool)
	line deploy.LogLine
	err  error
}

func (h *head) advance() (ok bool) {
	h.line, h.err, ok = h.next()
	return ok
}

// earliest gives the index of the line that comes first; among equals the first stream's.
func earliest(heads []*head) int {
	first := 0
	for i, h := range heads {
		if h.line.Time.Before(heads[first].line.Time) {
			first = i
		}
	}
	return first
}

// asTheyCome merges streams that go on until ctx ends.
func asTheyCome(ctx context.Context, streams []logStream) logStream {
	type item struct {
		line deploy.LogLine
		err  error
	}
	return func(yield func(deploy.LogLine, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		items := make(chan item)
		var all sync.WaitGroup
		for _, s := range streams {
			all.Go(func() {
				for line, err := range s {
					select {
					case items <- item{line, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		go func() { all.Wait(); close(items) }()
		defer func() {
			cancel()
			for range items { // lets every stream come to its end
			}
		}()
		for i := range items {
			if !yield(i.line, i.err) {
				return
			}
		}
	}
}
