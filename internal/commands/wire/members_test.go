package wire

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzMembers: walking JSON finds what encoding/json finds in it.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, ` { "a" : 1 , "b":[ 1, {"c":"]}"} ,[]],"a":null}`, `null`, `[]`, `[1,"\"",{"a":[]}, null]`, `{"\u0061\n":"\\"}`, `"x"`, `1`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) || !utf8.Valid(data) {
			return
		}
		var object map[string]json.RawMessage
		got := map[string]json.RawMessage{}
		wrong := json.Unmarshal(data, &object)
		err := members(data, func(name string, value json.RawMessage) { got[name] = value })
		if (wrong == nil) != (err == nil) {
			t.Fatalf("%q: %v, not %v", data, err, wrong)
		}
		same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
		if err == nil && !maps.EqualFunc(got, object, same) {
			t.Fatalf("%q: %q, not %q", data, got, object)
		}
		var array, items []json.RawMessage
		if json.Unmarshal(data, &array) != nil {
			return
		}
		_ = elements(data, func(v json.RawMessage) error { items = append(items, v); return nil })
		if !slices.EqualFunc(items, array, same) {
			t.Fatalf("%q: %q, not %q", data, items, array)
		}
	})
}
