package manager

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestWordPassesOn: who is woken and then fails to look, as with a token that was just revoked, leaves the word to another.
func TestWordPassesOn(t *testing.T) {
	m := &Manager{draining: make(chan struct{})}
	hold, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	wait := func(then error) (looked, ended chan error) {
		looked, ended = make(chan error, 8), make(chan error, 1)
		first := true
		go func() {
			ended <- m.until(hold, "key", true, func() (bool, error) {
				defer func() { looked <- nil; first = false }()
				if first {
					return false, nil
				}
				return then == nil, then
			})
		}()
		return looked, ended
	}
	refused := errors.New("refused")
	aLooked, a := wait(refused)
	<-aLooked
	bLooked, b := wait(nil)
	<-bLooked
	m.waits.wakeOne("key")
	if err := <-a; !errors.Is(err, refused) {
		t.Errorf("the first ended with %v", err)
	}
	if err := <-b; err != nil || hold.Err() != nil {
		t.Errorf("the second was not woken: %v, %v", err, hold.Err())
	}
}
