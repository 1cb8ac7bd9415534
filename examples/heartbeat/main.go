// Command heartbeat is an example daemon, written with nothing but the standard library. It logs its pulse, remembers
// the count in the storage that it is linked to, says through `heartbeat health` whether it is well, and ends when it is
// asked to.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Println("heartbeat:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	every, err := time.ParseDuration(getenv("EVERY", "3s"))
	if err != nil {
		return fmt.Errorf("EVERY: %w", err)
	}
	dir, err := storage("pulse")
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "health" {
		return health(dir, every)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return beat(ctx, dir, every, getenv("GREETING", "still here"))
}

// beat counts on from what an earlier run left, until ctx ends.
func beat(ctx context.Context, dir string, every time.Duration, greeting string) error {
	n, err := count(dir)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		n++
		if err := os.WriteFile(file(dir), []byte(strconv.Itoa(n)), 0o644); err != nil {
			return err
		}
		log.Printf("beat %d: %s", n, greeting)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			log.Printf("asked to stop after beat %d", n)
			return nil
		}
	}
}

// health fails when the last beat is too long ago.
func health(dir string, every time.Duration) error {
	info, err := os.Stat(file(dir))
	if err != nil {
		return err
	}
	if late := time.Since(info.ModTime()); late > 2*every {
		return fmt.Errorf("the last beat was %s ago", late.Round(time.Second))
	}
	return nil
}

func file(dir string) string { return filepath.Join(dir, "beats") }

func count(dir string) (int, error) {
	b, err := os.ReadFile(file(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(b))
}

// storage finds the directory of a linked storage in its binding; without a link it is the directory for temporary files.
func storage(resource string) (string, error) {
	name := "ALIEN_" + strings.ToUpper(resource) + "_BINDING"
	text, linked := os.LookupEnv(name)
	if !linked {
		return os.TempDir(), nil
	}
	var binding struct{ Service, StoragePath string }
	if err := json.Unmarshal([]byte(text), &binding); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if binding.Service != "local-storage" {
		return "", fmt.Errorf("%s: this example only knows local storage, not %q", name, binding.Service)
	}
	place, err := url.Parse(binding.StoragePath)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return place.Path, nil
}

func getenv(name, otherwise string) string {
	if v, ok := os.LookupEnv(name); ok {
		return v
	}
	return otherwise
}
