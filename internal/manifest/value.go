package manifest

// Value is a string of the manifest that may be secret. Every way of printing it hides a secret; only Reveal shows it.
type Value struct {
	text   string
	secret bool
	origin string
	ref    *SecretRef
	issued bool
	id     string
}

// SecretRef names a key of a Kubernetes Secret that already exists.
type SecretRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Plain is a value anybody may see.
func Plain(text string) Value { return Value{text: text} }

// Secret is a value that is never shown; origin says where it came from ("environment variable X", "file Y").
func Secret(text, origin string) Value { return Value{text: text, secret: true, origin: origin} }

// FromRef is a value that only the cluster knows.
func FromRef(ref SecretRef) Value { return Value{secret: true, ref: &ref} }

// Issued is a secret that somebody else made and knows by an id: it is the same as long as the id is. Where what runs has it
// already, text is empty: it need not be known again. An empty id stands for one that is still to be made.
func Issued(id, text string) Value { return Value{text: text, secret: true, issued: true, id: id} }

// ID is what an issued secret is known by; issued is false for every other value.
func (v Value) ID() (id string, issued bool) { return v.id, v.issued }

// IsSecret says whether the value must not be shown; a reference counts as secret.
func (v Value) IsSecret() bool { return v.secret }

// Ref is the Kubernetes Secret the value lives in, nil when it is known here.
func (v Value) Ref() *SecretRef { return v.ref }

// Origin says where a secret came from, for messages; empty for plain values.
func (v Value) Origin() string { return v.origin }

// Reveal gives the value itself. Its result may go to a platform and nowhere else.
func (v Value) Reveal() string { return v.text }

// String hides a secret.
func (v Value) String() string {
	switch {
	case v.ref != nil:
		return "(secret " + v.ref.Name + "/" + v.ref.Key + ")"
	case v.secret:
		return "(secret)"
	}
	return v.text
}

// GoString hides a secret from %#v.
func (v Value) GoString() string { return "manifest.Value(" + v.String() + ")" }

// MarshalText hides a secret from JSON and YAML.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Equal compares the values themselves, secrets included.
func (v Value) Equal(o Value) bool {
	if (v.ref == nil) != (o.ref == nil) || v.ref != nil && *v.ref != *o.ref {
		return false
	}
	return v.text == o.text && v.secret == o.secret && v.issued == o.issued && v.id == o.id
}

// Binding is the JSON object that says how to reach a resource, in the order of the file.
type Binding struct{ Fields []BindingField }

// BindingField is one member of a binding or of an object inside it.
type BindingField struct {
	Name  string
	Value BindingValue
}

// BindingValue is exactly one of its four fields.
type BindingValue struct {
	Text    *Value         // a JSON string: plain, secret, or a Kubernetes Secret reference
	Literal string         // a JSON number, true, false or null, as written
	Object  []BindingField // a JSON object
	List    []BindingValue // a JSON array; non-nil, also when empty
}

// Service gives the binding's discriminator, "" where it has none.
func (b Binding) Service() string {
	for _, f := range b.Fields {
		if f.Name == "service" && f.Value.Text != nil {
			return f.Value.Text.String()
		}
	}
	return ""
}
