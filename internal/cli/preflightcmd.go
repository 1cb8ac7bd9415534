package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

func newPreflightCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "preflight",
		Short: "Check the manifest, touch nothing",
		Long: "Checks the manifest for the target that --platform and --runtime name, or for every target it declares, and prints all " +
			"findings. It contacts no engine, no cluster and no registry.",
		Example: "  alien daemon preflight\n  alien daemon preflight -p kubernetes -o json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runPreflight(d, c, cmd) },
	}
}

func runPreflight(d *deps, c *common, cmd *cobra.Command) error {
	s, err := d.manifestSource(c)
	if err != nil {
		return err
	}
	stack, findings, targets, err := d.preflightOf(cmd, c, s)
	if err != nil {
		return err
	}
	m, err := d.findManager(c)
	if err != nil {
		return err
	}
	if stack != nil {
		stack.Manager = m.facts()
	}
	findings = preflight.CheckLoaded(stack, findings, targets)
	doc := preflightDocument(stack, targets, findings)
	err = d.print(c, doc, func(t ui.Theme) string { return preflightText(t, doc, isTerminal(d.streams.Out)) })
	if err != nil || doc.OK {
		return err
	}
	f := refusal(findings)
	f.shown, f.silent = true, true
	return f
}

// preflightOf loads the manifest for the targets to check: the one that was asked for, else all that it declares.
func (d *deps) preflightOf(cmd *cobra.Command, c *common, s *source) (*manifest.Stack, []manifest.Finding, []manifest.Target, error) {
	if c.platform == "" && !asked(cmd, "runtime") {
		stack, findings := s.load(nil)
		stack = c.rename(stack)
		var targets []manifest.Target
		if stack != nil {
			targets = preflight.Targets(stack)
		}
		return stack, findings, targets, nil
	}
	stack, findings := s.loadFor(c)
	t, err := d.target(cmd, c, stack)
	return stack, findings, []manifest.Target{t}, err
}

func asked(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	return f != nil && f.Changed && f.Value.String() != "auto"
}

func preflightDocument(stack *manifest.Stack, targets []manifest.Target, findings []manifest.Finding) output.Preflight {
	errors, _ := ui.Tallies(findings)
	doc := output.Preflight{
		Head: output.NewHead(output.KindPreflight), OK: errors == 0 && stack != nil,
		Targets: []output.TargetCheck{}, Findings: append([]manifest.Finding{}, findings...),
	}
	if stack != nil {
		doc.Stack = stack.Name
	}
	for _, t := range targets {
		errors, warnings := ui.Tallies(concerning(findings, t))
		doc.Targets = append(doc.Targets, output.TargetCheck{
			Target: output.NewTarget(t, ""), OK: errors == 0, Errors: errors, Warnings: warnings,
		})
	}
	if !doc.OK {
		doc.Error = refusal(findings).toOutput()
	}
	return doc
}

// concerning gives the findings that hold for a target: those limited to it or its platform, and those limited to none.
func concerning(findings []manifest.Finding, t manifest.Target) []manifest.Finding {
	var out []manifest.Finding
	for _, f := range findings {
		if f.Target == "" || f.Target == t.String() || f.Target == string(t.Platform) {
			out = append(out, f)
		}
	}
	return out
}

func preflightText(t ui.Theme, doc output.Preflight, excerpts bool) string {
	var b strings.Builder
	b.WriteString(t.Findings(doc.Findings, excerpts))
	for _, check := range doc.Targets {
		name := strings.TrimSuffix(check.Target.Platform+"/"+check.Target.Runtime, "/")
		mark, words := t.Green("✓"), "ok"
		if !check.OK {
			mark, words = t.Red("✗"), ui.Count(check.Errors, "error")
		}
		if check.Warnings > 0 {
			words += ", " + ui.Count(check.Warnings, "warning")
		}
		fmt.Fprintf(&b, "%s %s: %s\n", mark, name, words)
	}
	return b.String()
}
