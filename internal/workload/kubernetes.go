package workload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// Pod fields that a variable can be made of.
const namespaceField = "metadata.namespace"

// Cluster is what only a Kubernetes cluster has use for.
type Cluster struct {
	// Profile is the permission profile; the daemon runs under the service account <stack>-<profile>. Empty is none.
	Profile string
	// AccountAnnotations are those of the profile's service account.
	AccountAnnotations map[string]string
	// ClusterOptions are what the manifest states for clusters alone.
	manifest.ClusterOptions
	// Expands names the variables whose text is written for Kubernetes' expansion: $(NAME) stands for a variable that
	// comes before it, and each $ that is meant is doubled already.
	Expands []string
	// PodFields names the variables whose value is the path of a field of the pod.
	PodFields []string
}

// DoubleDollars writes a text so that Kubernetes' expansion gives it back byte for byte. Kubernetes makes $ of $$ also
// where no parenthesis follows, so each one counts.
func DoubleDollars(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// clusterBinding hands over a binding in a cluster. One without a key of a Kubernetes Secret is a value like any other.
// Of one with such keys, each becomes a placeholder, which only the cluster can fill; secrets of ours beside them become
// placeholders too, filled with their JSON text, because the rest of such a binding is there for everybody to read.
func (w *Workload) clusterBinding(id string, b manifest.Binding) error {
	e := extractor{id: id}
	fields := e.object(b.Fields)
	if !e.refs {
		value, err := bindingValue(b, "the binding of "+id)
		if err == nil {
			w.set(BindingVariable(id), value)
		}
		return err
	}
	value, err := bindingValue(manifest.Binding{Fields: fields}, "")
	if err != nil {
		return err
	}
	for _, env := range e.found {
		w.set(env.Name, env.Value)
	}
	w.set(BindingVariable(id), value)
	w.Cluster.Expands = append(w.Cluster.Expands, BindingVariable(id))
	return e.err
}

// clusterVault is the binding of a vault that is kept in the cluster's Secrets.
func (w *Workload) clusterVault(stack, id string) {
	name := placeholderName(id, "namespace")
	w.set(name, manifest.Plain(namespaceField))
	w.Cluster.PodFields = append(w.Cluster.PodFields, name)
	text, _ := bindingValue(binding("kubernetes-secret", "namespace", "$("+name+")", "vaultPrefix", stack+"-"+id), "")
	w.set(BindingVariable(id), text)
	w.Cluster.Expands = append(w.Cluster.Expands, BindingVariable(id))
}

// extractor copies a binding with placeholders in place of its secrets, and with every other $ doubled.
type extractor struct {
	id    string
	refs  bool // there is a key of a Kubernetes Secret in it
	found []manifest.Env
	err   error
}

func (e *extractor) object(fields []manifest.BindingField) []manifest.BindingField {
	out := make([]manifest.BindingField, len(fields))
	for i, f := range fields {
		out[i] = manifest.BindingField{Name: DoubleDollars(f.Name), Value: e.value(f.Value, f.Name)}
	}
	return out
}

func (e *extractor) value(v manifest.BindingValue, field string) manifest.BindingValue {
	switch {
	case v.Text != nil:
		text := e.text(*v.Text, field)
		return manifest.BindingValue{Text: &text}
	case v.Literal != "":
		return v
	case v.List != nil:
		list := make([]manifest.BindingValue, len(v.List))
		for i, item := range v.List {
			list[i] = e.value(item, fmt.Sprintf("%s-%d", field, i))
		}
		return manifest.BindingValue{List: list}
	}
	return manifest.BindingValue{Object: e.object(v.Object)}
}

func (e *extractor) text(v manifest.Value, field string) manifest.Value {
	switch {
	case v.Ref() != nil:
		e.refs = true
		return e.placeholder(field, v)
	case v.IsSecret():
		w := bindingWriter{}
		w.string(v.Reveal())
		if w.err != nil && e.err == nil {
			e.err = w.err
		}
		quoted := w.text.String()
		return e.placeholder(field, manifest.Secret(strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`), v.Origin()))
	}
	return manifest.Plain(DoubleDollars(v.Reveal()))
}

// placeholder gives the text that stands for a value. Two fields of the same name must not get the same variable.
func (e *extractor) placeholder(field string, v manifest.Value) manifest.Value {
	base := placeholderName(e.id, field)
	name := base
	for n := 2; slices.ContainsFunc(e.found, func(f manifest.Env) bool { return f.Name == name }); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	e.found = append(e.found, manifest.Env{Name: name, Value: v})
	return manifest.Plain("$(" + name + ")")
}

// placeholderPrefix begins the names of the variables that placeholders of bindings stand for.
const placeholderPrefix = "ALIEN_BINDING_"

func placeholderName(id, field string) string {
	return placeholderPrefix + strings.ToUpper(strings.ReplaceAll(id+"-"+field, "-", "_"))
}

// OfBinding says whether a variable of a workload is a binding or a placeholder of one.
func OfBinding(name string) bool {
	return strings.HasPrefix(name, placeholderPrefix) || strings.HasPrefix(name, "ALIEN_") && strings.HasSuffix(name, "_BINDING")
}
