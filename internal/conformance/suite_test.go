package conformance

import "testing"

// suite is every promise, in the order in which a person would meet it.
var suite = []struct {
	name string
	run  func(p *project)
}{
	{"create", create},
	{"no-op", noOp},
	{"update", update},
	{"update of one daemon leaves the others alone", updateOne},
	{"failed update is rolled back", rolledBack},
	{"failed update stays without rollback", notRolledBack},
	{"second failed update goes back to the last ready one", rolledBackTwice},
	{"crash loop is replaced", crashLoopReplaced},
	{"prune", prune},
	{"partial up", partialUp},
	{"another stack of the same name", adopt},
	{"foreign object of the same name", foreignName},
	{"stopped by hand", stoppedByHand},

	{"crash twice then run", crashTwice},
	{"verdicts", verdicts},
	{"image verdicts", imageVerdicts},
	{"failed image leaves the old one running", imageFailureKeepsOld},
	{"image changes under its tag", tagMoves},
	{"image cannot be checked", imageUnchecked},
	{"slow start", slowStart},
	{"image's own health check", imageHealth},
	{"timeout while making progress", timeout},
	{"no wait", noWait},

	{"ignores SIGTERM", ignoresTerm},
	{"stop grace", stopGrace},
	{"environment", environment},
	{"commands", commands},
	{"remote manager", remoteManager},
	{"data", data},
	{"secrets", secrets},
	{"logs across restarts and replacements", logs},
	{"status exit codes", statusCodes},
	{"restart", restart},
	{"down without the manifest", downByName},
	{"interrupt during a replacement", interrupt},
	{"interrupt during a stop grace", interruptStop},
	{"four at once", fourAtOnce},
	{"restart and down during up", othersDuringUp},
}

// conform runs the suite on a platform.
func conform(t *testing.T, on subject) {
	for _, c := range suite {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newProject(t, on))
		})
	}
}
