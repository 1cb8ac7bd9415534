package receiver

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/outbound"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// safetyMargin is how long before its lease ends a handler is given up: the answer has to arrive in time.
const safetyMargin = 5 * time.Second

// resolve makes the relative URLs of an envelope absolute; base is the URL that the lease came from. Absolute ones are left
// byte for byte: they may be signed.
func resolve(e *wire.Envelope, base *url.URL) {
	absolute := func(address *string) { *address = resolved(*address, base) }
	absolute(&e.ResponseHandling.SubmitResponseURL)
	if b := &e.ResponseHandling.StorageUploadRequest.Backend; b.Type == wire.HTTP {
		absolute(&b.URL)
	}
	if get := e.Params.Get; get != nil && get.Backend.Type == wire.HTTP {
		absolute(&get.Backend.URL)
	}
}

func resolved(address string, base *url.URL) string {
	if strings.HasPrefix(address, "//") {
		return address
	}
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() {
		return address
	}
	return base.ResolveReference(u).String()
}

// budget is until when a handler may run. Only the lease's end is not let lie in the past: a command whose deadline has
// passed is not run at all.
func budget(l wire.Lease, now time.Time) time.Time {
	end := l.LeaseExpiresAt.Add(-safetyMargin)
	if end.Before(now) {
		end = now
	}
	if d := l.Envelope.Deadline.Time; !d.IsZero() && d.Before(end) {
		end = d
	}
	return end
}

// parameters gives a command's input, or the response that the lack of it amounts to.
func parameters(ctx context.Context, b wire.Body, transfers outbound.Transfers) ([]byte, *wire.Response) {
	failed := func(code wire.Code, err error) ([]byte, *wire.Response) {
		r := wire.ErrorResponse(string(code), err.Error())
		return nil, &r
	}
	if b.Mode == wire.Inline {
		input, err := b.Content()
		if err != nil {
			return failed(wire.InvalidEnvelope, err)
		}
		return input, nil
	}
	if b.Get == nil {
		return failed(wire.InvalidEnvelope, errors.New("the parameters are in storage, and the envelope does not say how to get them"))
	}
	input, err := transfers.Get(ctx, *b.Get)
	if err != nil {
		return failed(wire.StorageOperationFailed, err)
	}
	return input, nil
}
