package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// eachBinding calls do with every binding the manifest gives, platforms in a fixed order.
func (r *report) eachBinding(do func(res manifest.Resource, p manifest.Platform, b manifest.Binding, path string)) {
	r.eachResource(func(res manifest.Resource, path string) {
		platforms := make([]manifest.Platform, 0, len(res.Bindings))
		for p := range res.Bindings {
			platforms = append(platforms, p)
		}
		slices.Sort(platforms)
		for _, p := range platforms {
			do(res, p, res.Bindings[p], path+"."+string(p))
		}
	})
}

// walk calls do with a value and, where it is a list or an object, with everything inside it.
func walk(v manifest.BindingValue, path string, do func(manifest.BindingValue, string)) {
	do(v, path)
	for _, f := range v.Object {
		walk(f.Value, path+"."+f.Name, do)
	}
	for i, item := range v.List {
		walk(item, fmt.Sprintf("%s[%d]", path, i), do)
	}
}

// checkBindings holds given bindings to the shape their service has for the resource's type.
func checkBindings(r *report) {
	r.eachBinding(func(res manifest.Resource, _ manifest.Platform, b manifest.Binding, path string) {
		services := shapes(res.Type)
		if len(services) == 0 {
			return // a type whose binding is free
		}
		name := serviceOf(res.Type, b)
		i := slices.IndexFunc(services, func(s shape) bool { return s.service == name })
		if i < 0 {
			r.unknownService(res, name, services, path)
			return
		}
		for _, f := range services[i].fields {
			r.bindingField(f, b, name, path)
		}
	})
}

// serviceOf knows the one binding that may leave its service out: an ai binding is an external one.
func serviceOf(kind string, b manifest.Binding) string {
	if s := b.Service(); s != "" || kind != "ai" {
		return s
	}
	return "external-ai"
}

func (r *report) unknownService(res manifest.Resource, name string, services []shape, path string) {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.service
	}
	hint := fmt.Sprintf("a %s is reached through service: %s", res.Type, strings.Join(names, ", "))
	if name == "" {
		r.fail(BindingServiceUnknown, path, "the binding has no service", hint)
		return
	}
	r.fail(BindingServiceUnknown, path+".service", fmt.Sprintf("service %.200q is none of a %s", name, res.Type), hint)
}

// bindingField checks one known field of a binding. Unknown ones pass through: readers ignore them.
func (r *report) bindingField(want shapeField, b manifest.Binding, service, path string) {
	i := slices.IndexFunc(b.Fields, func(f manifest.BindingField) bool { return f.Name == want.name })
	if i < 0 {
		if !want.optional {
			r.fail(BindingFieldMissing, path, fmt.Sprintf("the %s binding has no %s", service, want.name), "add "+want.name)
		}
		return
	}
	at, value := path+"."+want.name, b.Fields[i].Value
	ref := value.Text != nil && value.Text.Ref() != nil
	switch {
	case want.kind == asInteger && ref:
		r.fail(BindingSecretRef, at, want.name+" is a number, and a value from a Secret always arrives as text",
			"write the number itself; only text can come from a secretRef")
	case want.kind == asInteger && !wholeNumber(value.Literal):
		r.fail(BindingFieldType, at, want.name+" is not a whole number", "write it without quotes: "+want.name+": 5432")
	case want.kind == asText && value.Text == nil:
		r.fail(BindingFieldType, at, want.name+" is not text", "put it in quotes")
	}
}

func wholeNumber(literal string) bool {
	return literal != "" && strings.Trim(strings.TrimPrefix(literal, "-"), "0123456789") == ""
}

// checkMissingBindings: a linked resource needs a binding, given or by default.
func checkMissingBindings(r *report) {
	r.eachResource(func(res manifest.Resource, path string) {
		_, given := res.Bindings[r.target.Platform]
		users := r.linkedBy(res.ID)
		if given || res.Type == "" || len(users) == 0 || hasDefault(res.Type, r.target.Platform) {
			return
		}
		platform := r.target.Platform
		r.failPlatform(BindingRequired, path,
			fmt.Sprintf("%s is linked by %s, and nothing says how to reach a %s on %s", res.ID, list(users), res.Type, platform),
			fmt.Sprintf("give its binding under the resource, such as %s: %s, or in the --values file", platform, example(res.Type)))
	})
}

// example is a binding of the first service of a resource type.
func example(resourceType string) string {
	services := shapes(resourceType)
	if len(services) == 0 {
		return "{…}"
	}
	words := []string{"service: " + services[0].service}
	for _, f := range services[0].fields {
		if !f.optional {
			words = append(words, f.name+": …")
		}
	}
	return "{" + strings.Join(words, ", ") + "}"
}

func (r *report) linkedBy(id string) []string {
	var names []string
	r.eachDaemon(func(d manifest.Daemon, _ string) {
		if slices.ContainsFunc(d.Links, func(l manifest.Link) bool { return l.ID == id }) {
			names = append(names, d.Name)
		}
	})
	return names
}

// hasDefault says whether the platform gives such a resource a place of its own.
func hasDefault(kind string, p manifest.Platform) bool {
	switch p {
	case manifest.Local:
		return slices.Contains([]string{"storage", "kv", "queue", "vault"}, kind)
	case manifest.Kubernetes:
		return kind == "vault"
	}
	return false
}
