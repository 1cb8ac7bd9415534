// Package cli is the command tree: it turns flags, environment and configuration into options, picks the platform,
// calls the rooms that do the work, and renders what they return.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// deps is what every command is built with.
type deps struct {
	streams Streams
	env     func(string) (string, bool)
	environ func() []string
	now     func() time.Time
	open    func(context.Context, *deps, *common, manifest.Target) (deploy.Platform, error)
}

// Run runs one command line, without the program's name, and gives the exit code.
func Run(ctx context.Context, streams Streams, args []string) int {
	d := &deps{streams: streams, env: os.LookupEnv, environ: os.Environ, now: time.Now, open: openPlatform}
	c := &common{}
	root := newRootCmd(d, c)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		return d.end(ctx, c, args, err)
	}
	return exitOK
}

func newRootCmd(d *deps, c *common) *cobra.Command {
	root := &cobra.Command{
		Use:   "alien",
		Short: "Run daemons on Docker, on this machine or on Kubernetes, and keep them as the manifest says",
		Long: "Runs the daemons of a manifest on Docker, on this machine or on Kubernetes, and keeps them as it says. " +
			"Every flag can also be set as ALIEN_<FLAG> or in $XDG_CONFIG_HOME/alien/config.yaml, except those for the command line only; " +
			"the command line beats the environment, and that beats the file.",
		SilenceErrors: true,
		SilenceUsage:  true,
		// Flags come from the command line, then ALIEN_… variables, then the configuration file.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.configure(cmd); err != nil {
				return err
			}
			d.warnOfVariables(c, cmd)
			return nil
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(d.streams.In)
	root.SetOut(d.streams.Out)
	root.SetErr(d.streams.Err)
	root.SetFlagErrorFunc(flagError)
	root.Version = buildInfo().version
	root.SetVersionTemplate(versionText(versionDocument()))
	root.Flags().Bool("version", false, "print which build this is")
	c.addRootFlags(root)
	root.AddCommand(newDaemonCmd(d, c), newRuntimeCmd(d, c), newCommandsCmd(d, c), newTokensCmd(d, c), newServeCmd(d, c), newSchemaCmd(d, c), newExplainCmd(d, c), newVersionCmd(d, c), newCompletionCmd(d, c))
	group(root)
	addHelp(root)
	return root
}

func newDaemonCmd(d *deps, c *common) *cobra.Command {
	cmd := &cobra.Command{Use: "daemon", Short: "Bring up, look at and take down the daemons of a stack"}
	c.addDaemonFlags(d, cmd)
	cmd.AddCommand(newUpCmd(d, c), newDownCmd(d, c), newStatusCmd(d, c), newLogsCmd(d, c), newDiffCmd(d, c),
		newPreflightCmd(d, c), newRestartCmd(d, c), newLsCmd(d, c))
	return group(cmd)
}

// group makes a command that only holds others: alone, or with a word that is none of them, it is wrong usage.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return usagef(commandHint(cmd, args[0]), "unknown command %q for %q", args[0], cmd.CommandPath())
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return usagef(orHelp("", cmd), "%q needs a command: %s", cmd.CommandPath(), strings.Join(childNames(cmd), ", "))
	}
	return cmd
}

func childNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

// orHelp is the hint, or where there is none the way to the help.
func orHelp(hint string, cmd *cobra.Command) string {
	if hint != "" {
		return hint
	}
	return cmd.CommandPath() + " --help"
}

// flagError turns what the flag parser says into wrong usage that helps.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "" {
		return usagef(flagHint(cmd, unknown.GetSpecifiedName()), "unknown flag -%s for %q", unknown.GetSpecifiedName(), cmd.CommandPath())
	}
	if errors.As(err, &unknown) {
		return usagef(flagHint(cmd, unknown.GetSpecifiedName()), "unknown flag --%s for %q", unknown.GetSpecifiedName(), cmd.CommandPath())
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return invalidValue("--"+invalid.GetFlag().Name, invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap())
	}
	return usagef(orHelp("", cmd), "%v", err)
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// end reports an error and gives its exit code.
func (d *deps) end(ctx context.Context, c *common, args []string, err error) int {
	if unread(err) {
		return exitPipe
	}
	f := asFailure(ctx, err)
	format := d.errorFormat(c, args)
	if format != output.Text && !f.shown {
		doc := output.Error{Head: output.NewHead(output.KindError), Error: *f.toOutput(), Findings: f.findings}
		_ = output.Write(d.streams.Out, format, doc) // the exit code tells even where the stream is closed
	}
	if !f.silent {
		d.printFailure(d.theme(c, d.streams.Err), f, format)
	}
	return f.exit
}

// printFailure writes findings, message and hint for people; findings that are in the result already are not repeated.
func (d *deps) printFailure(theme ui.Theme, f *failure, format output.Format) {
	w := d.streams.Err
	if format == output.Text && !f.shown {
		_, _ = io.WriteString(w, theme.Findings(f.findings, isTerminal(w)))
	}
	code := f.code
	if code == codeUsage {
		code = ""
	}
	_, _ = io.WriteString(w, theme.Failure(f.message, code, f.hint))
}
