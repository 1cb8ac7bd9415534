package cli

import (
	"github.com/spf13/cobra"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// platformOf is the platform that was asked for; without being asked local, unless the manifest lists only kubernetes.
func (c *common) platformOf(stack *manifest.Stack) manifest.Platform {
	switch {
	case c.platform != "":
		return manifest.Platform(c.platform)
	case stack != nil && len(stack.Platforms) == 1 && stack.Platforms[0] == manifest.Kubernetes:
		return manifest.Kubernetes
	}
	return manifest.Local
}

// target resolves platform and runtime, and refuses flags that contradict them or the manifest.
func (d *deps) target(cmd *cobra.Command, c *common, stack *manifest.Stack) (manifest.Target, error) {
	t := manifest.Target{Platform: c.platformOf(stack)}
	if t.Platform != manifest.Local {
		if err := refuseFlags(cmd, "on platform "+string(t.Platform), "runtime", "docker-context"); err != nil {
			return t, err
		}
		return t, c.pinned(stack)
	}
	if err := refuseFlags(cmd, "on platform local", "context", "namespace", "create-namespace", "force-conflicts"); err != nil {
		return t, err
	}
	t.Runtime = manifest.Runtime(c.runtime)
	if c.runtime == "auto" {
		t.Runtime = autoRuntime(d, c)
	}
	return t, nil
}

// pinned holds the flags against the cluster that the manifest insists on, and takes that where there are none.
func (c *common) pinned(stack *manifest.Stack) error {
	if stack == nil {
		return nil
	}
	pins := []struct {
		flag  string
		asked *string
		pin   string
	}{
		{"context", &c.context, stack.Kubernetes.Context},
		{"namespace", &c.name, stack.Kubernetes.Namespace},
	}
	for _, p := range pins {
		if *p.asked != "" && p.pin != "" && *p.asked != p.pin {
			return usagef("drop the flag or change the manifest", "--%s %s contradicts the manifest, which insists on %s %q",
				p.flag, *p.asked, p.flag, p.pin)
		}
		if *p.asked == "" {
			*p.asked = p.pin
		}
	}
	return nil
}
