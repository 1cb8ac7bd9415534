package manifest

import (
	"slices"
	"strings"
)

// friendly reads the form that people write.
func (r *reader) friendly(root node, wanted []Platform) *Stack {
	s := &Stack{Form: Friendly}
	ok := r.object(root, fields{
		"name":       func(v node) { s.Name = r.text(v) },
		"platforms":  func(v node) { s.Platforms = r.platforms(v) },
		"kubernetes": func(v node) { r.cluster(v, s) },
		"daemons":    func(v node) { s.Daemons = r.daemons(v) },
		"resources":  func(v node) { r.resources(v, s, wanted) },
	}, r.refuseButExtensions(stackHabits()))
	if ok {
		r.require(root, "name", "daemons")
	}
	return s
}

// refuseButExtensions is refuse for the top level, where names that start with x- are free: they hold what anchors mark.
func (r *reader) refuseButExtensions(habits map[string]string) func(node, []string) {
	refuse := r.refuse(habits)
	return func(m node, known []string) {
		if !strings.HasPrefix(m.name, "x-") {
			refuse(m, known)
		}
	}
}

// platforms reads a list of platforms; words that are none are left out.
func (r *reader) platforms(n node) []Platform {
	items, _ := r.items(n, "write [local, kubernetes]")
	var platforms []Platform
	for _, item := range items {
		if word := r.word(item, "a platform", platformWords()...); word != "" {
			platforms = append(platforms, Platform(word))
		}
	}
	return platforms
}

func platformWords() []string {
	return []string{string(Local), string(Kubernetes), string(AWS), string(GCP), string(Azure), string(Machines), string(Test)}
}

// cluster reads what the stack states for Kubernetes clusters.
func (r *reader) cluster(n node, s *Stack) {
	r.object(n, fields{
		"context":         func(v node) { s.Kubernetes.Context = r.text(v) },
		"namespace":       func(v node) { s.Kubernetes.Namespace = r.text(v) },
		"serviceAccounts": func(v node) { s.ServiceAccounts = r.serviceAccounts(v) },
	}, r.refuse(nil))
}

func (r *reader) daemons(n node) []Daemon {
	if n.kind() == "a list" {
		r.wrongType(n, "an object", "write the daemon's name as a key: NAME: { image: … }")
		return nil
	}
	members, ok := r.members(n)
	if ok && len(members) == 0 {
		r.errorf(CodeMissing, n.at, "there is no daemon", "describe at least one; `alien daemon down` takes a stack away")
	}
	daemons := make([]Daemon, 0, len(members))
	for _, m := range members {
		daemons = append(daemons, r.daemon(m))
	}
	return daemons
}

func (r *reader) resources(n node, s *Stack, wanted []Platform) {
	members, _ := r.members(n)
	for _, m := range members {
		resource := r.resource(m, wanted)
		if isUndeployed(resource.Type) {
			s.Undeployed = append(s.Undeployed, Undeployed{ID: resource.ID, Type: resource.Type})
		} else {
			s.Resources = append(s.Resources, resource)
		}
	}
}

func (r *reader) resource(n node, wanted []Platform) Resource {
	resource := Resource{ID: n.name, Bindings: map[Platform]Binding{}}
	bind := func(p Platform) func(node) {
		return func(v node) {
			r.idle = wanted != nil && !slices.Contains(wanted, p)
			resource.Bindings[p] = r.binding(v)
			r.idle = false
		}
	}
	ok := r.object(n, fields{
		"type":       func(v node) { resource.Type = r.resourceType(v) },
		"local":      bind(Local),
		"kubernetes": bind(Kubernetes),
	}, r.refuse(resourceHabits()))
	if ok {
		r.require(n, "type")
	}
	return resource
}

// resourceType reads the type of a resource; a daemon is none here, it has a place of its own.
func (r *reader) resourceType(n node) string {
	if n.isText() && n.yaml.Value == "daemon" {
		r.errorf(CodeValue, n.at, "a daemon is not a resource", "describe it under daemons")
		return ""
	}
	return r.word(n, "a type of resource", slices.DeleteFunc(resourceTypes(), func(t string) bool { return t == "daemon" })...)
}

// resourceTypes are the types an entry of a stack can have, in either form.
func resourceTypes() []string {
	return []string{
		"vault", "worker", "daemon", "container", "compute-cluster", "kubernetes-cluster", "storage", "key", "queue", "sandbox",
		"email", "kv", "postgres", "ai", "network", "build", "service-account", "artifact-registry", "service_activation",
		"remote-stack-management", "resource-access", "azure_resource_group", "azure_storage_account",
		"azure_container_apps_environment", "azure_service_bus_namespace", "experimental/aws-opensearch",
	}
}

// isUndeployed says whether a type is compute that other tools run.
func isUndeployed(kind string) bool { return kind == "worker" || kind == "container" }
