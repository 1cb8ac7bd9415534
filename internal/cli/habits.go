package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Words that people bring along from other tools, and what to type here. What is merely misspelled is not among them.

// commandHabits are commands, by what they are called elsewhere.
func commandHabits() map[string]string {
	return map[string]string{
		"start": "up", "apply": "up", "deploy": "up", "install": "up", "upgrade": "up", "run": "up", "create": "up",
		"stop": "down", "rm": "down", "remove": "down", "delete": "down", "destroy": "down", "uninstall": "down", "kill": "down",
		"ps": "status", "get": "status", "describe": "status", "inspect": "status", "top": "status", "wait": "status --watch",
		"log": "logs", "tail": "logs -f", "attach": "logs -f",
		"plan": "diff", "validate": "preflight", "lint": "preflight", "check": "preflight", "config": "preflight", "verify": "preflight",
		"list": "ls", "stacks": "ls", "pull": "up --pull always", "recreate": "up --force-recreate",
	}
}

// flagHabits are flags, by what they are called elsewhere: -d, detach.
func flagHabits() map[string]string {
	const waits = "up waits by itself; --no-wait is the exception"
	return map[string]string{
		"d": "use --no-wait", "detach": "use --no-wait", "wait": waits, "wait-timeout": "use --timeout", "atomic": "an update that fails is undone by itself",
		"v": "use --delete-data to delete data", "volumes": "use --delete-data", "purge": "use --delete-data",
		"build": "images are not built here; build it first and name it in the manifest", "y": "nothing asks; leave it out", "yes": "nothing asks; leave it out",
		"force": "use --force-recreate to replace what has not changed", "remove-orphans": "up removes them by itself; --no-prune is the exception", "prune": "up prunes by itself; --no-prune is the exception",
		"q": "use --progress quiet", "quiet": "use --progress quiet", "json": "use -o json", "format": "use --output", "verbose": "everything that is known is shown", "no-color": "use --color never",
		"project-name": "use --stack", "name": "use --stack", "H": "set DOCKER_HOST, or use --docker-context", "host": "set DOCKER_HOST, or use --docker-context",
		"kubeconfig": "set KUBECONFIG", "kube-context": "use --context", "env-file": "set the variables before: set -a; . ./FILE; set +a",
		"set": "write ${NAME} in the manifest, and set the variable", "detailed-exitcode": "use --exit-code",
	}
}

// commandHint says what an unknown command probably should have been.
func commandHint(parent *cobra.Command, word string) string {
	path := parent.Root().Name() + " daemon "
	if habit, ok := commandHabits()[word]; ok {
		return path + habit
	}
	if hint := didYouMean(word, childNames(parent)); hint != "" {
		return hint
	}
	if daemon, _, err := parent.Root().Find([]string{"daemon", word}); err == nil && daemon.Name() == word {
		return path + word
	}
	return orHelp("", parent)
}

// flagHint says what an unknown flag probably should have been.
func flagHint(cmd *cobra.Command, name string) string {
	near, ok := manifest.Nearest(name, flagNames(cmd))
	habit := flagHabits()[name]
	switch {
	case habit != "" && offers(cmd, habit):
		return habit
	case ok && len(name) > 1:
		return fmt.Sprintf(`did you mean "--%s"?`, near)
	}
	return orHelp("", cmd)
}

// offers says whether a command has the flag that a hint names, if it names one.
func offers(cmd *cobra.Command, hint string) bool {
	_, rest, names := strings.Cut(hint, "--")
	flag, _, _ := strings.Cut(rest, " ")
	return !names || slices.Contains(flagNames(cmd), flag)
}

// daemonNames takes names of daemons as arguments, and notices a manifest that was meant for --file.
func daemonNames(cmd *cobra.Command, args []string) error {
	for _, a := range args {
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(a)) {
			return usagef("name the manifest with --file "+a, "%q is not the name of a daemon", a)
		}
	}
	return nil
}

// duration is a flag that takes a time span of at least some length.
type duration struct {
	value *time.Duration
	least time.Duration
}

func addDuration(f *pflag.FlagSet, value *time.Duration, name string, def, least time.Duration, usage string) {
	*value = def
	f.Var(&duration{value: value, least: least}, name, usage)
}

// String is the span; 0 is what help takes for no default.
func (d *duration) String() string {
	if d.value == nil || *d.value == 0 {
		return "0"
	}
	return d.value.String()
}

// Type is what help shows for it.
func (d *duration) Type() string { return "duration" }

// Set takes a span; a number alone says neither seconds nor minutes.
func (d *duration) Set(s string) error {
	span, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return errors.New("it takes a duration such as 90s, 5m or 1h30m")
	case span < 0:
		return errors.New("it cannot be negative")
	case span < d.least:
		return fmt.Errorf("it takes at least %s", d.least)
	}
	*d.value = span
	return nil
}
