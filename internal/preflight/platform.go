package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Targets gives every target the manifest declares: both runtimes for local, and declared clouds too, so that
// checking them says that they are refused. A manifest that declares nothing means local and kubernetes.
func Targets(stack *manifest.Stack) []manifest.Target {
	var targets []manifest.Target
	for _, platform := range declared(stack) {
		if platform == manifest.Local {
			targets = append(targets, localDocker(), localProcess())
			continue
		}
		targets = append(targets, manifest.Target{Platform: platform})
	}
	return targets
}

func localDocker() manifest.Target {
	return manifest.Target{Platform: manifest.Local, Runtime: manifest.Docker}
}

func localProcess() manifest.Target {
	return manifest.Target{Platform: manifest.Local, Runtime: manifest.Process}
}

func kubernetes() manifest.Target { return manifest.Target{Platform: manifest.Kubernetes} }

// deployable says whether this tool can run anything there.
func deployable(p manifest.Platform) bool { return p == manifest.Local || p == manifest.Kubernetes }

func declared(stack *manifest.Stack) []manifest.Platform {
	if len(stack.Platforms) == 0 {
		return []manifest.Platform{manifest.Local, manifest.Kubernetes}
	}
	return stack.Platforms
}

// checkPlatform refuses targets this tool does not deploy to.
func checkPlatform(r *report) {
	p := r.target.Platform
	if deployable(p) {
		return
	}
	path := "platforms"
	if i := slices.Index(r.stack.Platforms, p); i >= 0 {
		path = fmt.Sprintf("platforms[%d]", i)
	}
	r.failPlatform(PlatformUnsupported, path, fmt.Sprintf("this tool does not deploy to %s", p), insteadOf(p))
}

// insteadOf says what to use in place of a platform that is refused.
func insteadOf(p manifest.Platform) string {
	switch p {
	case manifest.AWS:
		return "use -p kubernetes with an EKS cluster, or -p local on an EC2 machine"
	case manifest.GCP:
		return "use -p kubernetes with a GKE cluster, or -p local on a Compute Engine machine"
	case manifest.Azure:
		return "use -p kubernetes with an AKS cluster, or -p local on an Azure virtual machine"
	case manifest.Machines:
		return "run alien daemon up -p local on each machine, or through DOCKER_HOST=ssh://USER@MACHINE"
	case manifest.Test:
		return "use -p local, with --dry-run to see what would happen without doing it"
	}
	return "use -p local or -p kubernetes"
}

// checkDeclared refuses a platform that the manifest does not list.
func checkDeclared(r *report) {
	list := declared(r.stack)
	if slices.Contains(list, r.target.Platform) {
		return
	}
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = string(p)
	}
	r.failPlatform(PlatformNotDeclared, "platforms",
		fmt.Sprintf("the manifest is for %s, and not for %s", strings.Join(names, ", "), r.target.Platform),
		fmt.Sprintf("add %s to platforms, or use -p %s", r.target.Platform, names[0]))
}
