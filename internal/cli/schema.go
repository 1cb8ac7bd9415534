package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/manifest"
)

func newSchemaCmd(d *deps, c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema manifest|output",
		Short: "Print JSON Schemas, for editors and for tests of scripts",
		Long:  "Prints the JSON Schema (draft 2020-12) of the manifest, or of everything that -o json prints.",
		Example: "  alien schema manifest > alien.schema.json\n" +
			"  # first line of the manifest:  # yaml-language-server: $schema=./alien.schema.json",
		Args: func(cmd *cobra.Command, args []string) error {
			known := []string{"manifest", "output"}
			if len(args) == 1 && slices.Contains(known, args[0]) {
				return nil
			}
			hint := "alien schema manifest, or alien schema output"
			if len(args) != 1 {
				return usagef(hint, "schema needs to know which one")
			}
			return usagef(orHint(didYouMean(args[0], known), hint), "unknown schema %q", args[0])
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"manifest", "output"}, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			schema := output.Schema()
			if args[0] == "manifest" {
				schema = manifest.Schema()
			}
			return output.WriteJSON(d.streams.Out, c.format(), schema)
		},
	}
	return cmd
}

func orHint(hint, otherwise string) string {
	if hint != "" {
		return hint
	}
	return otherwise
}
