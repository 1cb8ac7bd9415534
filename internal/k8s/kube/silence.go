package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// How long an API server may take to begin its answer before it counts as unreachable. Writes wait for the webhooks that
// look at them, which may take half a minute each.
const (
	readPatience  = 20 * time.Second
	writePatience = time.Minute
	// notable is how long it must have kept silent for that to be the reason why somebody's time was over.
	notable = 2 * time.Second
)

// errSilent says that the API server does not answer, though it takes connections.
var errSilent = errors.New("no answer")

// expectAnswer bounds the time until the answer to a request begins. It gives the context to ask with, what makes of the
// outcome the error to go on with, and what to call when the answer has been read.
func expectAnswer(ctx context.Context, r request) (context.Context, func(error) error, context.CancelFunc) {
	if r.quiet {
		return ctx, func(err error) error { return err }, func() {}
	}
	patience := writePatience
	if r.method == http.MethodGet || strings.HasPrefix(r.path, "/apis/"+AccessReviews.APIVersion()+"/") { // reviews only ask
		patience = readPatience
	}
	asked := time.Now()
	asking, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(patience, func() { cancel(errSilent) })
	answered := func(err error) error {
		timer.Stop()
		waited := time.Since(asked)
		late := errors.Is(context.Cause(asking), errSilent) || ctx.Err() != nil && waited > notable
		if err != nil && late {
			return fmt.Errorf("%w within %s", errSilent, waited.Round(time.Second))
		}
		return err
	}
	return asking, answered, func() { cancel(nil) }
}

// answer is the body of one, and what to call when it has been read.
type answer struct {
	io.ReadCloser
	done func()
}

// Close ends the reading.
func (a answer) Close() error {
	defer a.done()
	return a.ReadCloser.Close()
}
