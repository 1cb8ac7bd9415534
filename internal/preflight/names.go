package preflight

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/alienplatform/alien-go/internal/workload"
)

// maxName is the longest DNS label and the longest Kubernetes label value. Docker allows more.
const maxName = 63

const nameRule = "use lower-case letters, digits and single hyphens, starting and ending with a letter or digit"

// nameProblem says what keeps a name from being one on every target, "" when nothing does.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("%.200q is %d characters long, and %d is the most", name, len(name), maxName)
	case strings.Contains(name, "--"):
		return fmt.Sprintf("%.200q has two hyphens in a row", name)
	case !alphanumeric(name[0]):
		return fmt.Sprintf("%.200q does not start with a lower-case letter or digit", name)
	case !alphanumeric(name[len(name)-1]):
		return fmt.Sprintf("%.200q does not end with a lower-case letter or digit", name)
	}
	for _, c := range name {
		if c != '-' && (c > 'z' || !alphanumeric(byte(c))) {
			return fmt.Sprintf("%.200q contains %q", name, c)
		}
	}
	return ""
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// suggestName gives the nearest name that fits, "" when there is none.
func suggestName(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool {
		return c > 'z' || !alphanumeric(byte(c))
	})
	s := strings.Join(parts, "-")
	return strings.TrimRight(s[:min(len(s), maxName)], "-")
}

func nameHint(name string) string {
	if s := suggestName(name); s != "" && s != name {
		return fmt.Sprintf("%s, for example %s", nameRule, s)
	}
	return nameRule
}

// checkStackName: the name is part of every object's name and the value of a label.
func checkStackName(r *report) {
	if problem := nameProblem(r.stack.Name); problem != "" {
		r.fail(StackNameInvalid, "name", "the stack's name "+problem, nameHint(r.stack.Name))
	}
}

// checkDaemonNames holds daemons to the same rule.
func checkDaemonNames(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if problem := nameProblem(d.Name); problem != "" {
			r.fail(DaemonNameInvalid, path, "the daemon's name "+problem, nameHint(d.Name))
		}
	})
}

// checkResourceIDs holds resources to the same rule, and tells apart the ids that would share a binding variable.
// Of ids that share one at most one is valid, so an invalid id gets exactly one of the two codes.
func checkResourceIDs(r *report) {
	owners := map[string][]string{}
	for _, res := range r.stack.Resources {
		v := workload.BindingVariable(res.ID)
		owners[v] = append(owners[v], res.ID)
	}
	r.eachResource(func(res manifest.Resource, path string) {
		problem := nameProblem(res.ID)
		if problem == "" {
			return
		}
		variable := workload.BindingVariable(res.ID)
		if other := otherThan(res.ID, owners[variable]); other != "" {
			r.fail(BindingCollision, path,
				fmt.Sprintf("resources %.200q and %.200q would both be handed over as %.200s", other, res.ID, variable),
				"rename one; "+nameRule)
			return
		}
		r.fail(ResourceIDInvalid, path, "the resource's id "+problem, nameHint(res.ID))
	})
}

func otherThan(id string, ids []string) string {
	for _, o := range ids {
		if o != id {
			return o
		}
	}
	return ""
}

// checkNameLength: containers and Deployments are called <stack>-<daemon>, and that is a label's value too.
func checkNameLength(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		name := r.stack.Name + "-" + d.Name
		if len(name) <= maxName || nameProblem(r.stack.Name) != "" || nameProblem(d.Name) != "" {
			return
		}
		r.fail(NameTooLong, path,
			fmt.Sprintf("what runs would be called %.200q: %d characters, and %d is the most", name, len(name), maxName),
			fmt.Sprintf("shorten the stack's name or the daemon's by %d", len(name)-maxName))
	})
}

// dnsLabel is Kubernetes' rule for a namespace.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checkNamespace holds the pinned namespace to Kubernetes' rule for one.
func checkNamespace(r *report) {
	namespace := r.stack.Kubernetes.Namespace
	if namespace != "" && !dnsLabel.MatchString(namespace) {
		r.fail(NamespaceInvalid, "kubernetes.namespace",
			fmt.Sprintf("%.200q cannot be a Kubernetes namespace", namespace), nameHint(namespace))
	}
}

// checkProfiles: a profile becomes the service account <stack>-<profile> of the cluster.
func checkProfiles(r *report) {
	if r.target.Platform != manifest.Kubernetes {
		return
	}
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.Permissions == "" {
			return
		}
		if problem := nameProblem(d.Permissions); problem != "" {
			r.failPlatform(ProfileNameInvalid, path+".permissions",
				fmt.Sprintf("the profile's name %s, and a cluster makes a service account of it", problem),
				nameHint(d.Permissions))
		}
	})
}
