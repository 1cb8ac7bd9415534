package manifest

import (
	"strings"
	"testing"
)

func TestInterpolate(t *testing.T) {
	lookup := func(name string) (string, bool) {
		value, ok := map[string]string{"A": "a", "EMPTY": "", "RAW": "${A} $A $${A}"}[name]
		return value, ok
	}
	for _, c := range []struct{ text, want, code string }{
		{"plain", "plain", ""},
		{"", "", ""},
		{"$", "$", ""},
		{"$$", "$$", ""},
		{"$A $(A) $5 a$", "$A $(A) $5 a$", ""},
		{"${A}", "a", ""},
		{"-${A}-${A}-", "-a-a-", ""},
		{"$${A}", "${A}", ""},
		{"$$${A}", "$${A}", ""},
		{"$${A}${A}", "${A}a", ""},
		{"}${A}}", "}a}", ""},
		{"${RAW}", "${A} $A $${A}", ""},
		{"${EMPTY}", "", ""},
		{"${EMPTY:-x}", "x", ""},
		{"${A:-x}", "a", ""},
		{"${B:-x y}", "x y", ""},
		{"${B:-}", "", ""},
		{"${B:-${A}}", "a", ""},
		{"${B:-[${C:-${A}}]}", "[a]", ""},
		{"${B:-$${A}}", "${A}", ""},
		{"${B:-$}", "$", ""},
		{"${A:-${B}}", "a", ""},
		{"${A:?why}", "a", ""},
		{"ü${A}ü", "üaü", ""},
		{"${B}", "", CodeVariable},
		{"${B:-${C}}", "", CodeVariable},
		{"${B:?why}", "", CodeRequired},
		{"${EMPTY:?why}", "", CodeRequired},
		{"${", "", CodeVarSyntax},
		{"${}", "", CodeVarSyntax},
		{"${A", "", CodeVarSyntax},
		{"${A:-", "a", CodeVarSyntax},
		{"${A:-x", "a", CodeVarSyntax},
		{"${A:-${}}", "a", CodeVarSyntax},
		{"${1A}", "", CodeVarSyntax},
		{"${A-x}", "", CodeVarSyntax},
		{"${A:+x}", "", CodeVarSyntax},
		{"${ A }", "", CodeVarSyntax},
		{strings.Repeat("${B:-", 9) + strings.Repeat("}", 9), "", CodeVarSyntax},
	} {
		got, slips := (&interpolator{lookup: lookup}).expand(c.text)
		code := ""
		if len(slips) > 0 {
			code = slips[0].code
		}
		if got != c.want || code != c.code || len(slips) > 1 {
			t.Errorf("%q gives %q, %v, want %q, %s", c.text, got, slips, c.want, c.code)
		}
	}
}

// TestInterpolationIsBounded: a small file that names a large variable often does not fill the memory.
func TestInterpolationIsBounded(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	in := &interpolator{lookup: func(string) (string, bool) { return large, true }}
	got, slips := in.expand(strings.Repeat("${A}", 10_000))
	if len(slips) != 1 || slips[0].code != CodeTooLarge || len(got) > maxExpanded {
		t.Errorf("%d bytes and %d slips", len(got), len(slips))
	}
}
