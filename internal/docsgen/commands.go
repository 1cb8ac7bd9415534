package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli"
)

// commandPage is the reference of the command line.
func commandPage() string {
	reference := cli.NewReference()
	var b strings.Builder
	b.WriteString(`# Command line

Every flag can also be set as the environment variable ALIEN_ followed by its name (ALIEN_PLATFORM), or in
$XDG_CONFIG_HOME/alien/config.yaml; the flag beats the variable, and that the file. Flags that destroy something can
only be given on the command line. The result goes to standard output, everything else to standard error.

## Exit codes

| code | meaning |
|---|---|
`)
	for _, e := range reference.ExitCodes {
		codes := strings.Trim(strings.ReplaceAll(fmt.Sprint(e.Codes), " ", ", "), "[]")
		fmt.Fprintf(&b, "| %s | %s |\n", codes, e.Meaning)
	}
	writeCommand(&b, reference.Root)
	return b.String()
}

// writeCommand writes a command and those below it, each with the flags that it adds.
func writeCommand(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", cmd.CommandPath(), text(sentence(cmd)))
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(b, "\n```\n%s\n```\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n```\n%s\n```\n", strings.TrimRight(dedent(cmd.Example), "\n"))
	}
	if own := cmd.LocalFlags(); own.HasAvailableFlags() && own.FlagUsages() != "" {
		what := "Flags"
		if cmd.HasAvailableSubCommands() {
			what = "Flags of this and all commands below it"
		}
		fmt.Fprintf(b, "\n%s:\n\n```\n%s\n```\n", what, strings.TrimRight(own.FlagUsages(), "\n"))
	}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			writeCommand(b, child)
		}
	}
}

// sentence is what a command does, at length where it says so.
func sentence(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return strings.TrimSpace(cmd.Long)
	}
	return strings.TrimSuffix(cmd.Short, ".") + "."
}

func dedent(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
