package workload

import (
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// TokenVariable holds the token that a daemon takes its commands with.
const TokenVariable = "ALIEN_COMMANDS_TOKEN"

// urlVariable says where it takes them from.
const urlVariable = "ALIEN_COMMANDS_URL"

// Commands says how a daemon takes commands; Enabled false is not at all.
type Commands struct {
	Enabled bool
	// Tokens are the ids of the tokens that the manager accepts from this daemon; nil is that nobody asked, and any is
	// taken for one.
	Tokens []string
}

// WithCommands gives a workload that takes commands the variables for it. The token is still to be made, unless the daemon
// that runs is found to have one: see Keeping. base is the manager's address as the daemon sees it; empty is not known, and
// what runs is taken to be right.
func (w Workload) WithCommands(base string, tokens []string) Workload {
	if !w.Commands.Enabled {
		return w
	}
	w.Env = slices.Clone(w.Env)
	w.Commands.Tokens = tokens
	w.set(urlVariable, manifest.Plain(commandsURL(base)))
	w.set(TokenVariable, manifest.Issued("", ""))
	w.set("ALIEN_COMMANDS_TARGET_RESOURCE_ID", manifest.Plain(w.Daemon))
	w.set("ALIEN_COMMANDS_TARGET_RESOURCE_TYPE", manifest.Plain("daemon"))
	return w
}

func commandsURL(base string) string {
	if base == "" {
		return ""
	}
	return strings.TrimRight(base, "/") + "/v1"
}

// WithToken puts a token that was made for the workload into its place.
func (w Workload) WithToken(id, secret string) Workload {
	w.Env = slices.Clone(w.Env)
	for i := range w.Env {
		if w.Env[i].Name == TokenVariable {
			w.Env[i].Value = manifest.Issued(id, secret)
		}
	}
	return w
}

// Keeping takes over what a running daemon has already and what need not be known again: its token, as long as the manager
// accepts it, and the manager's address where it is not known now. recorded are the fields of the daemon's fingerprint.
func (w Workload) Keeping(recorded []Field) Workload {
	if !w.Commands.Enabled {
		return w
	}
	if id := TokenOf(recorded); id != "" && (w.Commands.Tokens == nil || slices.Contains(w.Commands.Tokens, id)) {
		w = w.WithToken(id, "")
	}
	i := slices.IndexFunc(w.Env, func(e manifest.Env) bool { return e.Name == urlVariable && e.Value.Reveal() == "" })
	if url := fieldValue(recorded, urlVariable); i >= 0 && url != "" {
		w.Env = slices.Clone(w.Env)
		w.Env[i].Value = manifest.Plain(url)
	}
	return w
}

// TokenOf gives the id of the token that a daemon was made with, "" where it has none.
func TokenOf(recorded []Field) string {
	id, _ := strings.CutPrefix(fieldValue(recorded, TokenVariable), issuedPrefix)
	return id
}

func fieldValue(recorded []Field, variable string) string {
	for _, f := range recorded {
		if f.Path == "environment."+variable {
			return f.Value
		}
	}
	return ""
}
