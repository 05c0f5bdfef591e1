package plaintext

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	var table struct {
		Cases []struct {
			Text, Clean string
			Lines       bool
			Most        int
		}
	}
	raw, err := os.ReadFile("testdata/texts.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &table))
	require.NotEmpty(t, table.Cases)
	for _, c := range table.Cases {
		do := Clean
		if c.Lines {
			do = CleanLines
		}
		if c.Most == 0 {
			c.Most = 100
		}
		assert.Equal(t, c.Clean, do(c.Text, c.Most))
	}
	assert.Equal(t, "a\ufffdb", Clean("a\xffb", 10), "bytes that are not UTF-8")
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[1m\u202e\n", 3)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = min(max(most, 0), 1000)
		got := Clean(text, most)
		assert.True(t, utf8.ValidString(got))
		assert.LessOrEqual(t, utf8.RuneCountInString(got), most+1)
		assert.NotContains(t, got, "\n")
		assert.False(t, strings.ContainsFunc(got, unseen))
		assert.Equal(t, got, Clean(got, most+1), "cleaning twice changes nothing")
	})
}
