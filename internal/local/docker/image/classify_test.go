package image

import (
	"strings"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/oci"
	"github.com/alienplatform/alien-go/internal/testbed/storetest"
)

func TestBrokenAnswerIsTheEnginesTrouble(t *testing.T) {
	ref, err := oci.ParseReference("app")
	must(t, err)
	err = follow(strings.NewReader(`{"status":"Pulling from library/app"}{"stat`), func(message) {})
	fault := classify(ref, err)
	if fault.Transient {
		t.Error("it would be tried again")
	}
	storetest.Verdict(t, problem(fault, ref, err, nil), deploy.EngineUnreachable)
}
