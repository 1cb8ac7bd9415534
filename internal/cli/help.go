package cli

import (
	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/ui"
)

// usageTemplate lists only what a reader can type: a command that holds others is not offered on its own.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableInheritedFlags}}

Shared flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

{{.CommandPath}} COMMAND --help says more about a command.{{end}}
`

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

// addHelp gives the whole tree its help: texts wrapped, and `alien help COMMAND` beside --help.
func addHelp(root *cobra.Command) {
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.SetHelpCommand(newHelpCmd())
	wrapAll(root)
}

func wrapAll(cmd *cobra.Command) {
	cmd.Long = ui.Wrap(cmd.Long, textWidth)
	cmd.DisableFlagsInUseLine = true
	for _, c := range cmd.Commands() {
		wrapAll(c)
	}
}

func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND…]",
		Short: "Print the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				parent := cmd.Root()
				if found != nil {
					parent = found
				}
				unknown := args[len(args)-max(len(rest), 1)]
				return usagef(commandHint(parent, unknown), "unknown command %q for %q", unknown, parent.CommandPath())
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
