package manifest

import "strings"

// advise makes a syntax error say more than the parser knows: a few slips are behind most of them, and the line that shows the slip
// is often not the one at which the parser gave up.
func (s source) advise(problem *Finding, said string) {
	for _, look := range []func(*Finding, string) bool{s.conflict, s.template, s.unspacedColon, s.unquotedVariable, s.trailing} {
		if look(problem, said) {
			return
		}
	}
}

// conflict finds the marks that a version control system leaves.
func (s source) conflict(problem *Finding, _ string) bool {
	at := s.find("<<<<<<< ", 1)
	if at.Column != 1 || !strings.HasPrefix(at.Source, "<<<<<<< ") {
		return false
	}
	problem.Location, problem.Message, problem.Hint = at, "a merge conflict is not resolved", "keep one side, and remove the marks"
	return true
}

// template finds the braces of a template language.
func (s source) template(problem *Finding, _ string) bool {
	if !strings.Contains(problem.Source, "{{") {
		return false
	}
	problem.Hint = "templates such as {{ name }} are not filled in here; use ${NAME}"
	return true
}

// unspacedColon finds the name above that lacks its colon, or the space behind it, so that it became a text.
func (s source) unspacedColon(problem *Finding, said string) bool {
	number := s.above(problem.Line)
	text := strings.TrimSpace(s.line(number))
	deeper := strings.Contains(said, "expected key") && indentation(s.line(number)) < indentation(problem.Source)
	if text == "" || !deeper && !strings.Contains(said, "mapping values") {
		return false
	}
	if strings.ContainsAny(text[:1], "-?{[\"'") || strings.Contains(text, ": ") || strings.HasSuffix(text, ":") {
		return false
	}
	name, _, colon := strings.Cut(text, ":")
	problem.Message, problem.Hint = "a : is missing behind this", "write NAME: VALUE"
	if colon {
		problem.Message = "a space is missing behind the : here"
	}
	problem.Location = s.find(name, number)
	return true
}

// above is the line above that says something; 0 where there is none.
func (s source) above(number int) int {
	for number--; number > 0 && blankOrComment(s.line(number)); number-- {
	}
	return max(number, 0)
}

func blankOrComment(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || text[0] == '#'
}

// unquotedVariable finds a ${ in a list or object in brackets, whose brace YAML takes for its own.
func (s source) unquotedVariable(problem *Finding, said string) bool {
	if !strings.Contains(said, "',' or") || !strings.Contains(problem.Source, "${") {
		return false
	}
	problem.Location = s.find("${", problem.Line)
	problem.Message, problem.Hint = "a ${ without quotes cannot stand between brackets", `put the text in quotes: ["${NAME}"]`
	return true
}

// trailing finds a line whose indentation is right, so that its text must be what does not fit.
func (s source) trailing(problem *Finding, said string) bool {
	if !strings.Contains(said, "expected key") {
		return false
	}
	first := s.above(problem.Line)
	right := strings.HasSuffix(s.line(first), ":") && indentation(s.line(first)) < indentation(problem.Source)
	for number := first; number > 0 && !right; number = s.above(number) {
		right = indentation(s.line(number)) == indentation(problem.Source)
	}
	if right {
		problem.Message = "this line does not read as NAME: VALUE"
		problem.Hint = "put the whole value in quotes; nothing can follow a closing quote or bracket"
	}
	return right
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
