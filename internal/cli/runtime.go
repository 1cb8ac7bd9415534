package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
)

func newRuntimeCmd(d *deps, c *common) *cobra.Command {
	cmd := &cobra.Command{Use: "runtime", Short: "Look after the embedded process runtime of this machine"}
	cmd.AddCommand(newGCCmd(d, c), newInstallCmd(d, c), newResumeCmd(d))
	return group(cmd)
}

func newGCCmd(d *deps, c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove the unpacked images that no daemon uses",
		Long: "Removes from the cache the unpacked images that no daemon of the process runtime uses, running or not, and what " +
			"interrupted work left there. An image that is needed again is fetched again.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			freed, err := d.embedded().gc(cmd.Context())
			if err != nil {
				return err
			}
			doc := output.Collected{Head: output.NewHead(output.KindCollected), FreedBytes: freed}
			return d.print(c, doc, func(ui.Theme) string { return "freed " + ui.Bytes(freed) + "\n" })
		},
	}
}

// newResumeCmd is what the unit of `alien runtime install` runs.
func newResumeCmd(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:    "resume",
		Short:  "Start the daemons that are to run and do not, as after the machine was started",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.embedded().resume(cmd.Context())
		},
	}
}

func newInstallCmd(d *deps, c *common) *cobra.Command {
	user := false
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Bring the daemons of the process runtime back when the machine starts",
		Long: "Writes and enables a systemd unit that starts this user's daemons again after the machine was: for root a system " +
			"unit, for everybody else a user unit. Remove the files that it names to undo it.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			u, err := d.unit(user || os.Geteuid() != 0)
			if err == nil {
				err = u.install()
			}
			if err != nil {
				return err
			}
			doc := output.Installed{Head: output.NewHead(output.KindInstalled), Unit: u.path(), Enabled: u.link(), Hint: u.hint}
			return d.print(c, doc, func(ui.Theme) string {
				return fmt.Sprintf("wrote   %s\nenabled %s\n%s\n", doc.Unit, doc.Enabled, doc.Hint)
			})
		},
	}
	cmd.Flags().BoolVar(&user, "user", false, "write a user unit for root too")
	return cmd
}

// unit is the systemd unit of this user.
type unit struct {
	dir, target string // where units are, and what starts ours
	text        string
	hint        string
}

const unitName = "alien.service"

func (u unit) path() string { return filepath.Join(u.dir, unitName) }

// link is what makes the target start the unit, as `systemctl enable` would write it.
func (u unit) link() string { return filepath.Join(u.dir, u.target+".wants", unitName) }

// unit is the machine's, or this user's own.
func (d *deps) unit(user bool) (unit, error) {
	u := unit{dir: "/etc/systemd/system", target: "multi-user.target", hint: "it takes effect when the machine starts the next time"}
	if user {
		config := filepath.Dir(filepath.Dir(d.configPath()))
		if !filepath.IsAbs(config) {
			return u, unavailable("it is not known where this user's systemd units are", "set HOME or XDG_CONFIG_HOME")
		}
		u.dir, u.target = filepath.Join(config, "systemd", "user"), "default.target"
		u.hint = "it takes effect at the next login; to start without one, run: loginctl enable-linger"
	}
	program, err := os.Executable()
	if err == nil {
		u.text, err = d.embedded().unit(program, u.target)
	}
	return u, err
}

// install writes the unit and the link.
func (u unit) install() error {
	err := os.MkdirAll(filepath.Dir(u.link()), 0o755)
	if err == nil {
		err = os.WriteFile(u.path(), []byte(u.text), 0o644)
	}
	if err == nil {
		err = os.Symlink(filepath.Join("..", unitName), u.link())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot install the systemd unit: %w", err)
	}
	return nil
}
