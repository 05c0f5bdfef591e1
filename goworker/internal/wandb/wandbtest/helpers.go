package wandbtest

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SomeKey is a key that opens nothing.
func SomeKey() string { return strings.ToLower(rand.Text() + rand.Text()) }

// WriteFile makes a file under dir, with its directories, and returns its path.
func WriteFile(t testing.TB, text string, path ...string) string {
	t.Helper()
	full := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o700))
	require.NoError(t, os.WriteFile(full, []byte(text), 0o600))
	return full
}

// AssertHidden checks that a value shows no secret, however it is printed.
func AssertHidden(t testing.TB, value any, text string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(verb, value), text)
	}
}
