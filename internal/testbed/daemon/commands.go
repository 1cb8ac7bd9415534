//go:build unix

package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/alienplatform/alien-go/receiver"
)

type greeting struct {
	Name string `json:"name"`
}

// commands takes commands until a signal: greet answers, and fail fails.
func commands([]string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	r, err := receiver.New(receiver.Options{})
	if err != nil {
		return 2, err
	}
	receiver.Handle(r, "greet", func(_ context.Context, c receiver.Command, in greeting) (greeting, error) {
		return greeting{Name: "Hello, " + in.Name}, nil
	})
	receiver.Handle(r, "fail", func(context.Context, receiver.Command, any) (any, error) {
		return nil, &receiver.Error{Code: "ALWAYS_FAILS", Message: "as it was asked to"}
	})
	if err := r.Run(ctx); err != nil {
		return 1, err
	}
	return 0, nil
}
