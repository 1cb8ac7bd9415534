// Command alien runs daemons on Docker, on this machine or on Kubernetes, and keeps them as their manifest says.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alienplatform/alien-go/internal/cli"
)

func main() {
	// A reader that goes away must not end a change half-way; the write then fails instead.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(cli.Run(interruptible(), cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:]))
}

// interruptible gives a context that the first SIGINT or SIGTERM cancels, so that the command can come to a good end. The
// second one ends the program at once.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(cli.Interrupted(<-signals))
		os.Exit(cli.SignalCode(<-signals))
	}()
	return ctx
}
