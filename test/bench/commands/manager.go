package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const deployment, daemon = "bench", "worker"

// manager is the program that is measured, in a process of its own.
type manager struct {
	process  *exec.Cmd
	dir      string
	url, key string
	client   *http.Client
}

// startManager starts one on the disk, with a retention so short that memory over many commands shows removal too.
func startManager(ctx context.Context, alien string) (*manager, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	m := &manager{dir: dir, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10_000}}}
	m.process = exec.CommandContext(ctx, alien, "serve", "--state", dir, "--listen", "127.0.0.1:0", "--rate-limit", "-1", "--retention", "20s", "--log-level", "warn", "-o", "json")
	m.process.Stderr = os.Stderr
	out, err := m.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.process.Start(); err != nil {
		return nil, err
	}
	var serving struct {
		BaseURL  string `json:"baseUrl"`
		AdminKey string `json:"adminKey"`
	}
	if err := json.NewDecoder(out).Decode(&serving); err != nil {
		return nil, m.stop(fmt.Errorf("the manager does not start: %w", err))
	}
	m.url, m.key = serving.BaseURL, serving.AdminKey
	if err := m.call(ctx, "PUT", "/v1/deployments/"+deployment, "", map[string]any{"daemons": []any{map[string]string{"id": daemon}}}, nil); err != nil {
		return nil, m.stop(err)
	}
	return m, nil
}

// stop ends it; why is what ended the measurement, if something did.
func (m *manager) stop(why error) error {
	err := m.process.Process.Signal(syscall.SIGTERM)
	return errors.Join(why, err, m.process.Wait(), os.RemoveAll(m.dir))
}

// call makes one request and reads its answer; prefer is a header, or "".
func (m *manager) call(ctx context.Context, method, path, prefer string, message, answer any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, m.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+m.key)
	if prefer != "" {
		request.Header.Set("Prefer", prefer)
	}
	response, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// resident is the memory that the manager has now, in bytes.
func (m *manager) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", m.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// processor is the time of a core that the manager has used.
func (m *manager) processor() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / 100, errors.Join(err1, err2) // the unit is a hundredth on every Linux
}
