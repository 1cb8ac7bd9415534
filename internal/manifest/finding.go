package manifest

import "fmt"

// Severity of a finding: an error stops the command, a warning does not.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Location is where something stands: its position in the file and its path in the document.
type Location struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`   // 1-based; 0 where the whole file is meant
	Column int    `json:"column,omitempty"` // 1-based
	Path   string `json:"path,omitempty"`   // as the document spells it: daemons.api.image, resources.api.config.code.image

	// Source is the line itself, for Finding.Excerpt; it stays out of JSON, where nobody expects pieces of the file.
	Source string `json:"-"`
}

// Finding is one thing that is wrong, or questionable, with a manifest.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Location
	Message string `json:"message"`          // what is wrong
	Hint    string `json:"hint,omitempty"`   // what to do
	Target  string `json:"target,omitempty"` // the target it was found for, where it depends on one
}

// String is the one-line form: file:line:col: path: what is wrong; what to do [CODE].
func (f Finding) String() string {
	s := f.File
	if f.Line > 0 {
		s += fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
	if f.Path != "" {
		s += ": " + f.Path
	}
	s += ": " + f.Message
	if f.Hint != "" {
		s += "; " + f.Hint
	}
	return s + " [" + f.Code + "]"
}

// At gives the location of a model path ("daemons.api.environment.LOG_LEVEL", "resources.cache", "name", list items as
// "daemons.api.links[0]"). Of a path that was not written it gives the nearest one above that was.
func (s *Stack) At(path string) Location {
	for p := path; ; p = parent(p) {
		if loc, ok := s.index[p]; ok {
			return loc
		}
		if p == "" {
			return Location{File: s.File}
		}
	}
}

// Stated says whether the manifest itself wrote this model path.
func (s *Stack) Stated(path string) bool { _, ok := s.index[path]; return ok }

// parent drops the last segment of a model path: a.b[2] → a.b → a → "".
func parent(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}

// CodeInfo explains one stable code; `alien explain CODE` and the reference pages print it.
type CodeInfo struct {
	Code    string `json:"code"`
	Summary string `json:"summary"` // one line: what is wrong
	Details string `json:"details"` // why it matters, when it happens
	Fix     string `json:"fix"`     // what to do
}
