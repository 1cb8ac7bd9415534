package conformance

import (
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/testbed"
)

// crashTwice: the default budget forgives two exits during start-up.
func crashTwice(p *project) {
	p.manifest(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, crash-until, "2", /shared/count]
    runtime: { mounts: [{ source: DIR, target: /shared }] }
`)
	p.up(0)
	d := p.daemonStatus(0, "api")
	if on, ok := p.on.(forgetful); ok && d.LastExit != nil && d.LastExit.Code == -1 {
		p.Logf("the exit code is not known any more: %s", on.forgetsExits())
		d.LastExit.Code = 1
	}
	if d.Restarts != 2 || d.LastExit == nil || d.LastExit.Code != 1 {
		p.Errorf("status: %+v, want 2 restarts after exit code 1", d)
	}
}

// verdicts: each way to fail is told from the others, with its evidence.
func verdicts(p *project) {
	cases := []struct {
		name, daemon string
		reason       deploy.Reason
		evidence     []string // what a person reads
	}{
		{"crash-loop", `command: [/daemon, exit, "7"]`, deploy.CrashLoop, []string{"exit code 7", "exiting with 7"}},
		{"no-budget", `{command: [/daemon, exit, "7"], startFailuresAllowed: 0}`, deploy.CrashLoop, []string{"exit code 7"}},
		{"exit-zero", `command: [/daemon, exit, "0"]`, deploy.ExitedZero, []string{"exit code 0"}},
		{"oom", `{command: [/daemon, alloc, "200000000"], memory: {min: 32Mi, desired: 32Mi}}`, deploy.OOMKilled, []string{"memory", "raise the daemon's memory.desired"}},
		{"unhealthy", `{command: [/daemon, run], healthCheck: {command: [/daemon, health, /tmp/never], intervalSeconds: 1, failureThreshold: 2}}`,
			deploy.UnhealthyNow, []string{"not ready: stat /tmp/never"}},
		{"no-command", `command: [/no/such/thing]`, deploy.CommandNotFound, []string{"the command /no/such/thing is not in the image"}},
		{"not-executable", `{image: NOTEXECUTABLE}`, deploy.CommandNotExecutable, nil},
		{"bad-format", `{image: BADFORMAT}`, deploy.ExecFormat, nil},
	}
	var manifest strings.Builder
	manifest.WriteString("\ndaemons:\n")
	for i, c := range cases {
		if on, ok := p.on.(limited); ok && c.reason == deploy.OOMKilled && !on.limits() {
			cases[i].reason, cases[i].evidence = deploy.ConfigRefused, []string{"memory"}
		}
		body := strings.TrimSuffix(strings.TrimPrefix(c.daemon, "{"), "}")
		if !strings.Contains(body, "image:") {
			body += ", image: IMAGE"
		}
		manifest.WriteString("  " + c.name + ": { " + body + " }\n")
	}
	p.manifest(strings.NewReplacer("NOTEXECUTABLE", p.on.image(p.T, testbed.NotExecutable), "BADFORMAT", p.on.image(p.T, testbed.BadFormat)).
		Replace(manifest.String()))
	report := p.up(4)
	text := p.alien("daemon", "up").exits(4)
	for _, c := range cases {
		got := outcome(p.T, report, c.name)
		if got.Verdict == nil || got.Verdict.Reason != c.reason || got.Outcome != deploy.OutcomeFailed {
			p.Errorf("%s: %s %+v, want it failed with %s", c.name, got.Outcome, got.Verdict, c.reason)
			continue
		}
		if got.Verdict.Hint == "" {
			p.Errorf("%s: the verdict has no hint", c.name)
		}
		text.says(append(c.evidence, string(c.reason))...)
	}
}

// imageVerdicts: an image that cannot be had is told at once, with the cause.
func imageVerdicts(p *project) {
	good := testbed.Registry(p.T)
	good.Push(p.T, "acme/wrong:1", testbed.WrongArch)
	good.PushIndex(p.T, "acme/others:1", "s390x", "riscv64")
	denied := testbed.Registry(p.T)
	denied.RequireBasic("alice", "not-told-to-anybody")
	limited := testbed.Registry(p.T)
	limited.Fail(testbed.Fault{Status: 429})
	down := testbed.Registry(p.T)
	down.Close()
	cases := []struct {
		name, image string
		reason      deploy.Reason
	}{
		{"missing", good.Host + "/acme/nothing:1", deploy.ImageNotFound},
		{"wrong-platform", good.Host + "/acme/wrong:1", deploy.ImagePlatform},
		{"other-platforms", good.Host + "/acme/others:1", deploy.ImagePlatform},
		{"denied", denied.Host + "/acme/api:1", deploy.ImageDenied},
		{"limited", limited.Host + "/acme/api:1", deploy.ImageRateLimited},
		{"down", down.Host + "/acme/api:1", deploy.RegistryUnreachable},
	}
	if on, ok := p.on.(distant); ok { // some nodes take a single image for theirs, and find out when they run it
		p.Logf("an image for another platform: %s", on.pullsElsewhere())
		cases = slices.Delete(cases, 1, 2)
	}
	text := "\ndaemons:\n"
	for _, c := range cases {
		text += "  " + c.name + ": { image: \"" + c.image + "\" }\n"
	}
	p.manifest(text)
	report := p.up(4)
	for _, c := range cases {
		got := outcome(p.T, report, c.name)
		if got.Verdict == nil || got.Verdict.Reason != c.reason {
			p.Errorf("%s: %+v, want %s", c.name, got.Verdict, c.reason)
			continue
		}
		if !strings.Contains(got.Verdict.Message, c.image) {
			p.Errorf("%s: the message does not name the image: %s", c.name, got.Verdict.Message)
		}
	}
}

// imageFailureKeepsOld: the new image is ready before the old instance is touched. Where other machines pull it, it is at
// least known to exist, as far as its registry answers; else the old one is put back.
func imageFailureKeepsOld(p *project) {
	p.manifest(oneRunning)
	p.up(0)
	before, started := p.only("api"), p.daemonStatus(0, "api").Since
	registry := testbed.Registry(p.T)
	p.manifest("\ndaemons:\n  api: { image: \"" + registry.Host + "/acme/api:2\" }\n")
	untouched := func(reason deploy.Reason) {
		if got := outcome(p.T, p.up(4), "api"); got.Verdict == nil || got.Verdict.Reason != reason || got.Outcome != deploy.OutcomeFailed {
			p.Errorf("%s %+v, want it failed with %s", got.Outcome, got.Verdict, reason)
		}
		if d := p.daemonStatus(0, "api"); p.only("api") != before || !d.Since.Equal(started) {
			p.Errorf("an image that cannot be had touched the running daemon: %+v", d)
		}
	}
	untouched(deploy.ImageNotFound)
	registry.Close()
	on, elsewhere := p.on.(distant)
	if !elsewhere {
		untouched(deploy.RegistryUnreachable)
		return
	}
	p.Logf("a registry that does not answer: %s", on.pullsElsewhere())
	if got := outcome(p.T, p.up(4), "api"); got.Verdict == nil || got.Verdict.Reason != deploy.RegistryUnreachable || got.Outcome != deploy.OutcomeRolledBack {
		p.Errorf("%s %+v, want it rolled back", got.Outcome, got.Verdict)
	}
	p.backToOne()
}

// slowStart: readiness does not wait for the runtime's first full health check interval, which is a minute here.
func slowStart(p *project) {
	p.manifest(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, slow-start, 1s, /tmp/ready]
    healthCheck: { command: [/daemon, health, /tmp/ready], intervalSeconds: 60 }
`)
	p.up(0, "--timeout", "40s")
	if d := p.daemonStatus(0, "api"); !d.Ready {
		p.Errorf("after up: %+v, want it ready", d)
	}
}

// imageHealth: where the manifest names no check the image's own one counts, and up waits for it.
func imageHealth(p *project) {
	p.manifest(strings.ReplaceAll(`
daemons:
  api: { image: CHECKED, command: [/daemon, slow-start, 1s, /tmp/ready] }
`, "CHECKED", p.on.image(p.T, testbed.Healthcheck)))
	report := p.up(0, "--timeout", "40s")
	want := deploy.Healthy
	if on, ok := p.on.(healthBlind); ok {
		p.Logf("the check does not count: %s", on.ignoresImageHealth())
		want = deploy.NoCheck
	}
	if d := p.daemonStatus(0, "api"); !d.Ready || d.Health != want || d.Restarts != 0 {
		p.Errorf("after up: %+v, want it ready, with health %q", d, want)
	}
	if took := outcome(p.T, report, "api").TookSeconds; want == deploy.Healthy && took < 1 {
		p.Errorf("up took %vs: it has not waited for the check, which passes after 1s", took)
	}
}

// timeout: still making progress is exit code 5; once a start or a probe has failed it is 4.
func timeout(p *project) {
	text := `
daemons:
  api: { image: IMAGE, command: COMMAND, minReadySeconds: 60 }
`
	p.manifest(strings.Replace(text, "COMMAND", "[/daemon, run]", 1))
	got := outcome(p.T, p.up(5, "--timeout", "1s"), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.StartTimeout || got.Outcome != deploy.OutcomeTimedOut {
		p.Errorf("time-out: %+v", got)
	}
	p.manifest(strings.Replace(text, "COMMAND", `[/daemon, crash-until, "1", /tmp/count]`, 1))
	p.up(4, "--timeout", "10s")
}

func noWait(p *project) {
	p.manifest(`
daemons:
  api:
    image: IMAGE
    command: [/daemon, slow-start, 10m, /tmp/ready]
    healthCheck: { command: [/daemon, health, /tmp/ready], intervalSeconds: 60, startPeriodSeconds: 600 }
`)
	if got := outcome(p.T, p.up(0, "--no-wait"), "api"); got.Outcome != deploy.OutcomeStarted {
		p.Errorf("up --no-wait: %s, want started", got.Outcome)
	}
	if d := p.daemonStatus(4, "api"); d.Ready || d.State != deploy.Running {
		p.Errorf("status: %+v, want it running and not ready", d)
	}
}

// imageUnchecked: an image that should have been checked and could not be is a verdict, and touches nothing.
func imageUnchecked(p *project) {
	registry := testbed.Registry(p.T)
	ref := registry.Push(p.T, "acme/api:1")
	missing := "\ndaemons:\n  api: { image: \"" + ref + "\" }\n"
	always := strings.Replace(missing, " }", ", pullPolicy: always }", 1)
	p.manifest(missing)
	p.up(0)
	before := p.only("api")
	registry.Close()
	got := outcome(p.T, p.up(4, "--pull", "always"), "api")
	if got.Verdict == nil || got.Verdict.Reason != deploy.RegistryUnreachable || p.only("api") != before {
		p.Errorf("the registry does not answer: %s %+v", got.Outcome, got.Verdict)
	}
	p.manifest(always)
	if d := p.daemonStatus(0, "api"); d.UpToDate == deploy.UpToDateYes {
		p.Errorf("status: %+v, want no word on whether it is up to date", d)
	}
	p.alien("daemon", "diff").exits(0).says(ref)
	p.up(4)
	p.manifest(missing)
	p.up(0)
}
