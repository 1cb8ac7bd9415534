package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// declaredReasons reads the constants of package fact, so that none can be forgotten.
func declaredReasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("fact", "reason.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, code)
		}
		return true
	})
	return out
}

func TestOperational(t *testing.T) {
	if !EngineUnreachable.Operational() || !OperationFailed.Operational() || CrashLoop.Operational() || ImageNotFound.Operational() {
		t.Error("what the target could not do and what a daemon did are mixed up")
	}
}

func TestReasonsAreExplained(t *testing.T) {
	var explained []string
	for _, info := range Reasons() {
		explained = append(explained, info.Code)
		if info.Summary == "" || info.Details == "" || info.Fix == "" {
			t.Errorf("%s is not explained in full: %+v", info.Code, info)
		}
	}
	declared := declaredReasons(t)
	slices.Sort(explained)
	slices.Sort(declared)
	if len(declared) < 20 || !slices.Equal(explained, declared) {
		t.Errorf("explained %v\ndeclared  %v", explained, declared)
	}
}
