package preflight

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// clusterFields are what a daemon states for clusters alone.
func clusterFields() []Field {
	only := locally(noted("not used here"), yes())
	field := func(path, kind, description string) Field {
		return Field{Path: "daemons.*.kubernetes" + path, Type: kind, Support: only, Description: description}
	}
	return []Field{
		field("", "object", "What only a Kubernetes cluster has use for."),
		field(".imagePullSecrets", "list of names", "The Secrets, in the stack's namespace, with the logins of the image's registry."),
		field(".nodeSelector", "object of strings", "The labels that a node must have to run the daemon."),
		field(".nodeSelector.*", "string", "The value of one label."),
		field(".tolerations", "list of tolerations", "The taints of nodes that may run the daemon all the same."),
		field(".tolerations[*].key", "label key", "The taint's key; without it every taint, which needs the operator Exists."),
		field(".tolerations[*].operator", "Exists or Equal", "Whether the taint's value is compared; without it, it is (Equal)."),
		field(".tolerations[*].value", "string", "The taint's value."),
		field(".tolerations[*].effect", "NoSchedule, PreferNoSchedule or NoExecute", "The taint's effect; without it every effect."),
		field(".tolerations[*].tolerationSeconds", "integer, from 0 on", "How long a NoExecute taint is put up with; without it for ever."),
		field(".labels", "object of strings", "Labels of the Deployment and its pods, beside ours."),
		field(".labels.*", "string", "The value of one label."),
		field(".annotations", "object of strings", "Annotations of the Deployment and its pods, beside ours."),
		field(".annotations.*", "string", "The value of one annotation."),
		field(".serviceAccountName", "name", "A service account that exists, whose token the daemon gets; not beside permissions, which make one."),
		field(".priorityClassName", "name", "The priority class of the daemon's pods."),
	}
}

// Kubernetes' rules for names of objects, of labels and of their values.
var (
	subdomain  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelName  = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// maxSubdomain is the longest name of an object, and maxAnnotations what all annotations of one may have together: half
// of what Kubernetes allows, the other half is ours.
const (
	maxSubdomain   = 253
	maxAnnotations = 128 << 10
)

func validSubdomain(name string) bool {
	return len(name) <= maxSubdomain && subdomain.MatchString(name)
}

// labelKeyProblem says why a text cannot be a label's or annotation's key, "" where it can.
func labelKeyProblem(key string) string {
	name, prefix := key, ""
	if i := strings.IndexByte(key, '/'); i >= 0 {
		prefix, name = key[:i], key[i+1:]
		if !validSubdomain(prefix) {
			return fmt.Sprintf("the part of %.200q before the / is no domain", key)
		}
	}
	if !labelName.MatchString(name) {
		return fmt.Sprintf("%.200q is no key", key)
	}
	return ""
}

const keyHint = "a key is up to 63 letters, digits, dots, hyphens and underscores, with a domain and a / in front where it has one"

// reservedKey says whose a label or annotation is, "" where it is free.
func reservedKey(key string) string {
	prefix, _, ok := strings.Cut(key, "/")
	switch {
	case !ok:
		return ""
	case prefix == "daemons.alien.dev" || strings.HasSuffix(prefix, ".alien.dev") || prefix == "app.kubernetes.io":
		return "it is set by alien"
	case prefix == "deployment.kubernetes.io":
		return "it is set by the cluster"
	case key == "kubectl.kubernetes.io/restartedAt", key == "kubectl.kubernetes.io/last-applied-configuration":
		return "it is set by kubectl"
	}
	return ""
}

// checkKey holds the key of a label or annotation to its rules.
func (r *report) checkKey(key, at, code string) {
	if problem := labelKeyProblem(key); problem != "" {
		r.fail(code, at, problem, keyHint)
	} else if owner := reservedKey(key); owner != "" {
		r.fail(LabelReserved, at, fmt.Sprintf("%s cannot be given: %s", key, owner), "use a key of your own, such as example.com/"+key[strings.IndexByte(key, '/')+1:])
	}
}

// checkClusterNames holds the names of what a daemon uses in the cluster to Kubernetes' rule for one.
func checkClusterNames(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		name := func(at, name string) {
			if !validSubdomain(name) {
				r.fail(ClusterNameInvalid, path+".kubernetes."+at, fmt.Sprintf("%.200q cannot be the name of an object in a cluster", name),
					"use lower-case letters, digits, hyphens and dots")
			}
		}
		for i, secret := range d.Cluster.ImagePullSecrets {
			name(fmt.Sprintf("imagePullSecrets[%d]", i), secret)
		}
		if account := d.Cluster.ServiceAccountName; account != "" {
			name("serviceAccountName", account)
			if d.Permissions != "" {
				r.fail(ServiceAccountConflict, path+".kubernetes.serviceAccountName",
					"the daemon has a permission profile, which has a service account of its own", "keep one of permissions and serviceAccountName")
			}
		}
		if class := d.Cluster.PriorityClassName; class != "" {
			name("priorityClassName", class)
		}
	})
}

// checkClusterLabels: keys and values of labels, and of those that choose nodes.
func checkClusterLabels(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		for _, key := range sortedKeys(d.Cluster.Labels) {
			at := path + ".kubernetes.labels." + key
			r.checkKey(key, at, LabelInvalid)
			r.labelValue(d.Cluster.Labels[key], at)
		}
		for _, key := range sortedKeys(d.Cluster.NodeSelector) {
			at := path + ".kubernetes.nodeSelector." + key
			if problem := labelKeyProblem(key); problem != "" {
				r.fail(LabelInvalid, at, problem, keyHint)
			}
			r.labelValue(d.Cluster.NodeSelector[key], at)
		}
	})
}

func (r *report) labelValue(value, at string) {
	if !labelValue.MatchString(value) {
		r.fail(LabelInvalid, at, fmt.Sprintf("%.200q cannot be the value of a label", value),
			"use up to 63 letters, digits, dots, hyphens and underscores; annotations take any text")
	}
}

// checkClusterAnnotations: keys, and how much they are together.
func checkClusterAnnotations(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		r.annotations(d.Cluster.Annotations, path+".kubernetes.annotations")
	})
}

func (r *report) annotations(all map[string]string, path string) {
	size := 0
	for _, key := range sortedKeys(all) {
		r.checkKey(key, path+"."+key, AnnotationInvalid)
		size += len(key) + len(all[key])
	}
	if size > maxAnnotations {
		r.fail(AnnotationInvalid, path, fmt.Sprintf("the annotations are %d bytes together, and %d is the most", size, maxAnnotations), "shorten them")
	}
}

// checkTolerations: the combinations that Kubernetes takes.
func checkTolerations(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		for i, t := range d.Cluster.Tolerations {
			at := fmt.Sprintf("%s.kubernetes.tolerations[%d]", path, i)
			if problem, hint := tolerationProblem(t); problem != "" {
				r.fail(TolerationInvalid, at, problem, hint)
			}
		}
	})
}

func tolerationProblem(t manifest.Toleration) (problem, hint string) {
	switch {
	case t.Key == "" && t.Operator != "Exists":
		return "a toleration without a key is for every taint", "add a key, or operator: Exists"
	case t.Key != "" && labelKeyProblem(t.Key) != "":
		return labelKeyProblem(t.Key), keyHint
	case t.Operator == "Exists" && t.Value != "":
		return "the operator Exists compares no value", "remove the value, or use operator: Equal"
	case !labelValue.MatchString(t.Value):
		return fmt.Sprintf("%.200q cannot be the value of a taint", t.Value), "use up to 63 letters, digits, dots, hyphens and underscores"
	case t.Seconds != nil && t.Effect != "NoExecute":
		return "tolerationSeconds is about pods that are driven out, which only the effect NoExecute does", "add effect: NoExecute, or remove tolerationSeconds"
	case t.Seconds != nil && *t.Seconds < 0:
		return "tolerationSeconds is less than 0", "use 0 or more"
	}
	return "", ""
}

// checkServiceAccounts: what is stated of a service account is for a profile that a daemon has.
func checkServiceAccounts(r *report) {
	var profiles []string
	r.eachDaemon(func(d manifest.Daemon, _ string) { profiles = append(profiles, d.Permissions) })
	for _, profile := range sortedKeys(r.stack.ServiceAccounts) {
		path := "kubernetes.serviceAccounts." + profile
		if !slices.Contains(profiles, profile) {
			r.fail(ServiceAccountUnused, path, fmt.Sprintf("no daemon has the permission profile %.200q, so there is no such service account", profile),
				"correct the name, or give the profile to a daemon with permissions")
		}
		r.annotations(r.stack.ServiceAccounts[profile].Annotations, path+".annotations")
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func clusterCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: ClusterNameInvalid, Summary: "what a daemon uses in a cluster cannot have this name",
			Details: "Kubernetes takes lower-case letters, digits, hyphens and dots for the names of Secrets, service accounts and priority classes.",
			Fix:     "Correct the name; kubectl get shows the ones there are."},
		{Code: LabelInvalid, Summary: "a label's key or value is not one",
			Details: "Kubernetes takes up to 63 letters, digits, dots, hyphens and underscores for a label's value and for the name in its key, starting and ending with a letter or digit.",
			Fix:     "Correct it, or use an annotation, which takes any text."},
		{Code: AnnotationInvalid, Summary: "an annotation's key is not one, or the annotations are too large",
			Details: "A key follows the rule of labels' keys. Kubernetes allows 256 KiB for all annotations of an object; half of that is ours.",
			Fix:     "Correct the key, or shorten the annotations."},
		{Code: LabelReserved, Summary: "a label or annotation is not the manifest's to set",
			Details: "What is ours is found again by its labels, and the cluster and kubectl keep their own notes in annotations.",
			Fix:     "Use a key of your own."},
		{Code: TolerationInvalid, Summary: "a toleration says what Kubernetes does not take",
			Details: "A toleration names a taint's key, or with the operator Exists every taint. Equal compares the value, Exists none, and tolerationSeconds goes with the effect NoExecute.",
			Fix:     "Correct the toleration; kubectl describe node shows the taints."},
		{Code: ServiceAccountUnused, Summary: "a service account is described that no daemon has",
			Details: "A service account is made per permission profile in use, so what is stated of another one would have no effect.",
			Fix:     "Correct the profile's name, or give the profile to a daemon with permissions."},
		{Code: ServiceAccountConflict, Summary: "a daemon is to have two service accounts",
			Details: "A permission profile has a service account of its own, and a pod runs under one only.",
			Fix:     "Keep one of permissions and kubernetes.serviceAccountName."},
	}
}
