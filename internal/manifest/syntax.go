package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parse turns a text into its one document. Nil comes with a finding that says why.
func parse(src source) (*yaml.Node, *Finding) {
	if src.json {
		return src.parseJSON()
	}
	found, err := documents(src.text)
	if at, message, ok := src.jsonError(); ok && err == nil && src.meansJSON(found) {
		return nil, &Finding{Code: CodeSyntax, Severity: Error, Location: at, Message: "this is not JSON: " + message, Hint: "correct it"}
	}
	if err != nil {
		problem := src.syntax(err)
		return nil, &problem
	}
	if len(found) == 0 {
		problem := fileFinding(CodeEmpty, src.file, "the file holds nothing but comments", "start with a name and one daemon")
		return nil, &problem
	}
	if len(found) > 1 {
		second := found[1]
		problem := fileFinding(CodeDocuments, src.file, "a second document starts here", "keep one stack per file, without a line of ---")
		problem.Location = src.place(max(second.Line-1, 1), 1)
		return nil, &problem
	}
	return found[0], nil
}

// documents reads every document that holds something.
func documents(text []byte) (found []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil { // the parser has a few internal errors that it does not turn into an answer
			err = fmt.Errorf("%v", p)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for len(found) < 2 {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if content := document.Content; len(content) == 1 && content[0].Line > 0 && !(node{yaml: content[0]}).isNull() {
			found = append(found, content[0])
		}
	}
	return found, nil
}

// complaint is one of the parser's messages in our words.
type complaint struct{ says, message, hint string }

func complaints() []complaint {
	return []complaint{
		{"mapping values are not allowed", "a key cannot stand here", `indent the line like its neighbours, or put a text that holds ": " in quotes`},
		{"could not find expected ':'", "this is neither a key nor the rest of the value above", "write NAME: VALUE"},
		{"did not find expected key", "this line does not fit the ones above it", "indent it exactly like its neighbours, with spaces"},
		{"did not find expected '-' indicator", "a list stands above, and this line does not start with -", "start it with -, or indent it like the name of the list"},
		{"did not find expected ',' or '}'", "the { here is not closed, or a comma is missing after it", "add the } or the comma"},
		{"did not find expected ',' or ']'", "the [ here is not closed, or a comma is missing after it", "add the ] or the comma"},
		{"did not find expected node content", "a value is missing", "write one"},
		{"expected <document start>", "this belongs to nothing that stands above it", "write NAME: VALUE"},
		{"unknown directive", "a line cannot start with %", "put the text in quotes"},
		{"block sequence entries are not allowed", "a list cannot start behind a key on its line", "put it on the lines below, or write [a, b]"},
		{"unexpected end of stream", "a quote is opened here and never closed", "close it"},
		{"cannot start any token", "this character cannot start a value", "put the value in quotes"},
		{"unknown escape character", `a \ in double quotes starts an escape, and this one does not exist`, `write \\, or use single quotes`},
		{"tab character", "tabs cannot indent", "use spaces"},
	}
}

// syntax turns the parser's error into a finding at the line that is to blame. The parser names that line only for
// some errors: for others it names where the structure around it began, one line off, or nothing.
func (s source) syntax(err error) Finding {
	said, line := parserLine(err)
	problem := fileFinding(CodeSyntax, s.file, said, "")
	for _, c := range complaints() {
		if strings.Contains(said, c.says) {
			problem.Message, problem.Hint = c.message, c.hint
		}
	}
	switch {
	case s.likeJSON(), strings.HasSuffix(s.file, ".json"):
		if at, message, ok := s.jsonError(); ok {
			problem.Location, problem.Message, problem.Hint = at, message, ""
			return problem
		}
	case strings.Contains(said, "exceeded max depth"):
		problem.Code, problem.Message, problem.Hint = CodeDepth, tooDeep(), depthHint
		return problem
	case strings.Contains(said, "unknown anchor"):
		name := strings.Split(said, "'")[1]
		problem.Code, problem.Message, problem.Hint = CodeAlias, fmt.Sprintf("there is no anchor &%s above", name), "define it before it is used, or put a text that starts with * in quotes"
		problem.Location = s.find("*"+name, 1)
		return problem
	case strings.Contains(said, "expected key"), strings.Contains(said, "'-' indicator"), strings.Contains(said, "<document start>"):
		line = s.firstFailing(said)
	case strings.Contains(said, "did not find expected"):
		line++
	case strings.Contains(said, "end of stream") && !strings.ContainsAny(s.line(line), `"'`):
		line = 1 // the parser does not name the first line
	}
	problem.Location = s.place(line, s.blame(said, line))
	if !s.likeJSON() {
		s.advise(&problem, said)
		s.tab(&problem)
	}
	return problem
}

// parserLine takes the parser's error apart; without a line it means the first.
func parserLine(err error) (said string, line int) {
	said = strings.TrimPrefix(err.Error(), "yaml: ")
	if _, e := fmt.Sscanf(said, "line %d: ", &line); e == nil {
		_, said, _ = strings.Cut(said, ": ")
	}
	return said, max(line, 1)
}

// firstFailing is the first line with which the text above it makes the parser say this. All longer texts make it say
// the same, so it can be searched by halving.
func (s source) firstFailing(said string) int {
	low, high := 1, len(s.lines)
	for low < high {
		middle := (low + high) / 2
		_, err := documents([]byte(strings.Join(s.lines[:middle], "\n") + "\n"))
		if err != nil && strings.Contains(err.Error(), said) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// blame is the column to point at, as far as the line shows it.
func (s source) blame(said string, line int) int {
	text := s.line(line)
	find := func(from int, set string) int {
		if i := strings.IndexAny(text[from:], set); i >= 0 {
			return len([]rune(text[:from+i])) + 1
		}
		return len([]rune(text)) - len([]rune(strings.TrimLeft(text, " \t"))) + 1
	}
	switch {
	case strings.Contains(said, "mapping values"):
		if i := strings.Index(text, ": "); i >= 0 && strings.Contains(text[i+2:], ":") {
			return find(i+2, ":")
		}
	case strings.Contains(said, "cannot start any token"):
		return find(0, "@`%\t")
	case strings.Contains(said, "escape"):
		return find(0, `\`)
	case strings.Contains(said, "end of stream"):
		return find(0, `"'`)
	case strings.Contains(said, "',' or"):
		return find(0, "{[")
	}
	return find(len(text), "x")
}

// tab makes the finding one about tabs where a tab is what the parser stumbled over.
func (s source) tab(problem *Finding) {
	for line := max(problem.Line-1, 1); line <= min(problem.Line+1, len(s.lines)); line++ {
		text := s.lines[line-1]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i := strings.Index(indent, "\t"); i >= 0 && strings.TrimSpace(text) != "" {
			problem.Code, problem.Message, problem.Hint = CodeTab, "a tab cannot indent a line", "use spaces"
			problem.Location = s.place(line, i+1)
			return
		}
	}
}

// likeJSON says whether the text means to be JSON: an object whose first key is in quotes.
func (s source) likeJSON() bool {
	text := bytes.TrimSpace(s.text)
	return bytes.HasPrefix(text, []byte("{")) && bytes.HasPrefix(bytes.TrimSpace(text[1:]), []byte(`"`))
}

// meansJSON says whether a text that is YAML was meant to be JSON: by its file's name, or because it is a compiled stack.
func (s source) meansJSON(found []*yaml.Node) bool {
	return strings.HasSuffix(s.file, ".json") || s.likeJSON() && len(found) == 1 && isCompiled(node{yaml: found[0]})
}

// jsonError asks the JSON parser, which knows the place exactly.
func (s source) jsonError() (Location, string, bool) {
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(s.text, new(any)), &syntax) {
		return Location{}, "", false
	}
	return s.locate(max(int(syntax.Offset)-1, 0)), strings.TrimPrefix(syntax.Error(), "json: "), true
}

// find is the first place of a text at or below a line; the line's start where it is not found.
func (s source) find(text string, line int) Location {
	for i := max(line, 1); i <= len(s.lines); i++ {
		if at := strings.Index(s.line(i), text); at >= 0 {
			return s.place(i, utf8.RuneCountInString(s.line(i)[:at])+1)
		}
	}
	return s.place(line, 1)
}

// place is a line and column as a location.
func (s source) place(line, column int) Location {
	return Location{File: s.file, Line: line, Column: column, Source: s.line(line)}
}

// line is the text of a line, counted from 1; empty where the file has none.
func (s source) line(number int) string {
	if number < 1 || number > len(s.lines) {
		return ""
	}
	return s.lines[number-1]
}
