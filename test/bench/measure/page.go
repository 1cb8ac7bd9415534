package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Page is the report of one benchmark, docs/benchmarks/NAME.md.
type Page struct {
	Name     string
	Title    string
	Intro    string // paragraphs of Markdown: what was measured against what, and how
	Sections []Section
	Goals    []Goal   // what we set out to reach
	Versions []string // of what was measured against, beside the machine
}

// Section is a table of a page, with what there is to say of it. A first section may go without a title.
type Section struct {
	Title string
	Text  string
	Table Table
}

// Table is a table of Markdown. Columns of numbers are set to the right.
type Table struct {
	Head []string
	Rows [][]string
}

// Goal is something we set out to reach.
type Goal struct {
	What    string
	Reached bool
}

// Markdown writes the page out.
func (p Page) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", p.Title, strings.TrimSpace(p.Intro))
	for _, s := range p.Sections {
		b.WriteString(s.markdown())
	}
	if len(p.Goals) > 0 {
		b.WriteString("\n## What we set out to reach\n\n" + goals(p.Goals).markdown())
	}
	b.WriteString("\n" + machineTitle + "\n\n")
	for _, line := range append(Machine(), p.Versions...) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return b.String()
}

const machineTitle = "## The machine"

func (s Section) markdown() string {
	var parts []string
	if s.Title != "" {
		parts = append(parts, "## "+s.Title+"\n")
	}
	if s.Text != "" {
		parts = append(parts, strings.TrimSpace(s.Text)+"\n")
	}
	if len(s.Table.Rows) > 0 {
		parts = append(parts, s.Table.markdown())
	}
	return "\n" + strings.Join(parts, "\n")
}

func goals(all []Goal) Table {
	t := Table{Head: []string{"goal", "reached"}}
	for _, g := range all {
		t.Rows = append(t.Rows, []string{g.What, map[bool]string{true: "yes", false: "**no**"}[g.Reached]})
	}
	return t
}

func (t Table) markdown() string {
	rule := make([]string, len(t.Head))
	for i := range rule {
		rule[i] = "---"
		if t.numeric(i) {
			rule[i] = "--:"
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s|\n", strings.Join(t.Head, " | "), strings.Join(rule, "|"))
	for _, row := range t.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// number is one with a unit, if any.
var number = regexp.MustCompile(`^[0-9.]+ ?[A-Za-z%]*$`)

func (t Table) numeric(column int) bool {
	for _, row := range t.Rows {
		if cell := row[column]; cell != none && !number.MatchString(cell) {
			return false
		}
	}
	return len(t.Rows) > 0
}

// Publish prints the page and, unless docs is empty, writes it below that directory, with the index of all pages there.
func (p Page) Publish(docs string) error {
	text := p.Markdown()
	fmt.Print(text)
	if docs == "" {
		return nil
	}
	dir := filepath.Join(docs, "benchmarks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, p.Name+".md"), []byte(text), 0o644); err != nil {
		return err
	}
	index, err := index(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "benchmarks.md"), []byte(index), 0o644)
}

// index is the page that leads to the others. Each may come from another machine and day, so it says of each which.
func index(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return "", err
	}
	t := Table{Head: []string{"benchmark", "goals reached", "machine"}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		t.Rows = append(t.Rows, entry(filepath.Base(file), string(text)))
	}
	return `# Benchmarks

Every page is written by the benchmark that measured it (` + "`make bench`" + ` runs them all), in one session with what it
is compared to, in turns: read the ratios, as absolute times are those of the machine.

` + t.markdown(), nil
}

var (
	title   = regexp.MustCompile(`(?m)^# (.*)$`)
	verdict = regexp.MustCompile(`(?m)^\| .* \| (yes|\*\*no\*\*) \|$`)
	onWhat  = regexp.MustCompile(`(?s)` + machineTitle + "\n\n(.*)$")
)

// entry is the row of a page in the index.
func entry(file, text string) []string {
	reached, all := 0, verdict.FindAllStringSubmatch(text, -1)
	for _, v := range all {
		if v[1] == "yes" {
			reached++
		}
	}
	name, machine := file, ""
	if m := title.FindStringSubmatch(text); m != nil {
		name = m[1]
	}
	if m := onWhat.FindStringSubmatch(text); m != nil {
		machine = strings.NewReplacer("\n- ", "; ").Replace(strings.TrimPrefix(strings.TrimSpace(m[1]), "- "))
	}
	return []string{fmt.Sprintf("[%s](benchmarks/%s)", name, file), fmt.Sprintf("%d of %d", reached, len(all)), machine}
}
