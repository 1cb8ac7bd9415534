package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Change is one line of a watch.
type Change struct {
	Type   string          `json:"type"` // ADDED, MODIFIED, DELETED, BOOKMARK
	Object json.RawMessage `json:"object"`
}

// silence is how long a watch may last before the server ends it; a connection that died unnoticed lasts no longer.
const silence = 4 * time.Minute

// Watch calls on for every change from a resourceVersion on, until the connection ends or ctx does.
func (c *Client) Watch(ctx context.Context, k Kind, s Selector, version string, on func(Change) error) error {
	q := s.query()
	q.Set("watch", "true")
	q.Set("allowWatchBookmarks", "true")
	q.Set("resourceVersion", version)
	q.Set("timeoutSeconds", strconv.Itoa(int(silence.Seconds())))
	resp, err := c.send(ctx, request{method: http.MethodGet, path: c.path(k, ""), query: q})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := json.NewDecoder(resp.Body); ; {
		var change Change
		if err := lines.Decode(&change); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("the watch of %s ended: %w", k.Resource, io.ErrUnexpectedEOF)
		}
		if change.Type == "ERROR" {
			var status metav1.Status
			_ = json.Unmarshal(change.Object, &status)
			return &apierrors.StatusError{ErrStatus: status}
		}
		if err := on(change); err != nil {
			return err
		}
	}
}

// TooOld says that changes from the version asked for on are not known any more: the objects must be listed again.
func TooOld(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// Pause waits before something is tried again that failed n times in a row.
func Pause(ctx context.Context, n int) error {
	return wait(ctx, min(firstPause<<min(n, 5), longestWait))
}
