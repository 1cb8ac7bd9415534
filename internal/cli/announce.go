package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/progress"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/manifest"
)

// announce names where changes go, first of all output, so that nobody changes the wrong place unknowingly.
func (d *deps) announce(c *common, stack string, place string) {
	if d.progressMode(c) == progress.Quiet {
		return
	}
	fmt.Fprintf(d.streams.Err, "stack %s on %s\n", d.theme(c, d.streams.Err).Bold(stack), place)
}

// warn prints the warnings about a manifest.
func (d *deps) warn(c *common, findings []manifest.Finding) {
	_, _ = io.WriteString(d.streams.Err, d.theme(c, d.streams.Err).Findings(findings, isTerminal(d.streams.Err)))
}

// tell prints a warning.
func (d *deps) tell(c *common, message string) {
	fmt.Fprintf(d.streams.Err, "%s %s\n", d.theme(c, d.streams.Err).Yellow("warning:"), message)
}

// reporter begins to show progress.
func (d *deps) reporter(c *common) progress.Reporter {
	size := func() (int, int) {
		w, h, ok := terminalSize(d.streams.Err)
		if !ok {
			return 80, 24 // --progress tty was asked for without a terminal
		}
		return w, h
	}
	return progress.New(d.progressMode(c), d.streams.Err, d.theme(c, d.streams.Err), size)
}

// print writes the result: the document for programs, or the text.
func (d *deps) print(c *common, doc any, text func(ui.Theme) string) error {
	if f := c.format(); f != output.Text {
		return output.Write(d.streams.Out, f, doc)
	}
	if _, err := io.WriteString(d.streams.Out, text(d.theme(c, d.streams.Out))); err != nil {
		return fmt.Errorf("cannot write the result: %w", err)
	}
	return nil
}

// on opens the platform of a target for the duration of f.
func (d *deps) on(ctx context.Context, c *common, t manifest.Target, f func(deploy.Platform) error) error {
	quiet := d.progressMode(c) == progress.Quiet
	connected := d.sayLater(quiet, "waiting for "+t.String()+" to answer")
	p, err := d.open(ctx, d, c, t)
	connected()
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // nothing is pending on the connection any more
	return f(p)
}

// patience is how long nothing may be on the screen.
const patience = 100 * time.Millisecond

// sayLater prints a line on standard error unless the function that it returns is called soon enough.
func (d *deps) sayLater(quiet bool, line string) (stop func()) {
	if quiet {
		return func() {}
	}
	said := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		defer close(said)
		fmt.Fprintln(d.streams.Err, line)
	})
	return func() {
		if !timer.Stop() {
			<-said
		}
	}
}

// knownDaemons refuses names that are not among the manifest's. No platform is asked.
func knownDaemons(asked, candidates []string) error {
	return deploy.CheckNames(asked, candidates, "the manifest")
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
