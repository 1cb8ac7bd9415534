package preflight

import (
	"fmt"
	"time"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// checkCommands: a command that is given names what to run.
func checkCommands(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.Command != nil {
			r.command(d.Command, path+".command", "remove it to run what the image names")
		}
		if d.HealthCheck != nil {
			r.command(d.HealthCheck.Command, path+".healthCheck.command", "name what to run, for example [\"/connector\", \"health\"]")
		}
	})
}

func (r *report) command(args []string, path, hint string) {
	switch {
	case len(args) == 0:
		r.fail(CommandEmpty, path, "the command is empty", hint)
	case args[0] == "":
		r.fail(CommandEmpty, path, "the command's first word, the program, is empty", hint)
	}
}

// checkRanges holds the numbers of a daemon to what every target takes.
func checkRanges(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		r.seconds(d.StopGrace, time.Second, 24*time.Hour, path+".stopGracePeriodSeconds")
		r.seconds(d.Settle, 0, time.Hour, path+".minReadySeconds")
		r.count(d.StartFailuresAllowed, 0, 1000, path+".startFailuresAllowed")
	})
}

// checkHealthRanges does so for health checks.
func checkHealthRanges(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		h := d.HealthCheck
		if h == nil {
			return
		}
		path += ".healthCheck"
		r.seconds(h.Interval, time.Second, 24*time.Hour, path+".intervalSeconds")
		r.seconds(h.Timeout, time.Second, time.Hour, path+".timeoutSeconds")
		r.seconds(h.StartPeriod, 0, 24*time.Hour, path+".startPeriodSeconds")
		r.count(h.FailureThreshold, 1, 1000, path+".failureThreshold")
	})
}

func (r *report) seconds(d, least, most time.Duration, path string) {
	if d < least || d > most {
		r.fail(OutOfRange, path, fmt.Sprintf("%v seconds is out of range", d.Seconds()),
			fmt.Sprintf("use %v to %v", least.Seconds(), most.Seconds()))
	}
}

func (r *report) count(n, least, most int, path string) {
	if n < least || n > most {
		r.fail(OutOfRange, path, fmt.Sprintf("%d is out of range", n), fmt.Sprintf("use %d to %d", least, most))
	}
}
