package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCodesAreConstants makes sure that docs/errors.md, which is checked against this package's constants, misses no code:
// a fault is made, and its code compared, with a constant.
func TestCodesAreConstants(t *testing.T) {
	sources := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "wandbtest") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		sources++
		ast.Inspect(file, func(n ast.Node) bool {
			for _, code := range codesIn(n) {
				literal, ok := code.(*ast.BasicLit)
				assert.False(t, ok, "%s writes a fault's code as text: name a constant of package fault", path)
				if ok {
					t.Log(literal.Value)
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, sources, 100, "the sources were not found")
}

// codesIn are the expressions for codes that stand directly in a node.
func codesIn(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if at := map[string]int{"New": 1, "Wrap": 2}[faultFunc(n.Fun)]; at > 0 && at < len(n.Args) {
			return n.Args[at : at+1]
		}
	case *ast.BinaryExpr:
		if call, ok := n.X.(*ast.CallExpr); ok && faultFunc(call.Fun) == "Code" && n.Op != token.ADD {
			return []ast.Expr{n.Y}
		}
	case *ast.SwitchStmt:
		if call, ok := n.Tag.(*ast.CallExpr); ok && faultFunc(call.Fun) == "Code" {
			var codes []ast.Expr
			for _, clause := range n.Body.List {
				codes = append(codes, clause.(*ast.CaseClause).List...)
			}
			return codes
		}
	}
	return nil
}

// faultFunc is the name of the function of package fault that is called, or "".
func faultFunc(fun ast.Expr) string {
	if selector, ok := fun.(*ast.SelectorExpr); ok {
		if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "fault" {
			return selector.Sel.Name
		}
	}
	return ""
}
