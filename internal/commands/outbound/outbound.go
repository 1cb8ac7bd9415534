// Package outbound is what receivers and senders share of making requests: how they fetch and store large bodies, ask a manager
// to hold a request, read answers and keep URLs that authorize out of errors. It needs the standard library only.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// RequestTimeout bounds one request to a manager.
	RequestTimeout = 30 * time.Second
	// HeldFor is how long a manager is asked to hold a request while it has nothing to say (RFC 7240).
	HeldFor = 20 * time.Second
	// MaxAnswer is the most that an answer of a manager may have, in bytes: parameters and results may come within it.
	MaxAnswer = 64 << 20
)

// Prefer asks a manager to hold the request for up to wait. Managers that do not know that answer at once.
func Prefer(h http.Header, wait time.Duration) {
	if wait > 0 {
		h.Set("Prefer", "wait="+strconv.Itoa(int(wait.Seconds())))
	}
}

// Held says whether an answer comes from a manager that holds requests. One that says so, but answers at once with no news,
// is not believed: it would be asked again at once, without end.
func Held(h http.Header, took time.Duration, news bool) bool {
	applied := strings.TrimSpace(h.Get("Preference-Applied"))
	return (applied == "wait" || strings.HasPrefix(applied, "wait=")) && (news || took >= HeldFor/4)
}

// Transient says whether an answer with this status may be another one soon.
func Transient(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// Sleep says whether the time has passed; ctx may end before.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	URL    string // redacted
	Status int
}

// Error names the place and the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answered %d %s", e.URL, e.Status, http.StatusText(e.Status))
}

// Bare takes the URL out of an error of net/http: a presigned URL is as good as a token.
func Bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Redact gives what may be shown of a URL: nothing that authorizes.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		return "(a URL that cannot be shown)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// ReadAll reads no more than limit bytes; more are an error.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return content, err
}
