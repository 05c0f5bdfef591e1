package metadata

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{``: 0, `1`: 0, `[]`: 1, `{"a":[{}]}`: 3, `"[[["`: 0, `["\"[["]`: 1, `[[],[]]`: 2} {
		assert.Equal(t, want, Depth([]byte(text)), text)
	}
	assert.Equal(t, 5000, Depth(bytes.Repeat([]byte("["), 5000)))
}

// TestASCIIJSON compares what escaped JSON says with what was written.
func TestASCIIJSON(t *testing.T) {
	for _, text := range []string{"[]", `["plain", 1]`, `["größe"]`, `["名前", {"😀\"\\": "\u00e9\\"}]`, "[\"\u2028\uFFFD\U0010FFFF\"]"} {
		got := ASCII([]byte(text), 1<<20)
		for _, b := range got {
			require.Less(t, b, byte(0x80), text)
		}
		var want, read any
		require.NoError(t, json.Unmarshal([]byte(text), &want), text)
		require.NoError(t, json.Unmarshal(got, &read), text)
		assert.Equal(t, want, read, text)
	}
	assert.Equal(t, `["gr\u00f6\ud83d\ude00"]`, string(ASCII([]byte(`["grö😀"]`), 1<<20)))
}
