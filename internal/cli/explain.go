package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

func newExplainCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:     "explain FIELD|CODE",
		Short:   "Say what a manifest field or a code means, per target",
		Long:    "Explains a field of the manifest, with what each target makes of it, or one of the codes that findings, verdicts and errors carry.",
		Example: "  alien explain daemons.connector.memory\n  alien explain healthCheck\n  alien explain CRASH_LOOP",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("alien explain healthCheck, or alien explain CRASH_LOOP", "explain needs one field or code")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return explainable(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return runExplain(d, c, args[0]) },
	}
}

func runExplain(d *deps, c *common, what string) error {
	for _, code := range codes() {
		if strings.EqualFold(code.Code, what) {
			doc := output.CodeExplanation{Head: output.NewHead(output.KindCode), CodeInfo: code}
			return d.print(c, doc, func(t ui.Theme) string { return codeText(t, code) })
		}
	}
	if f, ok := preflight.FieldByPath(what); ok {
		doc := fieldDocument(f)
		return d.print(c, doc, func(t ui.Theme) string { return fieldText(t, doc) })
	}
	if instead := manifest.Instead(what); instead != "" {
		return usagef(instead, "%q is not a field here", what)
	}
	return usagef(orHint(didYouMean(what, explainable()), "alien explain daemons"), "no field and no code is called %q", what)
}

// codes are the stable codes of every room and of this one, each once.
func codes() []manifest.CodeInfo {
	all := slices.Concat(manifest.Codes(), preflight.Codes(), deploy.Reasons(), ownCodes())
	slices.SortFunc(all, func(a, b manifest.CodeInfo) int { return strings.Compare(a.Code, b.Code) })
	return slices.CompactFunc(all, func(a, b manifest.CodeInfo) bool { return a.Code == b.Code })
}

// explainable are the paths and codes there is something to say about.
func explainable() []string {
	var all []string
	for _, f := range preflight.Fields() {
		all = append(all, f.Path)
	}
	for _, c := range codes() {
		all = append(all, c.Code)
	}
	return all
}

func fieldDocument(f preflight.Field) output.FieldExplanation {
	doc := output.FieldExplanation{
		Head: output.NewHead(output.KindField), Field: f.Path, Type: f.Type, Default: f.Default, Description: f.Description,
		Targets: []output.FieldSupport{},
	}
	for _, t := range preflight.Columns() {
		s := f.On(t)
		doc.Targets = append(doc.Targets, output.FieldSupport{
			Target: t.String(), Supported: s.OK, Values: s.Values, Note: s.Note, Instead: s.Instead,
		})
	}
	for _, other := range preflight.Fields() {
		if rest, ok := strings.CutPrefix(other.Path, f.Path); ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "[")) && strings.Count(rest, ".") <= 1 {
			doc.Fields = append(doc.Fields, other.Path)
		}
	}
	return doc
}

func codeText(t ui.Theme, c manifest.CodeInfo) string {
	return fmt.Sprintf("%s: %s\n\n%s\n\n%s %s\n", t.Bold(c.Code), c.Summary, ui.Wrap(c.Details, textWidth), t.Bold("what to do:"), ui.Wrap(c.Fix, textWidth))
}

// textWidth is where running text wraps.
const textWidth = 100

func fieldText(t ui.Theme, f output.FieldExplanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s", t.Bold(f.Field), f.Type)
	if f.Default != "" {
		fmt.Fprintf(&b, ", default %s", f.Default)
	}
	fmt.Fprintf(&b, ")\n\n%s\n\n", ui.Wrap(f.Description, textWidth))
	rows := make([][]string, 0, len(f.Targets))
	for _, s := range f.Targets {
		rows = append(rows, []string{s.Target, yesNo(t, s), supportNotes(s)})
	}
	b.WriteString(t.Table([]string{"TARGET", "WORKS", "NOTES"}, rows))
	if len(f.Fields) > 0 {
		b.WriteString("\nfields: " + ui.Wrap(strings.Join(f.Fields, ", "), textWidth) + "\n")
	}
	return b.String()
}

func yesNo(t ui.Theme, s output.FieldSupport) string {
	if s.Supported {
		return t.Green("yes")
	}
	return t.Red("no")
}

func supportNotes(s output.FieldSupport) string {
	var notes []string
	if len(s.Values) > 0 {
		notes = append(notes, "only "+strings.Join(s.Values, ", "))
	}
	for _, n := range []string{s.Note, s.Instead} {
		if n != "" {
			notes = append(notes, n)
		}
	}
	return strings.Join(notes, "; ")
}
