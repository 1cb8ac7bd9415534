package docker

import (
	"errors"
	"sync"
)

// atOnce is how many calls we make at the same time: an engine is no faster with more.
const atOnce = 8

// both runs calls at the same time and waits for all of them.
func both(calls ...func() error) error {
	errs := make([]error, len(calls))
	each(len(calls), func(i int) { errs[i] = calls[i]() })
	return errors.Join(errs...)
}

// each calls f for 0 to n-1, several at once, and waits for all of them.
func each(n int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}
