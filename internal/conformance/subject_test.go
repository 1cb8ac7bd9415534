// Package conformance is the suite that every platform passes, written once against the command line: it runs the real
// binary and reads what it says, and looks at the platform only through the few methods of a subject.
package conformance

import (
	"testing"

	"github.com/alienplatform/alien-go/internal/testbed"
)

// subject is a platform under the suite. Everything the suite needs to know of a platform is here.
type subject interface {
	// flags select the target on every command.
	flags() []string
	// env is what commands need in their environment to reach the target, NAME=value.
	env() []string
	// stack gives a stack name that nothing else uses, and cleans up after the test.
	stack(t *testing.T) string
	// image gives a reference under which the platform has the image.
	image(t *testing.T, v testbed.Variant) string
	// crash ends the daemon's process behind the runtime's back.
	crash(t *testing.T, stack, daemon string)
	// instances lists what the platform itself shows of a daemon, whatever alien says.
	instances(t *testing.T, stack, daemon string) []instance
	// foreign makes a running object with this name that is not ours, and gives a check that it was left alone.
	foreign(t *testing.T, name string) (untouched func())
	// stopByHand stops the daemon the way a person would, with the platform's own tool.
	stopByHand(t *testing.T, stack, daemon string)
	// leftovers lists everything of the stack that still exists, data included.
	leftovers(t *testing.T, stack string) []string
}

// limited is a subject that may be unable to hold a daemon to its limits, and then refuses them.
type limited interface{ limits() bool }

// healthBlind is a subject that knows nothing of the HEALTHCHECK that an image brings along, and says why: there, only the
// manifest's check counts.
type healthBlind interface{ ignoresImageHealth() (because string) }

// forgetful is a subject that may have forgotten how a run ended once the next one has begun, and says why.
type forgetful interface{ forgetsExits() (because string) }

// away is a subject that is not this machine: resources are not plain directories there, but services that it reaches.
type away interface {
	deploymentType() string
	variables() []string // those that the platform adds to what is specified
}

// distant is a subject whose images are pulled by other machines than the one that alien runs on, and says what that means:
// a registry that does not answer here may well answer there.
type distant interface{ pullsElsewhere() (because string) }

// confiding is a subject that has a place for secrets apart from all else, and finds texts that begin so nowhere but there.
type confiding interface {
	confides(t *testing.T, prefix string)
}

// instance is one thing the platform has of a daemon.
type instance struct {
	id      string
	running bool
}

// running gives the ids of the instances that run.
func running(list []instance) []string {
	var ids []string
	for _, i := range list {
		if i.running {
			ids = append(ids, i.id)
		}
	}
	return ids
}
