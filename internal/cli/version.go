package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
)

// version, commit and date are set by the linker (-X) in releases, and stay empty elsewhere.
var version, commit, date string

type build struct{ version, commit, date string }

// buildInfo is what the linker was told, else what the Go tool recorded.
func buildInfo() build {
	b := build{version: version, commit: commit, date: date}
	info, ok := debug.ReadBuildInfo()
	if !ok || b.version != "" {
		return b
	}
	b.version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.date = s.Value
		}
	}
	return b
}

func newVersionCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			doc := versionDocument()
			return d.print(c, doc, func(ui.Theme) string { return versionText(doc) })
		},
	}
}

func versionDocument() output.Version {
	b := buildInfo()
	return output.Version{
		Head: output.NewHead(output.KindVersion), Version: b.version, Commit: b.commit, Date: b.date,
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
}

func versionText(v output.Version) string {
	s := "alien " + v.Version
	if v.Commit != "" {
		s += fmt.Sprintf(" (%s, %s)", v.Commit, orDash(v.Date))
	}
	return fmt.Sprintf("%s %s %s/%s\n", s, v.Go, v.OS, v.Arch)
}
