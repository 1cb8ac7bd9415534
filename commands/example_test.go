package commands_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/alienplatform/alien-go/commands"
)

type greeting struct {
	Name string `json:"name"`
}

type greeted struct {
	Text string `json:"text"`
}

// Sending a command with JSON in and JSON out.
func ExampleInvoke() {
	manager := httptest.NewServer(http.HandlerFunc(alwaysGreeted))
	defer manager.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := commands.New(commands.Options{ManagerURL: manager.URL, DeploymentID: "edge", Token: "token"})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := commands.Invoke[greeted](ctx, c, "greet", greeting{Name: "Ada"})
	var failure *commands.Failure
	switch {
	case errors.As(err, &failure): // the daemon answered with an error
		fmt.Println(failure.Code, failure.Message)
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(out.Text)
	}
	// Output: Hello, Ada
}

// alwaysGreeted is a manager whose only command is done: {"text":"Hello, Ada"}.
func alwaysGreeted(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		_, _ = io.WriteString(w, `{"commandId":"cmd_1","state":"PENDING","inlineAllowedUpTo":150000,"next":"poll"}`)
		return
	}
	_, _ = io.WriteString(w, `{"commandId":"cmd_1","state":"SUCCEEDED","attempt":1,"target":{"resourceId":"greeter","resourceType":"daemon"},
		"response":{"status":"success","response":{"mode":"inline","inlineBase64":"eyJ0ZXh0IjoiSGVsbG8sIEFkYSJ9"}}}`)
}
