package manager

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// transferTimeout is how long one upload or download of a large body may take.
const transferTimeout = 10 * time.Minute

// signedBlob checks the signed URL of a request for a large body.
func (m *Manager) signedBlob(w http.ResponseWriter, r *http.Request, op wire.Operation) (id, part string, err error) {
	id, part = r.PathValue("commandId"), r.PathValue("part")
	query := r.URL.Query()
	expires, err := strconv.ParseInt(query.Get("expires"), 10, 64)
	if err != nil || query.Get("op") != string(op) || !m.signer.validBlob(op, id, part, query.Get("sig"), expires, m.Now()) {
		return "", "", wire.NewError(wire.Unauthorized, "The URL is wrong or has expired")
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(transferTimeout)) // where they cannot be set there are none
	_ = c.SetWriteDeadline(time.Now().Add(transferTimeout))
	return id, part, nil
}

// putBlob takes a large body in. It counts only while the command still waits for it, so that what a sender is given stays what
// the command ended with.
func (m *Manager) putBlob(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, part, err := m.signedBlob(w, r, wire.Put)
	if err != nil {
		return err
	}
	if r.ContentLength > m.Limits.Blob {
		return m.blobError(store.ErrTooLarge)
	}
	if err := m.mark(r, id, part); err != nil {
		return err
	}
	_, err = m.Blobs.Put(id, part, r.Body, m.Limits.Blob, func(commit func() error) error {
		_, err := m.Store.Change(r.Context(), id, func(c *store.Command) error {
			if err := takes(c, part); err != nil {
				return err
			}
			return commit()
		})
		return commandNotFound(err, id)
	})
	if err != nil {
		return m.blobError(err)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// mark notes that there may be blobs, before there are: whatever happens then, they are removed with the command.
func (m *Manager) mark(r *http.Request, id, part string) error {
	_, err := m.Store.Change(r.Context(), id, func(c *store.Command) error {
		c.Blobs = true
		return takes(c, part)
	})
	return commandNotFound(err, id)
}

// takes says whether a command still waits for a part.
func takes(c *store.Command, part string) error {
	if part == partParams && c.State == wire.PendingUpload || part == partResponse && !c.State.Terminal() {
		return nil
	}
	return wire.NewError(wire.InvalidStateTransition, fmt.Sprintf("Cannot upload the %s of a command that is %s", part, c.State), "command_id", c.ID, "state", c.State)
}

func (m *Manager) getBlob(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, part, err := m.signedBlob(w, r, wire.Get)
	if err != nil {
		return err
	}
	blob, size, err := m.Blobs.Open(id, part)
	if err != nil {
		return m.blobError(err)
	}
	defer blob.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.Copy(w, blob) // whoever asked sees that it is not whole
	return nil
}

func (m *Manager) blobError(err error) error {
	var known *wire.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, store.ErrNotFound):
		return wire.NewError(wire.CommandNotFound, "There is no such body")
	case errors.Is(err, store.ErrTooLarge):
		return rejection{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes", m.Limits.Blob)}
	}
	m.Log.Error("cannot keep a large body", "error", err)
	return wire.NewError(wire.StorageOperationFailed, "The body cannot be stored; try again")
}
