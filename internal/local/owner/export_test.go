package owner

import "testing"

// StartOf is start for tests.
func StartOf(t *testing.T, pid int) string {
	t.Helper()
	s, err := start(pid)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
