package conformance

import (
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// TestDockerHealthCheckThatCannotWork: a check whose command cannot be run is told from one that does not end in time,
// though the engine has one exit code for both.
func TestDockerHealthCheckThatCannotWork(t *testing.T) {
	p := newProject(t, newDocker(t))
	p.manifest(`
daemons:
  absent:
    image: IMAGE
    command: [/daemon, run]
    healthCheck: { command: [/no/such/check], intervalSeconds: 1, failureThreshold: 2 }
  hanging:
    image: IMAGE
    command: [/daemon, run]
    healthCheck: { command: [/daemon, run], intervalSeconds: 1, timeoutSeconds: 1, failureThreshold: 1 }
`)
	report := p.up(4)
	for daemon, unrunnable := range map[string]bool{"absent": true, "hanging": false} {
		v := outcome(t, report, daemon).Verdict
		if v == nil || v.Reason != deploy.UnhealthyNow || v.Probe == nil || v.Probe.Unrunnable() != unrunnable || !unrunnable && v.Probe.Code != -1 {
			t.Errorf("%s: verdict %+v", daemon, v)
		} else {
			t.Logf("%s: %+v", daemon, v.Probe)
		}
	}
	p.alien("daemon", "up").exits(4).says("its command could not be run", "did not end in time")
}
