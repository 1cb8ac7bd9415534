package receiver_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/signal"
	"syscall"

	"github.com/alienplatform/alien-go/receiver"
)

type greeting struct {
	Name string `json:"name"`
}

type greeted struct {
	Text string `json:"text"`
}

// A daemon that takes one command until it is asked to stop.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	// In a daemon the environment says all this: receiver.New(receiver.Options{}) is enough.
	manager := httptest.NewServer(http.NotFoundHandler())
	defer manager.Close()
	r, err := receiver.New(receiver.Options{
		Environment: map[string]string{
			receiver.EnvURL: manager.URL + "/v1", receiver.EnvToken: "token", receiver.EnvDeploymentID: "edge",
			receiver.EnvTargetID: "greeter", receiver.EnvTargetType: "daemon",
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	receiver.Handle(r, "greet", func(_ context.Context, _ receiver.Command, in greeting) (greeted, error) {
		if in.Name == "" {
			return greeted{}, &receiver.Error{Code: "NO_NAME", Message: "whom to greet?"}
		}
		return greeted{Text: "Hello, " + in.Name}, nil
	})
	fmt.Println(r.Run(ctx)) // this manager knows no commands, so there is no use in going on

	// Output: COMMAND_RECEIVER_REQUEST_REJECTED: the manager answered 404 Not Found
}

// A handler on bytes gets what the sender gave as it is.
func ExampleReceiver_HandleFunc() {
	r, err := receiver.New(receiver.Options{Environment: map[string]string{
		receiver.EnvURL: "https://manager.example/v1", receiver.EnvToken: "token", receiver.EnvDeploymentID: "edge",
		receiver.EnvTargetID: "greeter", receiver.EnvTargetType: "daemon",
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r.HandleFunc("checksum", func(ctx context.Context, c receiver.Command, input []byte) ([]byte, error) {
		return fmt.Appendf(nil, "%d", len(input)), nil
	})
}
