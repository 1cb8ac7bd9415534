package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/progress"
	"github.com/alienplatform/alien-go/internal/cli/ui"
)

// common are the flags that commands share.
type common struct {
	output, color                string
	file, values, stack          string
	platform, runtime, progress  string
	context, dockerContext, name string // name is the namespace

	createNamespace, forceConflicts bool
	manager, keyFile                string
}

func (c *common) addRootFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	enum(cmd, f, &c.output, "output", "o", "text", "`format` of the result", "text", "json", "yaml")
	enum(cmd, f, &c.color, "color", "", "auto", "`when` to use colours", "auto", "always", "never")
}

func (c *common) addDaemonFlags(d *deps, cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	c.addFile(cmd, f, "f")
	f.StringVar(&c.values, "values", "", "`path` of a file with what a compiled stack lacks: inputs, bindings, variables, deployment")
	f.StringVar(&c.stack, "stack", "", "`name` of the stack (default: the manifest's)")
	enum(cmd, f, &c.platform, "platform", "p", "", "`platform`: local, kubernetes (default: local, unless the manifest lists only kubernetes)",
		"local", "kubernetes", "aws", "gcp", "azure", "machines", "test")
	enum(cmd, f, &c.runtime, "runtime", "", "auto", "what runs local daemons: `runtime` auto, docker or process", "auto", "docker", "process")
	f.StringVar(&c.dockerContext, "docker-context", "", "Docker context `name` (default: Docker's own choice)")
	f.StringVar(&c.context, "context", "", "Kubernetes context `name`")
	f.StringVarP(&c.name, "namespace", "n", "", "Kubernetes namespace `name`")
	enum(cmd, f, &c.progress, "progress", "", "auto", "`how` to show progress: auto, tty, plain, quiet", "auto", "tty", "plain", "quiet")
	c.addManagerFlags(cmd)
	completeFlag(cmd, "stack", d.completeStacks(c))
	completeFlag(cmd, "values", completeFiles("yaml", "yml", "json"))
}

func (c *common) addFile(cmd *cobra.Command, f *pflag.FlagSet, short string) {
	f.StringVarP(&c.file, "file", short, "", "manifest `path`, - for standard input (default: alien.yaml, alien.yml or alien.json, here or above)")
	completeFlag(cmd, "file", completeFiles("yaml", "yml", "json"))
}

// format is the output format; it is valid, because the flag takes nothing else.
func (c *common) format() output.Format { return output.Format(c.output) }

// theme is how text on w looks.
func (d *deps) theme(c *common, w io.Writer) ui.Theme {
	width, _, _ := terminalSize(w)
	return ui.Theme{Color: d.colored(c, w), Width: width}
}

// colored decides whether text on w carries colours: the flag, then NO_COLOR, then whether a capable terminal is there.
func (d *deps) colored(c *common, w io.Writer) bool {
	switch c.color {
	case "always":
		return true
	case "never":
		return false
	}
	if v, _ := d.env("NO_COLOR"); v != "" {
		return false
	}
	return isTerminal(w) && d.capable()
}

// capable says whether a terminal, where there is one, understands more than lines of text.
func (d *deps) capable() bool {
	t, _ := d.env("TERM")
	return t != "dumb"
}

// progressMode decides how progress is shown on standard error.
func (d *deps) progressMode(c *common) progress.Mode {
	if c.progress != "auto" {
		return progress.Mode(c.progress)
	}
	if ci, _ := d.env("CI"); ci == "" && isTerminal(d.streams.Err) && d.capable() {
		return progress.TTY
	}
	return progress.Plain
}

// explicitOnly marks flags that neither environment nor configuration may set: what destroys, takes over or removes a
// safety net has to be asked for each time.
const explicitOnly = "alien-explicit-only"

func explicit(cmd *cobra.Command, names ...string) {
	for _, n := range names {
		if err := cmd.Flags().SetAnnotation(n, explicitOnly, []string{"true"}); err != nil {
			panic(err) // the flag is added on the line before
		}
		cmd.Flags().Lookup(n).Usage += " (command line only)"
	}
}

// word is a flag that takes one of a few words.
type word struct {
	value   *string
	allowed []string
}

func enum(cmd *cobra.Command, f *pflag.FlagSet, value *string, name, short, def, usage string, allowed ...string) {
	*value = def
	f.VarP(&word{value: value, allowed: allowed}, name, short, usage)
	completeFlag(cmd, name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

// String is the word.
func (w *word) String() string {
	if w.value == nil {
		return ""
	}
	return *w.value
}

// Type is what help shows for it.
func (w *word) Type() string { return "string" }

// Set takes one of the allowed words.
func (w *word) Set(s string) error {
	if !slices.Contains(w.allowed, s) {
		return fmt.Errorf("it takes %s", strings.Join(w.allowed, ", "))
	}
	*w.value = s
	return nil
}

// invalidValue is wrong usage of a flag's value, wherever that came from.
func invalidValue(origin string, f *pflag.Flag, value string, err error) error {
	return usagef(valueHint(f, value), "%s: cannot use %q: %v", origin, value, expected(f, err))
}

func valueHint(f *pflag.Flag, value string) string {
	if w, ok := f.Value.(*word); ok {
		return wordHint(f.Name, value, w.allowed)
	}
	if _, err := strconv.Atoi(value); err == nil && f.Value.Type() == "duration" && value != "0" {
		return "did you mean " + strings.TrimPrefix(value, "-") + "s?"
	}
	return ""
}

// wordHint also knows a platform by its short name, and a runtime that was taken for one.
func wordHint(flag, value string, allowed []string) string {
	switch {
	case flag == "platform" && value == "k8s":
		return `did you mean "kubernetes"?`
	case flag == "platform" && (value == "docker" || value == "process"):
		return "use --runtime " + value
	}
	return didYouMean(value, allowed)
}

// expected says what a flag takes; what the parser has to say about it is meant for programmers.
func expected(f *pflag.Flag, err error) string {
	switch f.Value.Type() {
	case "bool":
		return "it takes true or false"
	case "int":
		return "it takes a whole number"
	}
	return err.Error()
}

// refuseFlags ends a command that was given flags that mean nothing there; those set elsewhere are defaults for other commands.
func refuseFlags(cmd *cobra.Command, where string, names ...string) error {
	for _, n := range names {
		if f := cmd.Flags().Lookup(n); f != nil && f.Changed && !fromElsewhere(f) {
			return usagef(orHelp("", cmd), "--%s has no meaning %s", n, where)
		}
	}
	return nil
}
