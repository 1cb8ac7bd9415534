package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// What is below walks JSON that encoding/json has found to be whole, once and without copying it: reading it into maps, level by
// level, took longer than all else that a request needs.

var errNoObject = errors.New("something else where an object belongs")

// members calls f with each member of an object, in their order; null has none.
func members(data []byte, f func(name string, value json.RawMessage)) error {
	data = bytes.TrimSpace(data)
	if isNull(data) {
		return nil
	}
	if len(data) == 0 || data[0] != '{' {
		return errNoObject
	}
	for rest := space(data[1:]); len(rest) > 0 && rest[0] == '"'; {
		n := width(rest)
		name := rest[1 : n-1]
		rest = space(rest[n:])
		rest = space(rest[1:]) // after the colon
		m := width(rest)
		f(unquoted(name), json.RawMessage(rest[:m]))
		rest = space(rest[m:])
		rest = space(rest[1:]) // after the comma or the end
	}
	return nil
}

// elements calls f with each element of an array, until it fails; null has none.
func elements(data []byte, f func(value json.RawMessage) error) error {
	data = bytes.TrimSpace(data)
	if isNull(data) {
		return nil
	}
	for rest := space(data[1:]); len(rest) > 0 && rest[0] != ']'; {
		m := width(rest)
		if err := f(json.RawMessage(rest[:m])); err != nil {
			return err
		}
		rest = space(rest[m:])
		if rest[0] == ',' {
			rest = space(rest[1:])
		}
	}
	return nil
}

func space(data []byte) []byte { return bytes.TrimLeft(data, " \t\r\n") }

// unquoted is what stands between the quotes of a text.
func unquoted(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var s string
	_ = json.Unmarshal(append(append([]byte{'"'}, text...), '"'), &s) // it was found to be whole
	return s
}

// width is the length of the value that data begins with.
func width(data []byte) int {
	switch data[0] {
	case '"':
		return quoted(data)
	case '{', '[':
		return nested(data)
	}
	if n := bytes.IndexAny(data, ",]} \t\r\n"); n >= 0 {
		return n
	}
	return len(data)
}

func quoted(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

func nested(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i += quoted(data[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(data)
}
