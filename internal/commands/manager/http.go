package manager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// rejection is a request that is wrong before anybody looks at what it asks: answered in plain text.
type rejection struct {
	status  int
	message string
}

// Error is the message.
func (r rejection) Error() string { return r.message }

// readBody reads a message, as the protocol's servers do: 415 without a JSON content type, 413 when it is too large, 400 when it
// is no JSON, 422 when it has the wrong shape.
func (m *Manager) readBody(w http.ResponseWriter, r *http.Request, message any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return rejection{http.StatusUnsupportedMediaType, "Send Content-Type: application/json"}
	}
	body, err := m.readAll(w, r)
	if err != nil {
		return err
	}
	err = wire.Unmarshal(body, message)
	var syntax *wire.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return rejection{http.StatusBadRequest, err.Error()}
	}
	return rejection{http.StatusUnprocessableEntity, err.Error()}
}

func (m *Manager) readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, m.Limits.Body))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, rejection{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes", large.Limit)}
	}
	if err != nil {
		return nil, rejection{http.StatusBadRequest, "The body did not come whole"}
	}
	return body, nil
}

func answer(w http.ResponseWriter, status int, message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked has gone
	return nil
}

// answerError says what went wrong; what is not for others to see goes to the log.
func (m *Manager) answerError(w http.ResponseWriter, r *http.Request, err error) {
	var rejected rejection
	var known *wire.Error
	switch {
	case errors.As(err, &rejected):
		http.Error(w, rejected.message, rejected.status)
		return
	case errors.As(err, &known):
	case r.Context().Err() != nil: // the client has gone
		known = wire.NewError(wire.KVOperationFailed, "The request was broken off")
	default:
		m.Log.Error("cannot answer", "method", r.Method, "route", r.Pattern, "error", err)
		known = wire.NewError(wire.KVOperationFailed, "The manager's store fails; its log says why")
	}
	if known.Code == wire.TooMany {
		w.Header().Set("Retry-After", "1")
	}
	_ = answer(w, known.HTTPStatusCode, known) // an error is always JSON
}

// notFound turns what the store does not have into the error for it.
func notFound(err error, code wire.Code, what, key, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return wire.NewError(code, fmt.Sprintf("%s '%s' not found", what, id), key, id)
	}
	return err
}

func commandNotFound(err error, id string) error {
	return notFound(err, wire.CommandNotFound, "Command", "command_id", id)
}

func deploymentNotFound(err error, id string) error {
	return notFound(err, wire.DeploymentNotFound, "Deployment", "deployment_id", id)
}

// wait is how long a request wants to be held: Prefer: wait=SECONDS (RFC 7240).
func wait(r *http.Request) (time.Duration, bool) {
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if strings.EqualFold(strings.TrimSpace(name), "wait") {
				seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
				return time.Duration(seconds) * time.Second, err == nil
			}
		}
	}
	return 0, false
}

// hold gives a request the time it wants to be held. Beyond the limits it is answered at once, and is not told that it was
// held. done has to be called in any case.
func (m *Manager) hold(w http.ResponseWriter, r *http.Request) (ctx context.Context, done func()) {
	d, ok := wait(r)
	if !ok || d == 0 || !m.polls.enter(m.Limits.Polls) {
		return nil, func() {}
	}
	d = min(d, m.Limits.Wait)
	w.Header().Set("Preference-Applied", "wait")
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // where it cannot be set there is none
	_ = c.SetWriteDeadline(time.Now().Add(d + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), d)
	return ctx, func() {
		cancel()
		m.polls.leave()
	}
}

// base is what stands before "commands" and "blobs" in this manager's absolute URLs, with a slash at its end.
func (m *Manager) base(r *http.Request) string {
	if m.BaseURL != "" {
		return m.BaseURL + "/v1/"
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/v1/"
}
