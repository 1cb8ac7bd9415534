package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

const oneRunning = `
daemons:
  api: { image: IMAGE, command: [/daemon, run], environment: { LEVEL: "1" } }
`

func create(p *project) {
	p.manifest(`
daemons:
  api: { image: IMAGE, command: [/daemon, run] }
  worker: { image: IMAGE, command: [/daemon, tick, 100ms] }
`)
	report := p.up(0)
	for _, daemon := range []string{"api", "worker"} {
		if got := outcome(p.T, report, daemon); got.Action != deploy.Create || got.Outcome != deploy.OutcomeReady {
			p.Errorf("%s: %s, %s; want it created and ready", daemon, got.Action, got.Outcome)
		}
		p.only(daemon)
	}
	status := p.status(0)
	if !status.Ready || len(status.Daemons) != 2 {
		p.Errorf("status: %+v, want two daemons and all ready", status)
	}
	for _, d := range status.Daemons {
		if !d.Ready || d.State != deploy.Running || d.UpToDate != "yes" || d.Restarts != 0 || d.Digest == "" {
			p.Errorf("status of %s: %+v", d.Daemon, d)
		}
	}
}

func noOp(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	before := p.only("api")
	if got := outcome(p.T, p.up(0), "api"); got.Action != deploy.Unchanged || got.Outcome != deploy.OutcomeReady {
		p.Errorf("second up: %s, %s; want unchanged and ready", got.Action, got.Outcome)
	}
	if after := p.only("api"); after != before {
		p.Errorf("second up replaced %s by %s", before, after)
	}
	if diff := decode[output.Diff](p.alien("daemon", "diff", "-o", "json", "--exit-code").exits(0)); diff.Changed {
		p.Errorf("diff of an unchanged stack: %+v", diff.Plan)
	}
}

// update proves by a file lock that old and new never run together: the mode single exits 77 while another holds it.
func update(p *project) {
	text := `
daemons:
  api:
    image: IMAGE
    command: [/daemon, single, /shared/lock]
    environment: { LEVEL: "LEVEL_VALUE" }
    runtime: { mounts: [{ source: DIR, target: /shared }] }
`
	p.manifest(strings.ReplaceAll(text, "LEVEL_VALUE", "1"))
	p.up(0)
	before := p.only("api")

	p.manifest(strings.ReplaceAll(text, "LEVEL_VALUE", "2"))
	if d := p.daemonStatus(0, "api"); d.UpToDate != "no" {
		p.Errorf("status before the update: up to date %s, want no", d.UpToDate)
	}
	p.alien("daemon", "diff", "--exit-code").exits(6).says("environment.LEVEL", `"1"`, `"2"`)
	if dry := p.up(0, "--dry-run"); !dry.DryRun || p.only("api") != before {
		p.Errorf("a dry run changed something, or does not say that it is one: %+v", dry)
	}
	report := p.up(0)
	want := deploy.Cause{Path: "environment.LEVEL", Kind: deploy.Changed, Old: "1", New: "2"}
	if c := report.Plan.Changes[0]; c.Action != deploy.Update || len(c.Causes) != 1 || c.Causes[0] != want {
		p.Errorf("plan of the update: %+v, want the one cause %+v", c, want)
	}
	if p.only("api") == before {
		p.Error("the old instance still runs")
	}
	if all := p.on.instances(p.T, p.stack, "api"); len(all) != 1 {
		p.Errorf("after the update there are %+v, want one instance", all)
	}
	if d := p.daemonStatus(0, "api"); d.Restarts != 0 {
		p.Errorf("the new instance restarted %d times: it met the old one", d.Restarts)
	}
}

func updateOne(p *project) {
	two := `
daemons:
  api: { image: IMAGE, environment: { LEVEL: "VALUE" } }
  worker: { image: IMAGE }
`
	p.manifest(strings.ReplaceAll(two, "VALUE", "1"))
	p.up(0)
	worker := p.only("worker")
	p.manifest(strings.ReplaceAll(two, "VALUE", "2"))
	report := p.up(0)
	if got := outcome(p.T, report, "worker"); got.Action != deploy.Unchanged || p.only("worker") != worker {
		p.Errorf("worker: %s, want it left alone", got.Action)
	}
}

const failing = `
daemons:
  api: { image: IMAGE, command: [/daemon, exit, "3"], environment: { LEVEL: "bad" } }
`

func rolledBack(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	p.manifest(failing)
	got := outcome(p.T, p.up(4), "api")
	if got.Outcome != deploy.OutcomeRolledBack || got.Verdict == nil || got.Verdict.Reason != deploy.CrashLoop {
		p.Fatalf("failed update: %+v, want it rolled back after a crash loop", got)
	}
	if v := got.Verdict; v.Exit == nil || v.Exit.Code != 3 || !slices.Contains(v.Logs, "exiting with 3") {
		p.Errorf("verdict lacks evidence: %+v", v)
	}
	p.backToOne()
}

// backToOne asserts that the daemon of oneRunning runs alone and ready, and that up finds nothing to do for it.
func (p *project) backToOne() {
	p.Helper()
	p.manifest(oneRunning)
	before := p.only("api")
	if d := p.daemonStatus(0, "api"); !d.Ready || d.UpToDate != "yes" {
		p.Errorf("restored daemon: %+v, want it ready and up to date", d)
	}
	if got := outcome(p.T, p.up(0), "api"); got.Action != deploy.Unchanged || p.only("api") != before {
		p.Errorf("up after the rollback: %s, want unchanged", got.Action)
	}
	if all := p.on.instances(p.T, p.stack, "api"); len(all) != 1 {
		p.Errorf("after the rollback there are %+v, want one instance", all)
	}
}

// crashLoopReplaced: what is just dying, or about to be started again, is replaced like anything else.
func crashLoopReplaced(p *project) {
	for i := range 4 {
		p.manifest(strings.ReplaceAll(failing, `"bad" }`, fmt.Sprintf(`"%d" }, startFailuresAllowed: %d`, i, i%2)))
		if got := outcome(p.T, p.up(4), "api"); got.Verdict == nil || got.Verdict.Reason != deploy.CrashLoop || got.Outcome != deploy.OutcomeFailed {
			p.Errorf("a crash loop in place of another: %s %+v", got.Outcome, got.Verdict)
		}
	}
	p.manifest(oneRunning)
	p.up(0)
	p.backToOne()
}

func rolledBackTwice(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	p.manifest(failing)
	p.up(4, "--no-rollback")
	p.manifest(strings.ReplaceAll(failing, `"3"`, `"4"`))
	if got := outcome(p.T, p.up(4), "api"); got.Outcome != deploy.OutcomeRolledBack {
		p.Fatalf("second failed update: %+v %+v, want it rolled back to the last ready one", got, got.Verdict)
	}
	p.backToOne()
}

func notRolledBack(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	p.manifest(failing)
	if got := outcome(p.T, p.up(4, "--no-rollback"), "api"); got.Outcome != deploy.OutcomeFailed {
		p.Errorf("failed update without rollback: %s, want failed", got.Outcome)
	}
	if d := p.daemonStatus(4, "api"); d.Ready {
		p.Errorf("the failed one is called ready: %+v", d)
	}
	p.manifest(strings.ReplaceAll(oneRunning, `"1"`, `"5"`))
	p.up(0)
	p.only("api")
	if all := p.on.instances(p.T, p.stack, "api"); len(all) != 1 {
		p.Errorf("after the repair there are %+v, want one instance", all)
	}
}

func prune(p *project) {
	two := "\ndaemons:\n  api: { image: IMAGE }\n  old: { image: IMAGE }\n"
	p.manifest(two)
	p.up(0)
	p.manifest("\ndaemons:\n  api: { image: IMAGE }\n")
	p.up(0, "--no-prune")
	p.only("old")
	report := p.up(0)
	if got := outcome(p.T, report, "old"); got.Action != deploy.Delete || got.Outcome != deploy.OutcomeRemoved {
		p.Errorf("old: %s, %s; want it removed", got.Action, got.Outcome)
	}
	if all := p.on.instances(p.T, p.stack, "old"); len(all) != 0 {
		p.Errorf("old still has %+v", all)
	}
	p.only("api")
}

func partialUp(p *project) {
	p.manifest("\ndaemons:\n  api: { image: IMAGE }\n  worker: { image: IMAGE }\n")
	p.up(0, "api")
	p.only("api")
	if all := p.on.instances(p.T, p.stack, "worker"); len(all) != 0 {
		p.Errorf("up api made worker: %+v", all)
	}
	p.up(0, "worker")
	p.only("api")
	p.only("worker")
	p.alien("daemon", "up", "wroker").exits(2).says("wroker", "worker")
}

func adopt(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	before := p.only("api")
	p.manifest("\ndaemons:\n  other: { image: IMAGE }\n")
	p.alien("daemon", "up").exits(1).says("STACK_NAME_TAKEN", "--adopt")
	if p.only("api") != before {
		p.Error("the refused up touched the other project's daemon")
	}
	p.up(0, "--adopt")
	p.only("other")
	if all := p.on.instances(p.T, p.stack, "api"); len(all) != 0 {
		p.Errorf("adopted, but api still has %+v", all)
	}
}

func foreignName(p *project) {
	untouched := p.on.foreign(p.T, p.stack+"-api")
	p.manifest("\ndaemons:\n  api: { image: IMAGE }\n  worker: { image: IMAGE }\n")
	got := outcome(p.T, p.up(4), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.NameTaken {
		p.Errorf("verdict on a taken name: %+v", got)
	}
	p.alien("daemon", "down").exits(0)
	untouched()
}

func stoppedByHand(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	p.on.stopByHand(p.T, p.stack, "api")
	if d := p.daemonStatus(4, "api"); d.Ready || !d.ByHand {
		p.Errorf("status of a daemon stopped by hand: %+v", d)
	}
	p.up(0)
	p.only("api")
}

func restart(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	before := p.daemonStatus(0, "api")
	p.file("alien.yaml", "name: "+p.stack+"\ndaemons: { api: {} }\n") // restart needs no valid manifest
	p.alien("daemon", "restart", "api").exits(0)
	p.manifest(oneRunning)
	after := p.daemonStatus(0, "api")
	if !after.Since.After(before.Since) || after.UpToDate != "yes" {
		p.Errorf("restart: before %+v, after %+v", before, after)
	}
	p.only("api")
	p.alien("daemon", "restart", "nobody").exits(2).says("DAEMON_UNKNOWN", "nobody")
}

func downByName(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	elsewhere := *p
	elsewhere.dir = p.TempDir()
	elsewhere.alien("daemon", "down", "--stack", p.stack).exits(0)
	if left := p.on.leftovers(p.T, p.stack); len(left) != 0 {
		p.Errorf("down left %v", left)
	}
	elsewhere.alien("daemon", "down", "--stack", p.stack).exits(0)
}

func data(p *project) {
	p.manifest(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, touch, /var/lib/alien/files/written]
    links: [files]
    runtime: { user: "1000:1000" }
resources:
  files: { type: storage }
`)
	if _, ok := p.on.(away); ok { // there are no plain directories to keep
		p.alien("daemon", "up").exits(3).says("files", "kubernetes")
		return
	}
	p.up(0)
	if d := p.daemonStatus(0, "api"); d.Restarts != 0 {
		p.Errorf("an ordinary user could not write to its storage: %+v", d)
	}
	p.alien("daemon", "down").exits(0).says("files")
	if left := p.on.leftovers(p.T, p.stack); len(left) != 1 {
		p.Errorf("down left %v, want the data and nothing else", left)
	}
	p.up(0)
	p.alien("daemon", "down", "--delete-data").exits(0)
	if left := p.on.leftovers(p.T, p.stack); len(left) != 0 {
		p.Errorf("down --delete-data left %v", left)
	}
}

func tagMoves(p *project) {
	registry := testbed.Registry(p.T)
	ref := registry.Push(p.T, "acme/api:1")
	p.manifest("\ndaemons:\n  api: { image: \"" + ref + "\" }\n")
	p.up(0)
	before := p.only("api")
	registry.Push(p.T, "acme/api:1", testbed.Plain.Salted("moved"))
	p.up(0)
	if p.only("api") != before {
		p.Error("pull policy missing replaced an instance because its tag moved in the registry")
	}
	report := p.up(0, "--pull", "always")
	if c := report.Plan.Changes[0]; c.Action != deploy.Update || c.Causes[0].Path != deploy.CauseImage {
		p.Errorf("plan with --pull always: %+v, want an update because of the image", c)
	}
	if p.only("api") == before {
		p.Error("--pull always did not replace the instance")
	}
	if got := outcome(p.T, p.up(0, "--pull", "always"), "api"); got.Action != deploy.Unchanged {
		p.Errorf("second --pull always: %s, want unchanged", got.Action)
	}
}
