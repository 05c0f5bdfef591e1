// Package pillowtest finds a Python with Pillow for tests, and has it make files.
package pillowtest

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is the root of the plugin, above the directory of the package under test.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatal("these tests run below the directory of go.mod")
	return ""
}

// Python is an interpreter that has Pillow. Without one the test is skipped.
func Python(t testing.TB) string {
	t.Helper()
	for _, name := range []string{filepath.Join(repository(t), ".venv/bin/python"), "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import PIL").Run() == nil { //nolint:gosec // the developer's own
			return name
		}
	}
	t.Skip("no Python here has Pillow: make env")
	return ""
}

// Script is the path of the program that decodes.
func Script(t testing.TB) string { return filepath.Join(repository(t), "shim", "decoder.py") }

// Packages are the directories that have what Python imports for it.
func Packages(t testing.TB) []string {
	t.Helper()
	return []string{strings.TrimSpace(string(run(t, "import PIL, os; print(os.path.dirname(os.path.dirname(PIL.__file__)))")))}
}

// Files has Python make files: each call of show(name, image, kind, cut, **options) saves a picture of Pillow as one, of which cut is how many bytes
// are kept. Two pictures are there, base and color.
func Files(t testing.TB, code string) map[string][]byte {
	t.Helper()
	made := map[string][]byte{}
	for line := range strings.Lines(string(run(t, `
import base64, io, struct, sys
from PIL import Image
def show(name, image, kind, cut=None, **options):
    f = io.BytesIO()
    image.save(f, kind, **options)
    print(name, base64.b64encode(f.getvalue()[:cut]).decode())
base = Image.linear_gradient("L").resize((40, 30))
color = Image.merge("RGB", (base, base.rotate(90), base.rotate(180)))
`+code))) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		made[name] = data
	}
	return made
}

func run(t testing.TB, code string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), Python(t), "-c", code).CombinedOutput() //nolint:gosec // the test's own
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return out
}
