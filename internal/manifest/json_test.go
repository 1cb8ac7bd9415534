package manifest

import (
	"testing"
)

// TestJSONIsReadAsJSON: what YAML would read otherwise, or not at all.
func TestJSONIsReadAsJSON(t *testing.T) {
	long := make([]byte, 2000)
	for i := range long {
		long[i] = 'k'
	}
	manifest := "{\t\"name\"\t:\t\"edge\",\r\n\t\"daemons\": {\"a\": {\"image\": \"x\\/y:1\", \"environment\": {\r" +
		"\t\t\"PAIR\": \"\\ud83d\\ude00\", \"NUL\": \"a\\u0000b\", \"LINES\": \"a\u2028b\u0085c\u007fd\ufeff\", \"SLASHES\": \"\\\\ud800\",\n" +
		"\t\t\"<<\": \"merge\", \"" + string(long) + "\": \"long\", \"ü\": \"~\", \"AFTER\": 1\n}}}}"
	s, findings := load(t, manifest)
	if len(findings) != 1 || findings[0].Code != CodeType || findings[0].Path != "daemons.a.environment.AFTER" {
		t.Fatalf("got %v, want only that AFTER is no string", findings)
	}
	if at := findings[0].Location; at.Line != 4 || at.Column != 2049 {
		t.Errorf("AFTER stands at %d:%d", at.Line, at.Column)
	}
	want := []string{"😀", "a\x00b", "a\u2028b\u0085c\u007fd\ufeff", `\ud800`, "merge", "long", "~", ""}
	for i, e := range s.Daemons[0].Environment {
		if e.Value.Reveal() != want[i] {
			t.Errorf("%s is %q, want %q", e.Name, e.Value.Reveal(), want[i])
		}
	}
	if s.Daemons[0].Image != "x/y:1" {
		t.Errorf("the image is %q", s.Daemons[0].Image)
	}
	for path, want := range map[string][2]int{"name": {1, 12}, "daemons.a.environment.PAIR": {3, 11}, "daemons.a.environment.SLASHES": {3, 78}} {
		if at := s.At(path); at.Line != want[0] || at.Column != want[1] {
			t.Errorf("%s stands at %d:%d, want %v", path, at.Line, at.Column, want)
		}
	}
}
