// Command docsgen writes the reference pages below docs/ from the code that they describe. Its test fails when they are
// not what the code says.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/manifest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docsgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("wants the directory to write to")
	}
	for name, text := range pages() {
		if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generated stands at the top of every page.
const generated = "<!-- Written by `make docs` from the code. Do not edit. -->\n\n"

// pages gives the text of every page by its file name.
func pages() map[string]string {
	return map[string]string{
		"cli.md":               generated + commandPage(),
		"manifest.md":          generated + manifestPage(),
		"codes.md":             generated + codesPage(),
		"output.md":            generated + outputPage(),
		"kubernetes.md":        generated + kubernetesPage(),
		"manifest.schema.json": string(manifest.Schema()),
		"output.schema.json":   string(output.Schema()),
	}
}
