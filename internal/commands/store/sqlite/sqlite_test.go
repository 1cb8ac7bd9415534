package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/state"
	"github.com/alienplatform/alien-go/internal/commands/store"
	"github.com/alienplatform/alien-go/internal/commands/store/sqlite"
	"github.com/alienplatform/alien-go/internal/commands/store/storetest"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func open(t *testing.T, path string) store.Store {
	t.Helper()
	s, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() store.Store {
		path := filepath.Join(t.TempDir(), "odd ?#%41 name.db")
		return func() store.Store { return open(t, path) }
	})
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := open(t, path)
	if _, err := sqlite.Open(path); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Error(err)
	}
}

// TestDiskFull: a full disk fails writes and harms nothing; with room again, everything goes on.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.PutDeployment(t.Context(), store.Deployment{ID: "d", Daemons: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.LimitPages(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	create := func(n int) error {
		body := wire.InlineBody(bytes.Repeat([]byte("x"), 5000))
		_, _, err := s.Create(t.Context(), store.Command{ID: fmt.Sprintf("cmd_%04d", n), Deployment: "d", Target: wire.Target{ResourceID: "a", ResourceType: wire.Daemon},
			Name: "run", Life: state.New(false, time.Time{}), Params: &body}, time.Time{})
		return err
	}
	kept := 0
	for create(kept) == nil {
		if kept++; kept > 1000 {
			t.Fatal("the disk is never full")
		}
	}
	for range 3 {
		if create(kept) == nil {
			t.Error("a write went through on a full disk")
		}
	}
	if err := s.LimitPages(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := create(kept); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	again := open(t, path)
	defer again.Close()
	if all, err := again.List(t.Context(), "d", "", 2000); err != nil || len(all) != kept+1 {
		t.Errorf("%d commands are left of %d: %v", len(all), kept+1, err)
	}
}
