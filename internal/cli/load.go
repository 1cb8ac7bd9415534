package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
	"github.com/alienplatform/alien-go/internal/workload"
)

// checked is a manifest that preflight passed for a target, rendered for it.
type checked struct {
	stack     *manifest.Stack
	target    manifest.Target
	warnings  []manifest.Finding
	workloads []workload.Workload
	manager   *manager // that commands come from, nil where none is known
}

// check loads the manifest, checks it for its target and renders it. It talks to nothing: only what it returns without an
// error may be taken to a platform.
func (d *deps) check(cmd *cobra.Command, c *common) (*checked, error) {
	stack, findings, err := d.load(c)
	if err != nil {
		return nil, err
	}
	t, err := d.target(cmd, c, stack)
	if err != nil {
		return nil, err
	}
	m, err := d.findManager(c)
	if err != nil {
		return nil, err
	}
	if stack != nil {
		stack.Manager = m.facts()
	}
	findings = preflight.CheckLoaded(stack, findings, []manifest.Target{t})
	if errors, _ := ui.Tallies(findings); errors > 0 || stack == nil {
		return nil, refusal(findings)
	}
	ws, err := workload.Render(stack, t)
	if err != nil {
		return nil, fmt.Errorf("cannot render stack %s for %s: %w", stack.Name, t, err)
	}
	return &checked{stack: stack, target: t, warnings: findings, workloads: ws, manager: m}, nil
}

// refusal is the end of a command whose manifest has errors.
func refusal(findings []manifest.Finding) *failure {
	return &failure{
		exit: exitRefused, code: codeRefused, findings: findings,
		message: "the manifest has " + ui.Tally(findings) + "; nothing was contacted",
	}
}

// load reads the manifest once for the platform that was asked for, and again where it turns out to be for another one:
// the secrets of a platform are only read when it is the one.
func (d *deps) load(c *common) (*manifest.Stack, []manifest.Finding, error) {
	s, err := d.manifestSource(c)
	if err != nil {
		return nil, nil, err
	}
	stack, findings := s.loadFor(c)
	return stack, findings, nil
}

func (s *source) loadFor(c *common) (*manifest.Stack, []manifest.Finding) {
	first := c.platformOf(nil)
	stack, findings := s.load([]manifest.Platform{first})
	if p := c.platformOf(stack); p != first {
		stack, findings = s.load([]manifest.Platform{p})
	}
	return c.rename(stack), findings
}

// source is a manifest's options with standard input read, so that it can be loaded more than once.
type source struct {
	manifest.Options
	stdin []byte
}

// options are what the loader is called with: nil platforms means all.
func (s *source) options(platforms []manifest.Platform) manifest.Options {
	o := s.Options
	o.Platforms = platforms
	if s.stdin != nil {
		o.Stdin = bytes.NewReader(s.stdin)
	}
	return o
}

func (s *source) load(platforms []manifest.Platform) (*manifest.Stack, []manifest.Finding) {
	return manifest.Load(s.options(platforms))
}

// manifestSource finds the manifest. Standard input is read up to one byte more than any manifest may have.
func (d *deps) manifestSource(c *common) (*source, error) {
	s := &source{Options: manifest.Options{Path: c.file, Values: c.values, LookupEnv: d.env}}
	if c.file == "-" {
		var err error
		if s.stdin, err = io.ReadAll(io.LimitReader(d.streams.In, maxStdin)); err != nil {
			return nil, fmt.Errorf("cannot read the manifest from standard input: %w", err)
		}
		return s, nil
	}
	if c.file != "" {
		return s, nil
	}
	path, err := findManifest()
	s.Path = path
	if err == nil {
		d.tellUnread(c, path)
	}
	return s, err
}

// tellUnread names the manifests beside the one that was found, so that nobody edits one and deploys the other.
func (d *deps) tellUnread(c *common, path string) {
	for _, name := range []string{"alien.yaml", "alien.yml", "alien.json"} {
		if other := filepath.Join(filepath.Dir(path), name); other != path && isFile(other) {
			d.tell(c, fmt.Sprintf("%s is read, and %s beside it is not; --file names one", path, name))
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// maxStdin bounds what is kept of standard input; the loader refuses anything near it as too large.
const maxStdin = 64 << 20

func findManifest() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot find the working directory: %w", err)
	}
	path, err := manifest.Find(dir)
	if err != nil {
		return "", usagef("pass --file PATH, or --stack NAME where the name is enough", "%v", err)
	}
	if short, err := filepath.Rel(dir, path); err == nil {
		return short, nil // as people would type it
	}
	return path, nil
}

// rename gives the stack the name of --stack, so that one manifest can be deployed several times.
func (c *common) rename(stack *manifest.Stack) *manifest.Stack {
	if stack == nil || c.stack == "" || c.stack == stack.Name {
		return stack
	}
	renamed := *stack
	renamed.Name = c.stack
	if renamed.Deployment.ID == stack.Name {
		renamed.Deployment.ID = c.stack
	}
	if renamed.Deployment.Name == stack.Name {
		renamed.Deployment.Name = c.stack
	}
	return &renamed
}

// named is a stack known by name, all that down, logs, status and restart need.
type named struct {
	name   string
	target manifest.Target
	// stack is what the manifest says, where there is one that can be used at all; findings is what is wrong with it.
	stack    *manifest.Stack
	findings []manifest.Finding
}

// identify finds the stack's name and target. No mistake in the manifest but a missing name keeps anyone from it, and with
// --stack alone no manifest is read.
func (d *deps) identify(cmd *cobra.Command, c *common) (*named, error) {
	n := &named{name: c.stack}
	if c.stack == "" || c.file != "" {
		if err := d.readNamed(c, n); err != nil {
			return nil, err
		}
	}
	var err error
	n.target, err = d.target(cmd, c, n.stack)
	n.target = d.whereItRuns(c, n.target, n.name)
	return n, err
}

func (d *deps) readNamed(c *common, n *named) error {
	s, err := d.manifestSource(c)
	if err != nil {
		return err
	}
	n.stack, n.findings = s.loadFor(c)
	if n.name != "" {
		return nil
	}
	n.name, err = manifest.LoadName(s.options(nil))
	if err != nil {
		return &failure{exit: exitRefused, code: codeRefused, message: err.Error(), hint: "pass --stack NAME", findings: n.findings, err: err}
	}
	return nil
}

// known renders the manifest's daemons for comparison with what runs; false where its mistakes make that impossible.
func (n *named) known() ([]workload.Workload, bool) {
	if n.stack != nil { // which manager it is does not matter for that: what runs is taken to have the right one
		n.stack.Manager = manifest.Manager{Known: true, HasKey: true}
	}
	findings := preflight.CheckLoaded(n.stack, n.findings, []manifest.Target{n.target})
	if errors, _ := ui.Tallies(findings); errors > 0 || n.stack == nil {
		return nil, false
	}
	ws, err := workload.Render(n.stack, n.target)
	for i := range ws {
		ws[i] = ws[i].WithCommands("", nil)
	}
	return ws, err == nil
}
