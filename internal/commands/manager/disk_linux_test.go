package manager_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

func init() {
	bytes, err := strconv.ParseUint(os.Getenv("MANAGER_DISK"), 10, 64)
	if err != nil {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes}); err != nil {
		panic(err)
	}
}

// TestDiskFull: files of a manager that cannot grow any more. It says so, in a way that has clients try again, keeps what it
// acknowledged, and goes on when there is room.
func TestDiskFull(t *testing.T) {
	v := &victim{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	t.Setenv("MANAGER_DISK", strconv.Itoa(1<<20))
	v.start()
	key, err := os.ReadFile(filepath.Join(v.dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, url: "http://" + v.address, admin: string(key)}
	h.call("PUT", "/v1/deployments/d", h.admin, api.PutDeployment{Daemons: []api.PutDaemon{{ID: "a"}}}).is(200)
	create := func(size int) reply {
		return h.call("POST", wire.PathCommands, h.admin, command(func(c *wire.CreateRequest) {
			c.Params = wire.InlineBody([]byte(strings.Repeat("x", size)))
		}))
	}
	var kept []string
	for full := false; !full; {
		if r := create(50_000); r.status == 200 {
			kept = append(kept, read[wire.CreateResponse](r).CommandID)
		} else {
			r.fails(500, wire.KVOperationFailed)
			full = true
		}
		if len(kept) > 1000 {
			t.Fatal("the disk is never full")
		}
	}
	create(1_200_000).fails(500, wire.StorageOperationFailed) // a body of its own, larger than any file may be
	if s := h.status(kept[0]); s.State != wire.Pending {
		t.Errorf("what is there cannot be read: %+v", s)
	}
	v.kill()
	t.Setenv("MANAGER_DISK", "")
	v.start()
	defer v.kill()
	h.url = "http://" + v.address
	for _, id := range kept {
		if s := h.status(id); s.State != wire.Pending {
			t.Errorf("%s is %+v", id, s)
		}
	}
	create(50_000).is(200)
	if got := h.lease(target("a"), 1000); len(got) != len(kept)+1 {
		t.Errorf("%d commands are left of %d", len(got), len(kept)+1)
	}
}
