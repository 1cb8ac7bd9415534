package main

import (
	"context"
	"errors"
	"testing"

	"github.com/alienplatform/alien-go/receiver"
)

func TestGreet(t *testing.T) {
	got, err := greet(t.Context(), receiver.Command{Attempt: 2}, greeting{Name: "Ada"})
	if err != nil || got != (greeted{Text: "Hello, Ada", Attempt: 2}) {
		t.Errorf("%+v, %v", got, err)
	}
	var own *receiver.Error
	if _, err := greet(t.Context(), receiver.Command{}, greeting{}); !errors.As(err, &own) || own.Code != "NO_NAME" {
		t.Errorf("%v", err)
	}
}

func TestSleepEndsWithItsCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sleep(ctx, receiver.Command{}, nap{Milliseconds: 1e9}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
