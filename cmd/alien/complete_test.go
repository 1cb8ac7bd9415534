package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alienplatform/alien-go/internal/cli"
)

// TestScriptsUseEverything: no command, no flag and no exit code without a script that uses it.
func TestScriptsUseEverything(t *testing.T) {
	lines := scriptLines(t)
	reference := cli.NewReference()
	eachCommand(reference.Root, func(cmd *cobra.Command) {
		uses := usesOf(cmd, lines)
		if len(uses) == 0 {
			t.Errorf("no script runs %s", cmd.CommandPath())
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { assertUsed(t, cmd, f, uses) })
		cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { assertUsed(t, cmd, f, uses) })
	})
	for _, exit := range reference.ExitCodes {
		for _, code := range exit.Codes {
			prefix := "exits " + strconv.Itoa(code) + " "
			if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, prefix) }) {
				t.Errorf("no script ends with exit code %d (%s)", code, exit.Meaning)
			}
		}
	}
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		eachCommand(c, do)
	}
}

// scriptLines are the lines of all scripts that run something, without the files that come with them.
func scriptLines(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "scripts", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	var lines []string
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(b), "\n-- ")
		for line := range strings.Lines(script) {
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

// usesOf gives, of every line that runs the command or one below it, the words after the command's path.
func usesOf(cmd *cobra.Command, lines []string) [][]string {
	names := strings.Join(append([]string{cmd.Name()}, cmd.Aliases...), "|")
	parent := ""
	if cmd.HasParent() {
		parent = regexp.QuoteMeta(cmd.Parent().CommandPath()) + " "
	}
	run := regexp.MustCompile(`(?:^|[ '])` + parent + `(?:` + names + `)(?:$|[ '].*)`)
	var uses [][]string
	for _, line := range lines {
		if found := run.FindString(line); found != "" {
			uses = append(uses, strings.FieldsFunc(found, func(r rune) bool { return strings.ContainsRune(" =';", r) }))
		}
	}
	return uses
}

func assertUsed(t *testing.T, cmd *cobra.Command, f *pflag.Flag, uses [][]string) {
	t.Helper()
	used := slices.ContainsFunc(uses, func(words []string) bool {
		return slices.Contains(words, "--"+f.Name) || f.Shorthand != "" && slices.Contains(words, "-"+f.Shorthand)
	})
	if !used {
		t.Errorf("no script gives --%s to %s", f.Name, cmd.CommandPath())
	}
}
