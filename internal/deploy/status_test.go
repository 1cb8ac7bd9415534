package deploy

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// noon is when the tests look.
func noon() time.Time { return time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC) }

// ran says that the present run has lasted that long at noon.
func ran(d time.Duration, restarts int) func(*Daemon) {
	return func(o *Daemon) { o.StartedAt, o.Restarts = noon().Add(-d), restarts }
}

func health(h Health) func(*Daemon) { return func(d *Daemon) { d.Health = h } }

func TestStatusReady(t *testing.T) {
	second := func(w *workload.Workload) { w.Settle = time.Second }
	w := wanted("api", second)
	for _, c := range []struct {
		name  string
		since []func(*Daemon)
		want  NotReady
	}{
		{"runs", []func(*Daemon){ran(time.Hour, 0)}, ""},
		{"runs exactly long enough", []func(*Daemon){ran(time.Second, 0)}, ""},
		{"runs not long enough", []func(*Daemon){ran(time.Second-1, 0)}, NotReadySettling},
		{"restarted a moment ago", []func(*Daemon){ran(time.Second-1, 3)}, NotReadySettling},
		{"restarted, and settled", []func(*Daemon){ran(5*time.Second, 3)}, ""},
		{"start time unknown", nil, NotReadySettling},
		{"healthy", []func(*Daemon){ran(time.Hour, 0), health(Healthy)}, ""},
		{"health check has not passed", []func(*Daemon){ran(time.Hour, 0), health(Starting)}, NotReadyStarting},
		{"unhealthy", []func(*Daemon){ran(time.Hour, 0), health(Unhealthy)}, NotReadyUnhealthy},
		{"back-off", []func(*Daemon){ran(time.Hour, 0), in(BackOff)}, NotReadyBackOff},
		{"stopped", []func(*Daemon){ran(time.Hour, 0), byHand}, NotReadyStopped},
		{"paused", []func(*Daemon){ran(time.Hour, 0), in(Paused)}, NotReadyPaused},
		{"created", []func(*Daemon){in(Created)}, NotReadyCreated},
		{"gone", []func(*Daemon){in(Gone)}, NotReadyMissing},
		{"cannot start", []func(*Daemon){in(Created), func(d *Daemon) { d.Problem = &Problem{Reason: CommandNotFound} }}, NotReadyProblem},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := StatusOf(observed(applied(w, c.since...)), []workload.Workload{w}, true, noon())[0]
			if got.NotReady != c.want || got.Ready != (c.want == "") {
				t.Errorf("ready %v because %q, want %q", got.Ready, got.NotReady, c.want)
			}
		})
	}
}

// Without a manifest the settle time is the one recorded when the daemon was made.
func TestStatusSettlesAsRecorded(t *testing.T) {
	d := applied(wanted("api"), ran(3*time.Second, 0), func(d *Daemon) { d.Settle = 5 * time.Second })
	if got := StatusOf(observed(d), nil, false, noon())[0]; got.NotReady != NotReadySettling {
		t.Errorf("not ready because %q, want %q", got.NotReady, NotReadySettling)
	}
}

func TestStatusUpToDate(t *testing.T) {
	ws := []workload.Workload{wanted("api"), wanted("new"), wanted("moved"), wanted("stopped"), wanted("pulled")}
	o := observed(
		applied(ws[0], unfinished),
		applied(wanted("moved", env("LOG_LEVEL", manifest.Plain("debug")))),
		applied(wanted("old")),
		applied(ws[4]),
		applied(ws[3], byHand),
	)
	o.Images = map[string]string{ws[4].Image: "sha256:bbbb"}
	type row struct {
		Daemon   string
		UpToDate UpToDate
		Causes   string
	}
	rows := func(statuses []Status) (out []row) {
		for _, s := range statuses {
			r := row{Daemon: s.Daemon, UpToDate: s.UpToDate}
			for _, c := range s.Causes {
				r.Causes += c.String()
			}
			out = append(out, r)
		}
		return out
	}
	want := []row{
		{"api", UpToDateYes, ""},
		{"moved", UpToDateNo, `environment.LOG_LEVEL: "debug" → "info"`},
		{"new", UpToDateNo, ""},
		{"old", UpToDateNo, "not in the manifest"},
		{"pulled", UpToDateNo, "image: sha256:aaaaaaaaaaaa → sha256:bbbb"},
		{"stopped", UpToDateYes, ""},
	}
	if diff := cmp.Diff(want, rows(StatusOf(o, ws, true, noon()))); diff != "" {
		t.Errorf("with a manifest (-want +got):\n%s", diff)
	}
	want = []row{{"api", UpToDateUnknown, ""}, {"moved", UpToDateUnknown, ""}, {"old", UpToDateUnknown, ""},
		{"pulled", UpToDateUnknown, ""}, {"stopped", UpToDateUnknown, ""}}
	if diff := cmp.Diff(want, rows(StatusOf(o, nil, false, noon()))); diff != "" {
		t.Errorf("without a manifest (-want +got):\n%s", diff)
	}
	if got := StatusOf(Observed{}, nil, true, noon()); got == nil || len(got) != 0 {
		t.Errorf("of nothing: %v, want an empty list that JSON shows as []", got)
	}
}

func TestStatusJSON(t *testing.T) {
	w := wanted("api")
	at := func(d time.Duration) time.Time { return noon().Add(d) }
	failing := applied(w, in(BackOff), ran(time.Minute, 4), health(Unhealthy), unfinished, func(d *Daemon) {
		d.LastExit = &Exit{Code: 137, Signal: "SIGKILL", OOM: true, At: at(-10 * time.Second)}
		d.NextStart = at(12 * time.Second)
		d.Probe = &Probe{Code: 1, Output: "no answer", At: at(-20 * time.Second)}
		d.Problem = &Problem{Reason: CommandNotFound, Message: "/api is not in the image"}
		d.Digest, d.Version, d.Node, d.Renamed, d.Duplicates = "sha256:aaaa", "1.0.0", "node-1", "mine", []string{"c2"}
	})
	running := applied(wanted("b"), ran(90*time.Second, 0), func(d *Daemon) { d.Source = "" })
	got, err := json.MarshalIndent(StatusOf(observed(running, failing), []workload.Workload{w, wanted("c")}, true, noon()), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `[
 {
  "daemon": "api",
  "state": "back-off",
  "health": "unhealthy",
  "ready": false,
  "notReady": "cannot-start",
  "since": "2026-05-17T11:59:50Z",
  "restarts": 4,
  "lastExit": {
   "code": 137,
   "signal": "SIGKILL",
   "oom": true,
   "at": "2026-05-17T11:59:50Z"
  },
  "nextStart": "2026-05-17T12:00:12Z",
  "probe": {
   "code": 1,
   "output": "no answer",
   "at": "2026-05-17T11:59:40Z"
  },
  "reason": "COMMAND_NOT_FOUND",
  "message": "/api is not in the image",
  "upToDate": "yes",
  "unfinished": true,
  "renamed": "mine",
  "duplicates": [
   "c2"
  ],
  "instance": "i-api",
  "image": "example.test/api:1",
  "digest": "sha256:aaaa",
  "source": "edge/alien.yaml on host",
  "version": "1.0.0",
  "node": "node-1"
 },
 {
  "daemon": "b",
  "state": "running",
  "ready": true,
  "since": "2026-05-17T11:58:30Z",
  "uptimeSeconds": 90,
  "restarts": 0,
  "upToDate": "no",
  "causes": [
   {
    "path": "manifest"
   }
  ],
  "instance": "i-b",
  "image": "example.test/b:1"
 },
 {
  "daemon": "c",
  "state": "gone",
  "ready": false,
  "notReady": "missing",
  "restarts": 0,
  "upToDate": "no",
  "image": "example.test/c:1"
 }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
}
