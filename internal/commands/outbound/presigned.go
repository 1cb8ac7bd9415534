package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// MaxBody is the most that a body may have, in bytes: whoever answers must not be able to exhaust the memory.
const MaxBody = 256 << 20

// Transfers carries out presigned requests: it fetches and stores the bodies that are too large for a message, over HTTP or as
// a file of the same machine. The requests are authorized by themselves; it sends no credentials of its own.
type Transfers struct {
	HTTP       *http.Client
	AllowLocal bool // whether files of this machine may be read and written
}

// Get fetches the body that a request names.
func (c Transfers) Get(ctx context.Context, r wire.PresignedRequest) ([]byte, error) {
	if err := c.usable(r, wire.Get, http.MethodGet); err != nil {
		return nil, err
	}
	if r.Backend.Type == wire.Local {
		return readFile(r.Backend.FilePath)
	}
	answer, err := c.do(ctx, r.Backend, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := ReadAll(answer.Body, MaxBody)
	if err != nil {
		return nil, fmt.Errorf("cannot read what %s answers: %w", Redact(r.Backend.URL), Bare(err))
	}
	return body, nil
}

// Put stores content at the place that a request names.
func (c Transfers) Put(ctx context.Context, r wire.PresignedRequest, content []byte) error {
	if err := c.usable(r, wire.Put, http.MethodPut); err != nil {
		return err
	}
	if r.Backend.Type == wire.Local {
		return writeFile(r.Backend.FilePath, content)
	}
	answer, err := c.do(ctx, r.Backend, content)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// usable refuses a request that has expired or does something else than it is used for.
func (c Transfers) usable(r wire.PresignedRequest, op wire.Operation, method string) error {
	b := r.Backend
	switch {
	case time.Now().After(r.Expiration.Time):
		return fmt.Errorf("the presigned request expired at %s", r.Expiration.UTC().Format(time.RFC3339))
	case r.Operation != op, b.Type == wire.Local && b.Operation != op, b.Type == wire.HTTP && b.Method != method:
		return fmt.Errorf("the presigned request is not one for %s", op)
	case b.Type != wire.Local:
		return nil
	case !c.AllowLocal:
		return errors.New("the body is a file of the manager's machine, and reading those is not allowed here")
	case slices.Contains(strings.FieldsFunc(b.FilePath, isSeparator), ".."):
		return errors.New("the presigned request names a file through .., which nobody may")
	}
	return nil
}

func isSeparator(r rune) bool { return r == '/' || r == '\\' }

// do sends exactly the headers of the request.
func (c Transfers) do(ctx context.Context, b wire.Backend, content []byte) (*http.Response, error) {
	var body io.Reader
	if b.Method == http.MethodPut {
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, b.Method, b.URL, body)
	if err != nil {
		return nil, fmt.Errorf("the presigned URL cannot be used: %s", Redact(b.URL))
	}
	for name, value := range b.Headers {
		request.Header.Set(name, value)
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", Redact(b.URL), Bare(err))
	}
	if answer.StatusCode/100 != 2 {
		_ = answer.Body.Close()
		return nil, &StatusError{URL: Redact(b.URL), Status: answer.StatusCode}
	}
	return answer, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, MaxBody)
}

// writeFile makes the directories that are missing, and never leaves half a body under the name.
func writeFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".body-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
