package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// BindingVariable is the name of the variable that carries a resource's binding.
func BindingVariable(id string) string {
	return "ALIEN_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_")) + "_BINDING"
}

// localBinding is the binding of a resource that is nothing but a directory of its own at place. Only some types are.
func localBinding(r *manifest.Resource, place string) (manifest.Binding, bool) {
	switch r.Type {
	case "storage":
		return binding("local-storage", "storagePath", "file://"+place+"/"), true
	case "kv":
		return binding("local-kv", "dataDir", place), true
	case "vault":
		return binding("local-vault", "vaultName", r.ID, "dataDir", place), true
	case "queue":
		return binding("local-queue", "queuePath", place), true
	}
	return manifest.Binding{}, false
}

// binding makes a binding of a service and pairs of a field and its text.
func binding(service string, pairs ...string) manifest.Binding {
	b := manifest.Binding{}
	pairs = append([]string{"service", service}, pairs...)
	for i := 0; i < len(pairs); i += 2 {
		text := manifest.Plain(pairs[i+1])
		b.Fields = append(b.Fields, manifest.BindingField{Name: pairs[i], Value: manifest.BindingValue{Text: &text}})
	}
	return b
}

// bindingValue writes a binding as JSON in the order of its fields. One secret inside makes all of it a secret.
func bindingValue(b manifest.Binding, origin string) (manifest.Value, error) {
	w := bindingWriter{}
	w.object(b.Fields)
	switch {
	case w.err != nil:
		return manifest.Value{}, w.err
	case w.secret:
		return manifest.Secret(w.text.String(), origin), nil
	}
	return manifest.Plain(w.text.String()), nil
}

// bindingWriter collects the JSON of a binding, whether it holds a secret, and the first thing that has no JSON form.
type bindingWriter struct {
	text   strings.Builder
	secret bool
	err    error
}

func (w *bindingWriter) object(fields []manifest.BindingField) {
	w.text.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			w.text.WriteByte(',')
		}
		w.string(f.Name)
		w.text.WriteByte(':')
		w.value(f.Value)
	}
	w.text.WriteByte('}')
}

func (w *bindingWriter) list(items []manifest.BindingValue) {
	w.text.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			w.text.WriteByte(',')
		}
		w.value(item)
	}
	w.text.WriteByte(']')
}

func (w *bindingWriter) value(v manifest.BindingValue) {
	switch {
	case v.Text != nil && v.Text.Ref() != nil:
		w.fail("holds a key of a Kubernetes Secret, which can only be read in a cluster")
	case v.Text != nil:
		w.secret = w.secret || v.Text.IsSecret()
		w.string(v.Text.Reveal())
	case v.Literal != "":
		w.literal(v.Literal)
	case v.List != nil:
		w.list(v.List)
	default:
		w.object(v.Object)
	}
}

// string writes what a JSON reader gives back byte for byte; bytes that are not text it could only replace.
func (w *bindingWriter) string(s string) {
	if !utf8.ValidString(s) {
		w.fail("holds bytes that are not UTF-8")
		return
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		w.fail(err.Error())
		return
	}
	w.text.WriteString(strings.TrimSuffix(b.String(), "\n"))
}

func (w *bindingWriter) literal(s string) {
	if !json.Valid([]byte(s)) {
		w.fail(fmt.Sprintf("holds %q, which is no JSON value", s))
		return
	}
	w.text.WriteString(s)
}

func (w *bindingWriter) fail(what string) {
	if w.err == nil {
		w.err = fmt.Errorf("its binding %s", what)
	}
}
