package manifest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// A text that is JSON is read as JSON, and not as the YAML that it nearly is: our YAML parser folds lines at U+2028, refuses
// U+007F, long keys and tabs, and does not know every escape. The tree is the same, so everything above it is, too.

// isJSON says whether a text is a JSON object, whole and without a mistake.
func isJSON(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Valid(text)
}

// parseJSON turns a text that isJSON said yes to into its document.
func (s source) parseJSON() (*yaml.Node, *Finding) {
	p := jsonParser{source: s, tokens: json.NewDecoder(bytes.NewReader(s.text)), line: 1, column: 1}
	p.tokens.UseNumber()
	document := p.value()
	return document, p.problem
}

// jsonParser follows the tokens of a valid text and keeps count of where they stand.
type jsonParser struct {
	source
	tokens       *json.Decoder
	offset       int // of what line and column belong to
	line, column int
	problem      *Finding
}

// value reads one value with everything in it. At the end of an object or list it gives nil.
func (p *jsonParser) value() *yaml.Node {
	p.skip(" \t\r\n,:")
	n := &yaml.Node{Line: p.line, Column: p.column}
	token, err := p.tokens.Token()
	if err != nil {
		p.fail(CodeSyntax, "the text ends inside a value", "")
		return nil
	}
	raw := p.text[p.offset:p.tokens.InputOffset()]
	switch token := token.(type) {
	case json.Delim:
		if token == '}' || token == ']' {
			p.advance(len(raw))
			return nil
		}
		n.Kind, n.Tag, n.Style = yaml.MappingNode, "!!map", yaml.FlowStyle
		if token == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		p.advance(len(raw))
		for child := p.value(); child != nil; child = p.value() {
			n.Content = append(n.Content, child)
		}
		return n
	case string:
		n.Tag, n.Value, n.Style = "!!str", token, yaml.DoubleQuotedStyle
		if loneSurrogate(raw) {
			p.fail(CodeEncoding, "a \\u escape here is half of a character", "write both halves, or the character itself")
		}
	case json.Number:
		n.Tag, n.Value = "!!int", token.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", string(raw)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	n.Kind = yaml.ScalarNode
	p.advance(len(raw))
	return n
}

// surrogates are the escapes of a text: pairs for what lies beyond U+FFFF, halves of such pairs, and all others.
var surrogates = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.`)

// loneSurrogate says whether a string holds half of a character, which the JSON parser would quietly replace.
func loneSurrogate(raw []byte) bool {
	const half = `\ud800`
	if !bytes.Contains(raw, []byte(`\u`)) {
		return false
	}
	for _, escape := range surrogates.FindAll(raw, -1) {
		if len(escape) == len(half) {
			return true
		}
	}
	return false
}

// skip moves over the characters between two tokens.
func (p *jsonParser) skip(set string) {
	for p.offset < len(p.text) && strings.IndexByte(set, p.text[p.offset]) >= 0 {
		p.advance(1)
	}
}

// advance moves over bytes and counts the lines and characters in them.
func (p *jsonParser) advance(size int) {
	for end := p.offset + size; p.offset < end; {
		_, width := utf8.DecodeRune(p.text[p.offset:])
		if lineEnd(p.text, p.offset) {
			p.line, p.column = p.line+1, 0
		}
		p.offset += width
		p.column++
	}
}

// lineEnd says whether a line of JSON ends with this byte: \n, \r\n or \r.
func lineEnd(text []byte, at int) bool {
	return text[at] == '\n' || text[at] == '\r' && (at+1 == len(text) || text[at+1] != '\n')
}

func (p *jsonParser) fail(code, message, hint string) {
	if p.problem == nil {
		problem := fileFinding(code, p.file, message, hint)
		problem.Location = p.place(p.line, p.column)
		p.problem = &problem
	}
}

// jsonLines cuts a text where JSON has line ends.
func jsonLines(text string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}

// nameInJSON finds the name of the compiled stack in a text that breaks off somewhere behind it.
func (s source) nameInJSON() (string, bool) {
	tokens := json.NewDecoder(bytes.NewReader(s.text))
	if open, err := tokens.Token(); err != nil || open != json.Delim('{') {
		return "", false
	}
	for {
		key, err := tokens.Token()
		if err != nil || key == json.Delim('}') {
			return "", false
		}
		var value any
		if tokens.Decode(&value) != nil {
			return "", false
		}
		if name, ok := value.(string); ok && name != "" && (key == "id" || key == "name") {
			return name, true
		}
	}
}
