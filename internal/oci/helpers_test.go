package oci

import (
	"errors"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// engineHost is a host as a Docker engine is spoken of.
var engineHost = Host{Platform: Platform{OS: "linux", Arch: "amd64"}, Name: "the engine", Network: "the engine's network"}

// verdict checks that err is a problem with that reason, and gives its text.
func verdict(t *testing.T, err error, reason deploy.Reason) string {
	t.Helper()
	var p *deploy.Problem
	if !errors.As(err, &p) || p.Reason != reason {
		t.Fatalf("got %v; want a problem %s", err, reason)
	}
	return p.Error() + "; " + p.Hint
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
