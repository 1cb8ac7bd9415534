package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// SyntaxError is a message that is not JSON.
type SyntaxError struct{ err error }

// Error says what is wrong.
func (e *SyntaxError) Error() string { return "the body is not JSON: " + e.err.Error() }

// Unwrap gives the cause.
func (e *SyntaxError) Unwrap() error { return e.err }

// ShapeError is JSON that is not the message that was expected.
type ShapeError struct{ err error }

// Error says what is wrong.
func (e *ShapeError) Error() string { return "the body has the wrong shape: " + e.err.Error() }

// Unwrap gives the cause.
func (e *ShapeError) Unwrap() error { return e.err }

// Unmarshal reads one message. Unknown properties are ignored; an optional one may be absent or null; a missing one, a wrong
// type and a number out of range (0 to 2^53-1) are a *ShapeError; what is no JSON is a *SyntaxError.
func Unmarshal(data []byte, message any) error {
	var syntax *json.SyntaxError
	err := decode(data, message)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return &SyntaxError{err}
	}
	return &ShapeError{err}
}

// checker is a shape with rules beyond its fields' types.
type checker interface{ check() error }

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func decode(data []byte, message any) error {
	if err := json.Unmarshal(data, message); err != nil {
		return err
	}
	return complete(data, reflect.ValueOf(message).Elem())
}

// complete checks, below a value that was read from data, that what has to be there is there.
func complete(data json.RawMessage, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return complete(data, v.Elem())
	case reflect.PointerTo(v.Type()).Implements(unmarshaler): // it has checked itself
		return nil
	case v.Kind() == reflect.Int64:
		if n := v.Int(); n < 0 || n > 1<<53-1 {
			return fmt.Errorf("%d is not between 0 and 2^53-1", n)
		}
		return nil
	case v.Kind() == reflect.Slice:
		return completeSlice(data, v)
	case v.Kind() == reflect.Struct:
		return completeStruct(data, v)
	}
	return nil
}

func completeSlice(data json.RawMessage, v reflect.Value) error {
	i := 0
	return elements(data, func(item json.RawMessage) error {
		if err := complete(item, v.Index(i)); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		i++
		return nil
	})
}

func completeStruct(data json.RawMessage, v reflect.Value) error {
	if isNull(data) {
		return errors.New("null where an object belongs")
	}
	fields := fieldsOf(v.Type())
	given := make([]json.RawMessage, len(fields)) // of a name that is there twice the last one counts, as for encoding/json
	err := members(data, func(name string, value json.RawMessage) {
		for i := range fields {
			if fields[i].name == name {
				given[i] = value
			}
		}
	})
	if err != nil {
		return err
	}
	for i, f := range fields {
		switch {
		case f.embedded: // its properties stand among these
			if err := completeStruct(data, v.Field(i)); err != nil {
				return err
			}
		case given[i] == nil || isNull(given[i]):
			if !f.optional {
				return fmt.Errorf("%s is missing", f.name)
			}
		default:
			if err := complete(given[i], v.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	if c, ok := v.Interface().(checker); ok {
		return c.check()
	}
	return nil
}

func isNull(data []byte) bool { return string(data) == "null" }

// field is what is to be known of a struct's field.
type field struct {
	name     string // on the wire
	optional bool
	embedded bool
}

var fieldsByType sync.Map // reflect.Type to []field

func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]field)
	}
	fields := make([]field, t.NumField())
	for i := range fields {
		name, optional := property(t.Field(i))
		fields[i] = field{name, optional, t.Field(i).Anonymous}
	}
	fieldsByType.Store(t, fields)
	return fields
}

// property is a field's name on the wire, and whether it may be absent: what is written only when it is set may be.
func property(f reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, options != "" || f.Tag.Get("wire") == "optional"
}

// variant reads a union: the text of one property decides which.
func variant(data []byte, key string, read map[string]func() error) error {
	var name *string
	err := members(data, func(member string, value json.RawMessage) {
		if member == key {
			name = nil
			_ = json.Unmarshal(value, &name) // what is no text leaves it nil
		}
	})
	if err != nil {
		return err
	}
	if name == nil {
		return fmt.Errorf("%s is missing or not text", key)
	}
	f, ok := read[*name]
	if !ok {
		return fmt.Errorf("%s: %q is not known", key, *name)
	}
	return f()
}
