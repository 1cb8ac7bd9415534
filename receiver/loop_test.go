package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

const second = time.Second

func TestPauses(t *testing.T) {
	status := func(code int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	empty := func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"leases":[]}`)) }
	liar := func(w http.ResponseWriter) { w.Header().Set("Preference-Applied", "wait=20"); empty(w) }
	work := func(w http.ResponseWriter) { _, _ = w.Write([]byte(leasesJSON(leaseOf("c", "echo", "1")))) }
	for _, c := range []struct {
		name    string
		env     []string
		answers []func(http.ResponseWriter) // the last one goes on
		want    []time.Duration
	}{
		{"empty polls back off", nil, []func(http.ResponseWriter){empty}, []time.Duration{0, 5 * second, 15 * second, 35 * second, 65 * second, 95 * second}},
		{"failures back off the same way", nil, []func(http.ResponseWriter){status(503), status(429), status(408), empty},
			[]time.Duration{0, 5 * second, 15 * second, 35 * second, 65 * second, 95 * second}},
		{"work resets the pause", nil, []func(http.ResponseWriter){empty, empty, work, empty},
			[]time.Duration{0, 5 * second, 15 * second, 20 * second, 25 * second, 35 * second}},
		{"the intervals can be set", []string{EnvPollInterval, "100", EnvPollMaxInterval, "150"}, []func(http.ResponseWriter){empty},
			[]time.Duration{0, 100 * time.Millisecond, 250 * time.Millisecond, 400 * time.Millisecond, 550 * time.Millisecond}},
		{"a manager that only says it waits is not asked without end", nil, []func(http.ResponseWriter){liar}, []time.Duration{0, 5 * second, 15 * second, 35 * second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				n := 0
				f.override = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/leases") {
						return false
					}
					c.answers[min(n, len(c.answers)-1)](w)
					n++
					return true
				}
				stop := running(t, newReceiver(t, f, with(c.env...)))
				time.Sleep(c.want[len(c.want)-1])
				synctest.Wait()
				if err := stop(); err != nil {
					t.Errorf("Run: %v", err)
				}
				if got := f.times(); !slices.Equal(got, c.want) {
					t.Errorf("polled after %v, not %v", got, c.want)
				}
			})
		})
	}
}

func leasesJSON(leases ...wire.Lease) string {
	var out []string
	for _, l := range leases {
		out = append(out, mustJSON(l))
	}
	return `{"leases":[` + strings.Join(out, ",") + `]}`
}

// TestHeldPolls: where the manager holds requests, the next one follows as soon as there is room.
func TestHeldPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		n := 0
		f.override = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/leases") {
				return false
			}
			if got := r.Header.Get("Prefer"); got != "wait=20" {
				t.Errorf("Prefer: %q", got)
			}
			w.Header().Set("Preference-Applied", "wait=20")
			if n++; n <= 3 {
				_, _ = w.Write([]byte(leasesJSON(leaseOf(fmt.Sprint("c", n), "slow", "1"))))
				return true
			}
			select {
			case <-time.After(20 * second):
			case <-r.Context().Done():
			}
			_, _ = w.Write([]byte(`{"leases":[]}`))
			return true
		}
		r := newReceiver(t, f, with())
		r.HandleFunc("slow", func(context.Context, Command, []byte) ([]byte, error) {
			time.Sleep(3 * second)
			return nil, nil
		})
		stop := running(t, r)
		time.Sleep(49*second + stopGrace/4)
		synctest.Wait()
		began := time.Now()
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		want := []time.Duration{0, 3 * second, 6 * second, 9 * second, 29 * second, 49 * second}
		if got := f.times(); !slices.Equal(got, want) {
			t.Errorf("polled after %v, not %v", got, want)
		}
		if took := time.Since(began); took != stopGrace-stopGrace/4 {
			t.Errorf("a held poll delayed the end by %s", took)
		}
	})
}

func TestJitter(t *testing.T) {
	for _, c := range []struct {
		jitter, u float64
		want      time.Duration
	}{{0, 0.9, 10 * second}, {0.1, 0, 9 * second}, {0.1, 0.5, 10 * second}, {0.5, 0.75, 12500 * time.Millisecond}, {1, 0, 0}} {
		if got := jittered(10*second, c.jitter, c.u); got != c.want {
			t.Errorf("jitter %g of %g: %s, not %s", c.jitter, c.u, got, c.want)
		}
	}
}

func TestTerminalAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{401, "", CodeUnauthorized}, {403, "", CodeRejected}, {404, "", CodeRejected}, {409, "", CodeRejected}, {422, "secret-token", CodeRejected},
		{200, "<html>", CodeMalformed}, {200, "{}", CodeMalformed}, {200, `{"leases":[{}]}`, CodeMalformed}, {200, "", CodeMalformed},
	} {
		t.Run(fmt.Sprint(c.status, c.body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(leaseOf("c1", "slow", "1"))
				n := 0
				f.override = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/leases") {
						return false
					}
					if n++; n == 1 {
						return false
					}
					w.WriteHeader(c.status)
					_, _ = w.Write([]byte(c.body))
					return true
				}
				r := newReceiver(t, f, with(EnvMaxLeases, "2"))
				r.HandleFunc("slow", func(context.Context, Command, []byte) ([]byte, error) {
					time.Sleep(20 * second)
					return []byte("1"), nil
				})
				err := r.Run(t.Context())
				var own *ManagerError
				if !errors.As(err, &own) || own.Code != c.want || own.Status != c.status {
					t.Errorf("Run: %v", err)
				}
				if strings.Contains(fmt.Sprint(err), "secret-token") {
					t.Errorf("the error shows the answer: %v", err)
				}
				f.last(t, "c1") // it drained first
			})
		})
	}
}

func TestTokenFile(t *testing.T) {
	const later = 2 * second // the first token is good until then, and the second from then on
	accepts := func(began time.Time) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			valid := "first"
			if time.Since(began) >= later {
				valid = "second"
			}
			if r.Header.Get("Authorization") == "Bearer "+valid || !strings.Contains(r.URL.Path, "/leases") {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
	}
	run := func(t *testing.T, fixed bool, change func(file string)) (polls int, err error) {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(" first\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.override = accepts(time.Now())
			env := with(EnvTokenFile, file)
			if delete(env, EnvToken); fixed {
				env[EnvToken] = "first"
			}
			ctx, cancel := context.WithTimeout(t.Context(), 12*second) // polls after 0, 5, 15
			defer cancel()
			time.AfterFunc(later, func() { change(file) })
			err = newReceiver(t, f, env).Run(ctx)
			polls = len(f.polls)
		})
		return polls, err
	}
	put := func(text string) func(string) {
		return func(file string) { _ = os.WriteFile(file, []byte(text), 0o600) }
	}
	for _, c := range []struct {
		name   string
		fixed  bool
		change func(string)
		polls  int
		want   string
	}{
		{"another token is picked up", false, put("second"), 3, ""},
		{"the same token is final", false, put("first"), 3, CodeUnauthorized},
		{"a fixed one is final at once", true, put("second"), 2, CodeUnauthorized},
		{"an empty file", false, put(" "), 2, EnvTokenFile},
		{"no file", false, func(file string) { _ = os.Remove(file) }, 2, EnvTokenFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			polls, err := run(t, c.fixed, c.change)
			if polls != c.polls || !strings.Contains(fmt.Sprint(err), c.want) || (err == nil) != (c.want == "") {
				t.Errorf("%d polls, %v", polls, err)
			}
		})
	}
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(leaseOf("c1", "wait", ""), leaseOf("c2", "wait", ""), leaseOf("c1", "wait", ""), leaseOf("c3", "wait", ""))
		r := newReceiver(t, f, with(EnvMaxLeases, "3", EnvPollInterval, "1000"))
		release := make(chan struct{})
		r.HandleFunc("wait", func(context.Context, Command, []byte) ([]byte, error) { <-release; return nil, nil })
		stop := running(t, r)
		time.Sleep(10 * second)
		synctest.Wait()
		if len(f.polls) != 2 || *f.polls[0].asked.MaxLeases != 3 || *f.polls[1].asked.MaxLeases != 1 {
			t.Errorf("polls: %+v", f.polls)
		}
		if !slices.Equal(f.released, []string{"lease_c1"}) {
			t.Errorf("released %v: a command that runs already is given back", f.released)
		}
		close(release)
		if err := stop(); err != nil {
			t.Error(err)
		}
		for _, id := range []string{"c1", "c2", "c3"} {
			if got := content(t, f.last(t, id)); got != "null" {
				t.Errorf("%s: %s", id, got)
			}
		}
	})
}

func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name      string
		handler   time.Duration
		drain     string
		took      time.Duration
		responses int
		released  int
	}{
		{"a handler that finishes in time answers", 20 * second, "30000", 19 * second, 1, 0},
		{"one that does not is given back", 40 * second, "10000", 10 * second, 0, 1},
		{"no time at all", 40 * second, "0", 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(leaseOf("c1", "slow", ""))
				r := newReceiver(t, f, with(EnvDrainTimeout, c.drain))
				r.HandleFunc("slow", func(ctx context.Context, _ Command, _ []byte) ([]byte, error) {
					select {
					case <-time.After(c.handler):
						return nil, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				})
				stop := running(t, r)
				time.Sleep(second)
				synctest.Wait()
				began := time.Now()
				if err := stop(); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %s, not %s", took, c.took)
				}
				if len(f.responses["c1"]) != c.responses || len(f.released) != c.released {
					t.Errorf("%d responses, released %v", len(f.responses["c1"]), f.released)
				}
			})
		})
	}
}
