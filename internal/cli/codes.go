package cli

import "github.com/alienplatform/alien-go/internal/manifest"

// ownCodes explains the codes of errors that arise here and nowhere else.
func ownCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: codeUsage, Summary: "the command line, the environment or the configuration file is wrong",
			Details: "A flag, command, argument or configuration entry does not exist or has a value it cannot have. Nothing was done; the exit code is 2.",
			Fix:     "Follow the hint below the error, or run the command with --help."},
		{Code: codeRefused, Summary: "preflight refused the manifest",
			Details: "The manifest has errors, each listed with its place and a code of its own. No engine, cluster or registry was contacted; the exit code is 3.",
			Fix:     "Put the findings right; alien explain CODE says more about each."},
		{Code: codeUnready, Summary: "a daemon is not ready",
			Details: "At the last look at least one daemon was not ready, also when its update has been rolled back since. The exit code is 4.",
			Fix:     "Read the verdict of each daemon: it has the cause, the exit code, the last log lines and a hint."},
		{Code: codeTimeout, Summary: "the time was up while daemons were still starting",
			Details: "--timeout ended the waiting for a daemon whose start and health checks had not failed so far. The exit code is 5.",
			Fix:     "Raise --timeout, or look with alien daemon logs at what the daemon is waiting for."},
		{Code: codeNoManager, Summary: "no manager is known, or no key for it",
			Details: "Commands and tokens are a manager's. It is named by --manager or ALIEN_MANAGER_URL, with the key in ALIEN_API_KEY or --api-key-file; one that runs on this machine under the same user is found.",
			Fix:     "Start a manager with alien serve, or name one and its key."},
		{Code: codeManagerSilent, Summary: "the manager does not answer",
			Details: "It could not be reached, or what answers there is not a manager with this API.",
			Fix:     "Look whether it runs and whether the address is right."},
		{Code: codeManagerRefused, Summary: "the manager refuses a request",
			Details: "The message has the manager's own words and code: a key that is not valid or not allowed to do that, something that does not exist.",
			Fix:     "Check the key, and the names in the command."},
		{Code: codeChanges, Summary: "the target differs from the manifest",
			Details: "diff --exit-code found changes. This is an answer, not a failure; the exit code is 6.",
			Fix:     "alien daemon up applies them."},
	}
}
