// Package receiver lets a Go program take commands: it asks a manager for those addressed to it, over outbound HTTP only,
// runs their handlers and answers.
//
//	r, err := receiver.New(receiver.Options{})
//	if err != nil {
//		return err
//	}
//	receiver.Handle(r, "greet", func(ctx context.Context, c receiver.Command, in Greeting) (Greeted, error) {
//		return Greeted{Text: "Hello, " + in.Name}, nil
//	})
//	return r.Run(ctx)
//
// A daemon with commandsEnabled: true finds everything in its environment that a receiver needs; see the Env constants.
//
// Commands are delivered at least once. A receiver runs one at a time, unless ALIEN_COMMANDS_MAX_LEASES says otherwise. A
// handler has until shortly before its lease ends (ALIEN_COMMANDS_LEASE_SECONDS), or until the command's deadline if that is
// earlier.
//
// It speaks the protocol "arc.v1", also with managers that are not this project's, and needs nothing but the standard
// library.
package receiver

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
)

// Options are the circumstances of a receiver; the zero value takes everything from the process's environment.
type Options struct {
	// Environment has values for some of the Env variables; they beat the process's environment.
	Environment map[string]string
	// Client makes the requests; nil is a client of its own. Its Timeout must not be below 30 seconds.
	Client *http.Client
	// Logger gets one event per command, and tells of managers that cannot be reached; nil is slog.Default. Neither tokens
	// nor the content of commands are logged.
	Logger *slog.Logger
}

// Receiver takes the commands of one target. Make it with New, register handlers, then call Run once.
type Receiver struct {
	manager   *manager
	transfers outbound.Transfers
	handlers  map[string]HandlerFunc
	log       *slog.Logger
	random    func() float64 // in [0, 1)
}

// New makes a receiver of what the environment says. What is wrong there is a *ConfigError.
func New(o Options) (*Receiver, error) {
	c, err := readConfig(environment(o.Environment))
	if err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Receiver{
		manager:   &manager{http: o.Client, token: &tokenSource{token: c.token}, config: c},
		transfers: outbound.Transfers{HTTP: o.Client, AllowLocal: true},
		handlers:  map[string]HandlerFunc{}, log: o.Logger, random: rand.Float64,
	}, nil
}

// HandleFunc registers the handler of a command, on raw bytes. It panics where the name is empty, has a colon, or is taken:
// those are mistakes of the program. It must not be called any more once Run has begun.
func (r *Receiver) HandleFunc(name string, handler HandlerFunc) {
	if name == "" || strings.Contains(name, ":") {
		panic("receiver: no command can have the name " + strconv.Quote(name))
	}
	if _, taken := r.handlers[name]; taken {
		panic("receiver: two handlers for the command " + name)
	}
	r.handlers[name] = handler
}

// Run takes commands until ctx ends, and then gives the handlers that run up to ALIEN_COMMANDS_DRAIN_TIMEOUT_MS to finish;
// the commands of those that did not are given back to the manager. It returns nil after that.
//
// It also ends, draining as well, on what asking again does not help: a *ConfigError of the token file, or a *ManagerError.
// A manager that cannot be reached, or is overloaded, is asked again with growing pauses.
func (r *Receiver) Run(ctx context.Context) error {
	work, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	l := &loop{Receiver: r, ctx: work, next: r.manager.interval, running: map[string]bool{}, freed: make(chan struct{}, 1)}
	err := l.poll(ctx)
	l.drain(func() { giveUp(errDrained) })
	return err
}
