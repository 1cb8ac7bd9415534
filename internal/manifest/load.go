package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Options say what to load, and what may be looked at for it.
type Options struct {
	// Path is the manifest, "-" for standard input.
	Path  string
	Stdin io.Reader
	// Values is the file that gives a compiled stack what it lacks; empty for none.
	Values string
	// LookupEnv reads an environment variable; nil reads those of this process.
	LookupEnv func(string) (string, bool)
	// Platforms are those the stack is loaded for; nil means all. What only others use is checked for its structure, and its
	// environment variables and files are not read.
	Platforms []Platform
}

func (o Options) lookup() func(string) (string, bool) {
	if o.LookupEnv != nil {
		return o.LookupEnv
	}
	return os.LookupEnv
}

// dir is where relative paths of the manifest start: beside it, or for standard input where we are.
func (o Options) dir() string {
	if o.Path == "-" {
		return "."
	}
	return filepath.Dir(o.Path)
}

// Load reads a manifest. It gives all findings in the order of the file, not the first one only, and a stack as complete as
// they allow: nil when the file cannot be read or is no object. A stack that comes with errors is for finding more of them,
// not for deploying.
func Load(o Options) (*Stack, []Finding) {
	src, findings := readSource(o.Path, o.Stdin)
	if len(findings) > 0 {
		return nil, findings
	}
	document, problem := parse(src)
	if problem != nil {
		return nil, []Finding{*problem}
	}
	r := newReader(src, o.dir(), o.lookup())
	if !r.resolve(document) {
		return nil, r.findings
	}
	s := r.stack(r.root(document), o)
	sortFindings(r.findings)
	return s, r.findings
}

// stack tells the two forms apart and reads the one it is.
func (r *reader) stack(root node, o Options) *Stack {
	if root.isNull() || !plainTag(root.yaml, "!!map") || root.kind() != "an object" {
		r.wrongType(root, "an object", "start with a line `name: …`")
		return nil
	}
	var s *Stack
	var c *compiled
	if r.json && isCompiled(root) {
		c = r.compiledStack(root, o)
		s = c.stack
	} else {
		s = r.friendly(root, o.Platforms)
	}
	s.Deployment = Deployment{ID: s.Name, Name: s.Name}
	s.File, s.Dir, s.index = o.Path, o.dir(), r.index
	r.settle(s, c, o)
	return s
}

// isCompiled says whether a JSON document is the compiled stack: that one has an id and resources, where the friendly form has
// a name and daemons; other names at its top are ignored, so a name may be among them. Nothing but JSON is the compiled form: its builder writes no YAML, and YAML reads some of it otherwise.
func isCompiled(root node) bool {
	return root.has("id") && root.has("resources") && !root.has("daemons")
}

// sortFindings puts findings into the order of the file; what is about the whole file comes first.
func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Merge puts what loading found and what checking the stack found into one list, in the order of the file. What a check says of
// a value that loading refused already is left out: it is a consequence, such as the empty image of an undefined variable.
func Merge(loaded, checked []Finding) []Finding {
	refused := map[string]bool{}
	for _, f := range loaded {
		if f.Severity == Error {
			refused[f.Path] = true
		}
	}
	all := slices.Clone(loaded)
	for _, f := range checked {
		if !refused[f.Path] {
			all = append(all, f)
		}
	}
	sortFindings(all)
	return all
}

// Find is the manifest of a directory: the first of alien.yaml, alien.yml and alien.json in it, else in the nearest directory above
// that has one. The path it gives is relative where dir is.
func Find(dir string) (string, error) {
	names := []string{"alien.yaml", "alien.yml", "alien.json"}
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("cannot find a manifest in %s: %w", dir, err)
	}
	for here := dir; ; here = filepath.Join(here, "..") {
		for _, name := range names {
			path := filepath.Join(here, name)
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				return path, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("there is no %s, %s or %s in %s or above it", names[0], names[1], names[2], dir)
		}
		at = filepath.Dir(at)
	}
}

// LoadName reads the stack's name and forgives every other mistake, so that a stack can be looked at and taken down
// whatever state its manifest is in.
func LoadName(o Options) (string, error) {
	src, findings := readSource(o.Path, o.Stdin)
	if len(findings) > 0 {
		return "", errors.New(findings[0].String())
	}
	r := newReader(src, o.dir(), o.lookup())
	document, problem := parse(src)
	if problem != nil {
		if name, ok := src.nameInJSON(); ok {
			return name, nil
		}
		line, ok := nameLine(src.lines)
		if !ok {
			return "", errors.New(problem.String())
		}
		if document, problem = parse(source{file: src.file, text: []byte(line), lines: src.lines}); problem != nil {
			return "", errors.New(problem.String())
		}
	}
	r.resolve(document)
	r.findings = nil
	return r.stackName(document)
}

// stackName takes the name out of a document that may be wrong everywhere else.
func (r *reader) stackName(document *yaml.Node) (string, error) {
	root := node{yaml: document}
	names := []string{"name", "id"}
	if r.json && isCompiled(root) {
		r.expand, names = nil, names[1:]
	}
	for _, field := range names {
		y, ok := root.child(field)
		if !ok {
			continue
		}
		name := r.text(node{yaml: y, at: r.location(y, field), key: r.location(y, field)})
		if len(r.findings) > 0 {
			return "", errors.New(r.findings[0].String())
		}
		if name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s: the manifest gives the stack no name", r.file)
}

// nameLine finds the line with the stack's name in a text that does not parse.
func nameLine(lines []string) (string, bool) {
	pattern := regexp.MustCompile(`^"?name"?:\s+\S`)
	for _, line := range lines {
		if pattern.MatchString(line) {
			return strings.TrimSpace(line), true
		}
	}
	return "", false
}
