package deploy

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

func TestPlanDecides(t *testing.T) {
	a, b := wanted("api"), wanted("worker")
	for _, c := range []planCase{
		{"nothing at all", nil, Observed{}, PlanOptions{}, `
			nothing to do
			`},
		{"nothing exists", []workload.Workload{b, a}, Observed{}, PlanOptions{}, `
			+ api     create
			+ worker  create
			2 to create
			`},
		{"all is well", []workload.Workload{a, b}, observed(applied(a), applied(b)), PlanOptions{}, `
			= api     unchanged
			= worker  unchanged
			2 unchanged
			`},
		{"one of each", []workload.Workload{a, b, wanted("new")},
			observed(applied(a), applied(wanted("old")), applied(wanted("worker", env("LOG_LEVEL", manifest.Plain("debug"))))),
			PlanOptions{}, `
			= api     unchanged
			+ new     create
			- old     delete
			    not in the manifest
			~ worker  update
			    environment.LOG_LEVEL: "debug" → "info"
			1 to create, 1 to update, 1 to delete, 1 unchanged
			`},
		{"no prune", []workload.Workload{a}, observed(applied(a), applied(b)), PlanOptions{NoPrune: true}, `
			= api  unchanged
			1 unchanged
			`},
		{"only some prune nothing and leave others alone", []workload.Workload{a, b}, observed(applied(wanted("old"))),
			only("worker"), `
			+ worker  create
			1 to create
			`},
		{"forced", []workload.Workload{a}, observed(applied(a)), PlanOptions{ForceRecreate: true}, `
			~ api  update
			    forced
			1 to update
			`},
		{"adopted", []workload.Workload{a}, observed(applied(b)), PlanOptions{Adopt: true}, `
			+ api     create
			- worker  delete
			    not in the manifest
			1 to create, 1 to delete
			`},
		{"name taken", []workload.Workload{a}, Observed{Taken: map[string]string{"api": "container 4f2a (nginx)"}}, PlanOptions{}, `
			+ api  create
			    blocked: the name edge-api is taken by container 4f2a (nginx)
			1 blocked
			`},
		{"barred though unchanged", []workload.Workload{a}, barred(observed(applied(a))), PlanOptions{}, `
			= api  unchanged
			    blocked: an autoscaler has it
			1 blocked
			`},
	} {
		t.Run(c.name, c.run)
	}
}

// barred is an observation in which nothing may be made of the daemon api.
func barred(o Observed) Observed {
	o.Barred = map[string]*Problem{"api": {Reason: Autoscaled, Message: "an autoscaler has it"}}
	return o
}

func TestPlanPutsRightWhatHappened(t *testing.T) {
	w := wanted("api")
	ws := []workload.Workload{w}
	state := func(old string) string {
		return "~ api  update\n    state: " + old + " → running\n1 to update\n"
	}
	for _, c := range []planCase{
		{"stopped by hand", ws, observed(applied(w, byHand)), PlanOptions{}, state("stopped by hand")},
		{"stopped", ws, observed(applied(w, in(Stopped))), PlanOptions{}, state("stopped")},
		{"paused", ws, observed(applied(w, in(Paused))), PlanOptions{}, state("paused")},
		{"never started", ws, observed(applied(w, in(Created))), PlanOptions{}, state("created")},
		{"gone", ws, observed(applied(w, in(Gone))), PlanOptions{}, state("gone")},
		{"failing", ws, observed(applied(w, in(BackOff))), PlanOptions{}, state("back-off")},
		{"failing after an unfinished update", ws, observed(applied(w, in(BackOff), unfinished)), PlanOptions{}, state("back-off")},
		{"unhealthy is waited for", ws, observed(applied(w, func(d *Daemon) { d.Health = Unhealthy })), PlanOptions{},
			"= api  unchanged\n1 unchanged\n"},
		{"renamed", ws, observed(applied(w, func(d *Daemon) { d.Renamed = "mine" })), PlanOptions{},
			"~ api  update\n    name: mine → edge-api\n1 to update\n"},
		{"duplicates", ws, observed(applied(w, func(d *Daemon) { d.Duplicates = []string{"x", "y"} })), PlanOptions{},
			"~ api  update\n    duplicates: 2 → 0\n1 to update\n"},
		{"unfinished", ws, observed(applied(w, unfinished)), PlanOptions{},
			"~ api  unchanged\n    unfinished: its last update was not confirmed\n1 to finish\n"},
		{"unfinished and changed", ws, observed(applied(wanted("api", env("X", manifest.Plain(""))), unfinished)), PlanOptions{},
			"~ api  update\n    environment.X: \"\" removed\n1 to update\n"},
		{"nothing recorded", ws, observed(applied(w, func(d *Daemon) { d.Hash, d.Fields = "", nil })), PlanOptions{},
			"~ api  update\n    record: what it was made from is not readable\n1 to update\n"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestPlanExplainsFields(t *testing.T) {
	long := strings.Repeat("a", 100)
	secret := func(text string) func(*workload.Workload) { return env("KEY", manifest.Secret(text, "file key")) }
	health := &manifest.HealthCheck{Command: []string{"/h", "a b"}, Interval: 10 * time.Second, Timeout: 2 * time.Second, FailureThreshold: 3}
	for _, c := range []struct {
		name     string
		old, new workload.Workload
		want     string
	}{
		{"added and removed", wanted("api", env("A", manifest.Plain("1"))), wanted("api", env("B", manifest.Plain(""))),
			`environment.A: "1" removed; environment.B: "" added`},
		{"secret", wanted("api", secret("hunter2")), wanted("api", secret("hunter3")), `environment.KEY: (secret) changed`},
		{"secret added", wanted("api"), wanted("api", secret("hunter2")), `environment.KEY: (secret) added`},
		{"secret removed", wanted("api", secret("hunter2")), wanted("api"), `environment.KEY: (secret) removed`},
		{"plain value became secret", wanted("api", env("KEY", manifest.Plain("hunter2"))), wanted("api", secret("hunter2")),
			`environment.KEY: (secret) changed`},
		{"away from a default", wanted("api"), wanted("api", func(w *workload.Workload) { w.StopGrace = 45 * time.Second }),
			`stopGracePeriodSeconds: 30 → 45`},
		{"back to a default", wanted("api", func(w *workload.Workload) { w.HostNetwork = true }), wanted("api"),
			`runtime.networkMode: host → appnet`},
		{"limits", wanted("api", func(w *workload.Workload) { w.MemoryLimit, w.CPULimit = 128<<20, 100 }),
			wanted("api", func(w *workload.Workload) { w.MemoryLimit = 1<<30 + 1 }), `cpu.desired: 0.1 removed; memory.desired: 128Mi → 1073741825`},
		{"health check", wanted("api"), wanted("api", func(w *workload.Workload) { w.Health = health }),
			`healthCheck.command: ["/h","a b"] added; healthCheck.intervalSeconds: 5 → 10`},
		{"long value differs at its end", wanted("api", env("L", manifest.Plain(long+"x"))), wanted("api", env("L", manifest.Plain(long+"y"))),
			`environment.L: "…aaaaaaaaaaaax" → "…aaaaaaaaaaaay"`},
		{"long value added", wanted("api"), wanted("api", env("L", manifest.Plain(long))),
			`environment.L: "` + long[:60] + `…" added`},
		{"several lines and an escape sequence", wanted("api", env("L", manifest.Plain("a\nb"))), wanted("api", env("L", manifest.Plain("\x1b[2J"))),
			`environment.L: "a\nb" → "\x1b[2J"`},
		{"image reference", wanted("api"), wanted("api", func(w *workload.Workload) { w.Image = "example.test/api:2" }),
			`image: example.test/api:1 → example.test/api:2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			images := map[string]string{c.new.Image: "sha256:aaaaaaaaaaaaaaaa"}
			var got []string
			for _, cause := range Causes(c.new, applied(c.old), images) {
				got = append(got, cause.String())
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("causes differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanSeesANewImageBehindTheSameReference(t *testing.T) {
	w := wanted("api")
	o := observed(applied(w))
	o.Images = map[string]string{w.Image: "sha256:bbbbbbbbbbbbbbbbbbbb"}
	planCase{"", []workload.Workload{w}, o, PlanOptions{}, `
		~ api  update
		    image: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb
		1 to update
		`}.run(t)

	moved := wanted("api", func(w *workload.Workload) { w.Image = "example.test/api:2" })
	o.Images = map[string]string{moved.Image: "sha256:bbbbbbbbbbbbbbbbbbbb"}
	planCase{"", []workload.Workload{moved}, o, PlanOptions{}, `
		~ api  update
		    image: example.test/api:1 → example.test/api:2
		1 to update
		`}.run(t)
}

func TestPlanKeepsData(t *testing.T) {
	with, without := wanted("api", volume("cache")), wanted("api")
	other := wanted("worker", volume("jobs"))
	data := []Data{{Name: "edge-jobs", Resource: "jobs"}, {Name: "edge-cache", Resource: "cache"}}
	see := func(daemons ...Daemon) Observed { return Observed{Daemons: daemons, Key: testKey, Data: data} }
	for _, c := range []planCase{
		{"used", []workload.Workload{with, other}, see(applied(with), applied(other)), PlanOptions{}, `
			= api     unchanged
			= worker  unchanged
			2 unchanged
			`},
		{"user left the manifest", []workload.Workload{with}, see(applied(with), applied(other)), PlanOptions{}, `
			= api     unchanged
			- worker  delete
			    not in the manifest
			= data edge-jobs of resource jobs  kept
			1 to delete, 1 unchanged
			`},
		{"user left the manifest and stays", []workload.Workload{with}, see(applied(with), applied(other)),
			PlanOptions{NoPrune: true}, `
			= api  unchanged
			1 unchanged
			`},
		{"link dropped", []workload.Workload{without, other}, see(applied(with), applied(other)), PlanOptions{}, `
			~ api     update
			    links.cache: edge-cache at /var/lib/alien/cache removed
			= worker  unchanged
			= data edge-cache of resource cache  kept
			1 to update, 1 unchanged
			`},
		{"link dropped, but not now", []workload.Workload{without, other}, see(applied(with), applied(other)), only("worker"), `
			= worker  unchanged
			1 unchanged
			`},
	} {
		t.Run(c.name, c.run)
	}
}

func TestDownPlan(t *testing.T) {
	api, worker := applied(wanted("api", volume("cache"))), applied(wanted("worker", volume("cache"), volume("jobs")))
	o := observed(worker, api)
	o.Data = []Data{{Name: "edge-cache", Resource: "cache"}, {Name: "edge-jobs", Resource: "jobs"}}
	for _, c := range []struct {
		name   string
		o      Observed
		only   []string
		delete bool
		want   string
	}{
		{"whole", o, nil, false, `
			- api     delete
			- worker  delete
			= data edge-cache of resource cache  kept
			= data edge-jobs of resource jobs  kept
			2 to delete
			`},
		{"with its data", o, nil, true, `
			- api     delete
			- worker  delete
			- data edge-cache of resource cache  delete
			- data edge-jobs of resource jobs  delete
			2 to delete, 2 data to delete
			`},
		{"one, with the data only it uses", o, []string{"worker"}, true, `
			- worker  delete
			- data edge-jobs of resource jobs  delete
			1 to delete, 1 data to delete
			`},
		{"data only", Observed{Data: o.Data}, nil, true, `
			- data edge-cache of resource cache  delete
			- data edge-jobs of resource jobs  delete
			2 data to delete
			`},
		{"nothing there", Observed{}, nil, true, `
			nothing to do
			`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := MakeDownPlan("edge", c.o, c.only, c.delete)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(unindent(c.want), p.String()); diff != "" {
				t.Errorf("plan differs (-want +got):\n%s", diff)
			}
			if empty := c.want == "\n\t\t\tnothing to do\n\t\t\t"; p.Empty() != empty {
				t.Errorf("Empty() = %v, want %v", p.Empty(), empty)
			}
		})
	}
}

func TestPlanRefusals(t *testing.T) {
	ws := []workload.Workload{wanted("connector"), wanted("worker")}
	foreign := observed(applied(wanted("web")), applied(wanted("db")))
	makePlan := func(o Observed, opts PlanOptions) error { _, err := MakePlan("edge", ws, o, opts); return err }
	down := func(o Observed, names ...string) error { _, err := MakeDownPlan("edge", o, names, false); return err }
	for _, c := range []struct {
		name    string
		err     error
		reason  Reason
		message string
		hint    string
	}{
		{"typing mistake", makePlan(Observed{}, only("conector", "worker")), DaemonUnknown,
			`the manifest has no daemon "conector"`, `did you mean "connector"?`},
		{"two mistakes", makePlan(Observed{}, only("wroker", "x", "wroker")), DaemonUnknown,
			`the manifest has no daemon "wroker" or "x"`, `did you mean "worker"?`},
		{"nothing like it", makePlan(Observed{}, only("zzz")), DaemonUnknown,
			`the manifest has no daemon "zzz"`, `its daemons are connector, worker`},
		{"down of a daemon that is not there", down(observed(applied(ws[0])), "api"), DaemonUnknown,
			`the stack "edge" has no daemon "api"`, `its only daemon is connector`},
		{"down of a daemon of no stack", down(Observed{}, "api"), DaemonUnknown, `the stack "edge" has no daemon "api"`, ``},
		{"another stack of the same name", makePlan(foreign, PlanOptions{}), StackTaken,
			`the stack "edge" is another one: it runs db, web, applied from edge/alien.yaml on host, and this manifest has none of these daemons`,
			`give this stack another name, or pass --adopt to remove those daemons and use the name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p *Problem
			if !errors.As(c.err, &p) {
				t.Fatalf("got %v, want a *Problem", c.err)
			}
			got := []string{string(p.Reason), p.Error(), p.Hint}
			if diff := cmp.Diff([]string{string(c.reason), c.message, c.hint}, got); diff != "" {
				t.Errorf("problem differs (-want +got):\n%s", diff)
			}
		})
	}
	if err := makePlan(foreign, PlanOptions{NoPrune: true}); err != nil {
		t.Errorf("with no prune nothing is removed, so nothing is to be refused: %v", err)
	}
}

func TestPlanTextOfARestart(t *testing.T) {
	p := Plan{Stack: "edge", Changes: []Change{{Daemon: "api", Action: Restarted}}}
	if want := "~ api  restart\n1 to restart\n"; p.String() != want || p.Empty() {
		t.Errorf("got %q, empty %v; want %q", p, p.Empty(), want)
	}
}

func TestPlanEmpty(t *testing.T) {
	w := wanted("api")
	for _, c := range []struct {
		name string
		o    Observed
		want bool
	}{
		{"unchanged", observed(applied(w)), true},
		{"unchanged with data kept", Observed{Daemons: []Daemon{applied(w)}, Data: []Data{{Name: "edge-x", Resource: "x"}}}, true},
		{"to be finished", observed(applied(w, unfinished)), false},
		{"to be created", Observed{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := MakePlan("edge", []workload.Workload{w}, c.o, PlanOptions{})
			if err != nil || p.Empty() != c.want {
				t.Errorf("Empty() = %v, want %v (%v)", p.Empty(), c.want, err)
			}
		})
	}
}

func TestPlanJSON(t *testing.T) {
	old := wanted("api", env("KEY", manifest.Secret("hunter2", "file key")))
	now := wanted("api", env("KEY", manifest.Secret("hunter3", "file key")), env("LOG_LEVEL", manifest.Plain("")))
	o := observed(applied(old), applied(wanted("old", volume("cache"))))
	o.Data = []Data{{Name: "edge-cache", Resource: "cache"}}
	p, err := MakePlan("edge", []workload.Workload{now}, o, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
 "stack": "edge",
 "changes": [
  {
   "daemon": "api",
   "action": "update",
   "causes": [
    {
     "path": "environment.KEY",
     "kind": "changed",
     "secret": true
    },
    {
     "path": "environment.LOG_LEVEL",
     "kind": "changed",
     "old": "info"
    }
   ]
  },
  {
   "daemon": "old",
   "action": "delete",
   "causes": [
    {
     "path": "manifest"
    }
   ]
  }
 ],
 "keptData": [
  {
   "name": "edge-cache",
   "resource": "cache"
  }
 ]
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
	if strings.Contains(p.String(), "hunter") {
		t.Errorf("the plan shows a secret:\n%s", p)
	}
}
