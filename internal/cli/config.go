package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"

	"github.com/alienplatform/alien-go/internal/cli/output"
	"github.com/alienplatform/alien-go/internal/cli/ui"
	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/preflight"
)

// elsewhere marks a flag that environment or configuration has set.
const elsewhere = "alien-set-elsewhere"

func fromElsewhere(f *pflag.Flag) bool { return f.Annotations[elsewhere] != nil }

const envPrefix = "ALIEN_"

// envName is the variable of a flag: lock-timeout is ALIEN_LOCK_TIMEOUT.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// configure gives every flag that the command line left alone its value from the environment or the configuration file.
// Only the variables of flags are looked at: the ALIEN_… variables of daemons mean nothing here.
func (d *deps) configure(cmd *cobra.Command) error {
	file, err := d.readConfig(cmd.Root())
	if err != nil {
		return err
	}
	v := layered(file)
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if first == nil && !f.Changed && f.Name != "help" {
			first = d.fill(v, file, cmd.Flags(), f)
		}
	})
	return first
}

// warnOfVariables tells of ALIEN_… variables that are no flag's but nearly. Those that a deployment or a user sets for a
// daemon are many and mean nothing here, so only what looks like a slip is told.
func (d *deps) warnOfVariables(c *common, cmd *cobra.Command) {
	var known []string
	for _, flag := range names(allFlags(cmd.Root())) {
		known = append(known, strings.TrimPrefix(envName(flag), envPrefix))
	}
	for _, variable := range sorted(d.environ()) {
		name, value, _ := strings.Cut(variable, "=")
		word, ours := strings.CutPrefix(name, envPrefix)
		if !ours || value == "" || slices.Contains(known, word) || preflight.Reserved(name) {
			continue
		}
		if near, ok := manifest.Nearest(word, known); ok && max(len(near), len(word))-min(len(near), len(word)) <= 1 {
			d.tell(c, fmt.Sprintf("%s is not a setting; did you mean %s?", ui.Plain(name), envPrefix+near))
		}
	}
}

// layered is the precedence of environment over file.
func layered(file *config) *viper.Viper {
	v := viper.New()
	v.SetEnvPrefix("ALIEN")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	values := map[string]any{}
	for key, e := range file.entries {
		values[key] = e.value
	}
	if err := v.MergeConfigMap(values); err != nil {
		panic(err) // a map of strings always merges
	}
	return v
}

// fill sets one flag.
func (d *deps) fill(v *viper.Viper, file *config, set *pflag.FlagSet, f *pflag.Flag) error {
	if f.Annotations[explicitOnly] != nil {
		if v, _ := d.env(envName(f.Name)); v != "" {
			return usagef("pass --"+f.Name+" on the command line", "%s cannot be set from the environment", envName(f.Name))
		}
		return nil
	}
	if err := v.BindEnv(f.Name); err != nil {
		return fmt.Errorf("cannot read %s: %w", envName(f.Name), err)
	}
	if !v.IsSet(f.Name) {
		return nil
	}
	value := v.GetString(f.Name)
	if err := f.Value.Set(value); err != nil {
		return invalidValue(d.origin(file, f.Name), f, value, err)
	}
	f.Changed = true
	return set.SetAnnotation(f.Name, elsewhere, []string{"true"})
}

func (d *deps) origin(file *config, flag string) string {
	if v, ok := d.env(envName(flag)); ok && v != "" {
		return envName(flag)
	}
	return file.at(file.entries[flag].node)
}

// config is the configuration file: flag names and their values.
type config struct {
	path    string
	entries map[string]entry
}

type entry struct {
	value string
	node  *yaml.Node
}

func (c *config) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", c.path, n.Line, n.Column) }

// configPath is $XDG_CONFIG_HOME/alien/config.yaml, or "" where neither it nor a home directory is known.
func (d *deps) configPath() string {
	if dir, _ := d.env("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "alien", "config.yaml")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".config", "alien", "config.yaml")
	}
	return ""
}

// readConfig reads the configuration file, if there is one; root knows which keys may stand in it.
func (d *deps) readConfig(root *cobra.Command) (*config, error) {
	c := &config{path: d.configPath(), entries: map[string]entry{}}
	b, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, usagef("", "cannot read the configuration file: %v", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, usagef("", "%s: cannot parse the configuration: %s", c.path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return c, nil
	}
	return c, c.take(doc.Content[0], allFlags(root))
}

// take checks every entry: a known flag that may be set here, and a single value.
func (c *config) take(n *yaml.Node, flags map[string]*pflag.Flag) error {
	if n.Kind != yaml.MappingNode {
		return usagef("write it as flag: value", "%s: the configuration is not a mapping", c.at(n))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f, ok := flags[key.Value]
		switch {
		case !ok:
			return usagef(didYouMean(key.Value, names(flags)), "%s: unknown flag %q", c.at(key), key.Value)
		case f.Annotations[explicitOnly] != nil:
			return usagef("pass --"+f.Name+" on the command line", "%s: %s cannot be set from the configuration", c.at(key), f.Name)
		case value.Kind != yaml.ScalarNode:
			return usagef("", "%s: %s takes a single value", c.at(value), f.Name)
		}
		if _, twice := c.entries[key.Value]; twice {
			return usagef("", "%s: %s is set twice", c.at(key), f.Name)
		}
		c.entries[key.Value] = entry{value: value.Value, node: value}
	}
	return nil
}

// allFlags are the flags of every command, by name.
func allFlags(root *cobra.Command) map[string]*pflag.Flag {
	all := map[string]*pflag.Flag{}
	add := func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "version" { // they print, and set nothing
			all[f.Name] = f
		}
	}
	root.PersistentFlags().VisitAll(add)
	for _, c := range root.Commands() {
		c.LocalFlags().VisitAll(add)
		for name, f := range allFlags(c) {
			all[name] = f
		}
	}
	return all
}

func names(flags map[string]*pflag.Flag) []string {
	out := make([]string, 0, len(flags))
	for n := range flags {
		out = append(out, n)
	}
	return sorted(out)
}

// errorFormat is the format an error is printed in. The flags may not have been parsed when it happened, so it looks for
// the flag itself first.
func (d *deps) errorFormat(c *common, args []string) output.Format {
	if asked, ok := outputArgument(args); ok {
		return programFormat(asked)
	}
	if v, _ := d.env(envName("output")); v != "" {
		return programFormat(v)
	}
	return c.format()
}

// outputArgument finds the value of -o or --output on a command line.
func outputArgument(args []string) (string, bool) {
	for i, a := range args {
		if a == "--" {
			break
		}
		if (a == "-o" || a == "--output") && i+1 < len(args) {
			return args[i+1], true
		}
		for _, prefix := range []string{"--output=", "-o=", "-o"} {
			if v, ok := strings.CutPrefix(a, prefix); ok {
				return v, true
			}
		}
	}
	return "", false
}

// programFormat takes a word that names no format for text.
func programFormat(s string) output.Format {
	if f := output.Format(s); f == output.JSON || f == output.YAML {
		return f
	}
	return output.Text
}
