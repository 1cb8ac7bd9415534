package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// The pauses between two attempts to submit a response.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = time.Second
)

// outcome is how a command ended, before it is known whether the output fits into a message.
type outcome struct {
	response wire.Response
	output   []byte // of a success
}

func succeeded(output []byte) outcome {
	if output == nil {
		output = []byte("null")
	}
	return outcome{response: wire.SuccessResponse(wire.Body{}), output: output}
}

func failed(code wire.Code, message string) outcome {
	return outcome{response: wire.ErrorResponse(string(code), message)}
}

// status is success, or the error's code.
func (o outcome) status() string {
	if o.response.Status == wire.StatusSuccess {
		return wire.StatusSuccess
	}
	return o.response.Code
}

// submit answers a command: a large output goes to storage first. All of it ends with the lease, and after 30 seconds.
// What may pass is tried again; a finished upload is not repeated.
func (r *Receiver) submit(ctx context.Context, l wire.Lease, o outcome) error {
	limit := min(outbound.RequestTimeout, time.Until(l.LeaseExpiresAt.Time))
	if limit <= 0 {
		return errors.New("the lease has ended")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	handling := l.Envelope.ResponseHandling
	if o.response.Status == wire.StatusSuccess {
		body, err := r.body(ctx, handling, o.output)
		if err != nil {
			return err
		}
		o.response.Body = body
	}
	message, err := json.Marshal(o.response)
	if err != nil {
		return err
	}
	return persist(ctx, func() error { return r.put(ctx, handling.SubmitResponseURL, message) })
}

// body carries an output within the message where it fits, and uploads it where not.
func (r *Receiver) body(ctx context.Context, h wire.ResponseHandling, output []byte) (wire.Body, error) {
	if int64(len(output)) <= h.MaxInlineBytes {
		return wire.InlineBody(output), nil
	}
	err := persist(ctx, func() error {
		err := r.transfers.Put(ctx, h.StorageUploadRequest, output)
		var status *outbound.StatusError
		if err != nil && ctx.Err() == nil && (!errors.As(err, &status) || outbound.Transient(status.Status)) && h.StorageUploadRequest.Backend.Type == wire.HTTP {
			return retryable{err}
		}
		return err
	})
	return wire.StoredBody(int64(len(output))), err
}

// put sends the response. It is authorized by its URL; the token has no business there.
func (r *Receiver) put(ctx context.Context, address string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the response URL cannot be used: %s", outbound.Redact(address))
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := r.manager.http.Do(request)
	if err != nil {
		return retryable{fmt.Errorf("cannot reach %s: %w", outbound.Redact(address), outbound.Bare(err))}
	}
	_ = answer.Body.Close()
	switch status := answer.StatusCode; {
	case delivered(status):
		return nil
	case outbound.Transient(status):
		return retryable{&outbound.StatusError{URL: outbound.Redact(address), Status: status}}
	default:
		return &outbound.StatusError{URL: outbound.Redact(address), Status: status}
	}
}

// persist tries until it goes well, fails for good, or ctx ends.
func persist(ctx context.Context, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := try()
		var again retryable
		if err == nil || !errors.As(err, &again) {
			return err
		}
		if !outbound.Sleep(ctx, pause) {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}
