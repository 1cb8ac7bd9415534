package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/progress"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// completionPatience is how long a shell may be kept waiting for what only the engine knows.
const completionPatience = time.Second

func newCompletionCmd(d *deps, c *common) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long:  "Prints a script that completes commands, flags, daemon names from the manifest and the names of running stacks.",
		Example: "  source <(alien completion bash)\n  alien completion zsh > \"${fpath[1]}/_alien\"\n" +
			"  alien completion fish > ~/.config/fish/completions/alien.fish",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("alien completion bash", "completion needs one shell: bash, zsh, fish, powershell")
			}
			if !slices.Contains(shells, args[0]) {
				return usagef(orHint(didYouMean(args[0], shells), "it knows bash, zsh, fish, powershell"), "unknown shell %q", args[0])
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			script, err := completionScript(cmd.Root(), args[0])
			if err != nil {
				return err
			}
			doc := output.Completion{Head: output.NewHead(output.KindCompletion), Shell: args[0], Script: script}
			return d.print(c, doc, func(ui.Theme) string { return script })
		},
	}
}

func completionScript(root *cobra.Command, shell string) (string, error) {
	generate := map[string]func(io.Writer) error{
		"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        root.GenZshCompletion,
		"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": root.GenPowerShellCompletionWithDesc,
	}
	var b bytes.Buffer
	if err := generate[shell](&b); err != nil {
		return "", fmt.Errorf("cannot write the completion script of %s: %w", shell, err)
	}
	return b.String(), nil
}

// completeDaemons offers the daemons of the manifest that are not on the line yet. A shell is not the place for errors.
func (d *deps) completeDaemons(c *common) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		_ = d.configure(cmd) // a shell completes without it running
		return without(d.declaredDaemons(c), args), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeExisting offers, where --stack names a stack without a manifest, the daemons that it has on the target.
func (d *deps) completeExisting(c *common) cobra.CompletionFunc {
	declared := d.completeDaemons(c)
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		_ = d.configure(cmd)
		if c.stack == "" || c.file != "" {
			return declared(cmd, args, word)
		}
		var names []string
		d.askTarget(cmd, c, func(ctx context.Context, p deploy.Platform) error {
			o, err := p.Observe(ctx, c.stack, nil)
			for _, daemon := range o.Daemons {
				names = append(names, daemon.Daemon)
			}
			return err
		})
		return without(names, args), cobra.ShellCompDirectiveNoFileComp
	}
}

// declaredDaemons are the names in the manifest.
func (d *deps) declaredDaemons(c *common) []string {
	s, err := d.manifestSource(c)
	if err != nil || c.file == "-" {
		return nil
	}
	stack, _ := s.load([]manifest.Platform{})
	if stack == nil {
		return nil
	}
	return (&checked{stack: stack}).daemonNames()
}

func without(names, taken []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(taken, name) })
}

// completeStacks offers the stacks that run on the target.
func (d *deps) completeStacks(c *common) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		_ = d.configure(cmd)
		var names []string
		d.askTarget(cmd, c, func(ctx context.Context, p deploy.Platform) error {
			stacks, err := p.Stacks(ctx)
			for _, s := range stacks {
				names = append(names, s.Name)
			}
			return err
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// askTarget asks the target for what is offered. Without an answer in time nothing is.
func (d *deps) askTarget(cmd *cobra.Command, c *common, ask func(context.Context, deploy.Platform) error) {
	t, err := d.target(cmd, c, nil)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	c.progress = string(progress.Quiet)
	_ = d.on(ctx, c, t, func(p deploy.Platform) error { return ask(ctx, p) }) // a shell is not the place for errors
}

func completeFlag(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag exists and has no completion yet
	}
}

func completeFiles(extensions ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}
