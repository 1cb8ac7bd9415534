// Command greeter is an example daemon that takes commands: greet answers with a greeting, sleep takes its time, and fail
// shows what a command's own error looks like.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alienplatform/alien-go/receiver"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, receiver.Options{}); err != nil {
		log.Println("greeter:", err)
		os.Exit(1)
	}
}

// run takes commands until ctx ends. Without a manager in its environment, because commandsEnabled is off, it only waits.
func run(ctx context.Context, o receiver.Options) error {
	if _, ok := os.LookupEnv(receiver.EnvURL); !ok && o.Environment == nil {
		log.Println("no commands here: commandsEnabled is off")
		<-ctx.Done()
		return nil
	}
	r, err := receiver.New(o)
	if err != nil {
		return err
	}
	receiver.Handle(r, "greet", greet)
	receiver.Handle(r, "sleep", sleep)
	receiver.Handle(r, "fail", fail)
	log.Println("taking commands")
	return r.Run(ctx)
}

type greeting struct {
	Name string `json:"name"`
}

type greeted struct {
	Text    string `json:"text"`
	Attempt int64  `json:"attempt"`
}

func greet(_ context.Context, c receiver.Command, in greeting) (greeted, error) {
	if in.Name == "" {
		return greeted{}, &receiver.Error{Code: "NO_NAME", Message: "whom to greet?"}
	}
	return greeted{Text: "Hello, " + in.Name, Attempt: c.Attempt}, nil
}

type nap struct {
	Milliseconds int `json:"milliseconds"`
}

// sleep gives up as soon as its command does.
func sleep(ctx context.Context, _ receiver.Command, in nap) (nap, error) {
	timer := time.NewTimer(time.Duration(in.Milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return in, nil
	case <-ctx.Done():
		return nap{}, ctx.Err()
	}
}

func fail(context.Context, receiver.Command, any) (any, error) {
	return nil, &receiver.Error{Code: "ALWAYS_FAILS", Message: "this command always fails", Details: "it is an example"}
}
