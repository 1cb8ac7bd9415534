package image

import (
	"errors"
	"strings"

	"github.com/docker/docker/client"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/docker/engine"
	"github.com/alienplatform/alien-go/internal/oci"
)

// onEngine is how verdicts speak of an engine of that platform.
func onEngine(p oci.Platform) oci.Host {
	return oci.Host{
		Platform: p,
		Name:     "the engine",
		Foreign:  ", or set DOCKER_DEFAULT_PLATFORM where the engine emulates other processors",
		Network:  "the engine's network; it is the engine that connects",
	}
}

// classify tells what kept the engine from pulling an image, which it tells only as text.
func classify(ref oci.Reference, err error) oci.Fault {
	if errors.Is(err, errBroken) || client.IsErrConnectionFailed(err) {
		return oci.Fault{} // the engine's own trouble, whatever its words
	}
	return onEngine(oci.Platform{}).Classify(ref, errors.New(plain(err)))
}

// problem is the fault, for people. loginErr is why there was no login, if that went wrong.
func problem(fault oci.Fault, ref oci.Reference, err, loginErr error) error {
	var known *deploy.Problem
	if connErr := engine.Problem(err); errors.As(connErr, &known) {
		return connErr
	}
	if errors.Is(err, errBroken) {
		return &deploy.Problem{Reason: deploy.EngineUnreachable, Message: "the connection to the engine broke while it pulled image " + ref.Text, Hint: "see whether Docker still runs", Err: err}
	}
	return fault.Problem(ref, loginErr)
}

// plain is the engine's text without the client's preface.
func plain(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}
