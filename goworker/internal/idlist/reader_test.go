package idlist

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// endless gives the same line again and again.
type endless struct{ line string }

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for ; n+len(e.line) <= len(p); n += len(e.line) {
		copy(p[n:], e.line)
	}
	return n, nil
}

func TestIDListsAreBounded(t *testing.T) {
	var got int64
	p := NewReader(func(chunk []byte) error {
		got += int64(len(chunk) / packedID)
		require.LessOrEqual(t, len(chunk), packedID*chunkIDs)
		return nil
	})
	p.n = Max - 100_000
	err := p.Lines(endless{strings.Repeat("a", 24) + "\n"})
	assert.Equal(t, "too_large", fault.Code(err), "%v", err)
	assert.LessOrEqual(t, got, int64(100_000))

}

// collect gives what a packer sent, as lines.
func collect(parse func(*Reader) error) (string, error) {
	var out strings.Builder
	p := NewReader(func(chunk []byte) error {
		for ; len(chunk) > 0; chunk = chunk[packedID:] {
			out.WriteString(hex.EncodeToString(chunk[:packedID]) + "\n")
		}
		return nil
	})
	err := parse(p)
	if err == nil {
		err = p.Flush()
	}
	return out.String(), err
}

// FuzzIDLines: what is read is what was written, and nothing else is.
func FuzzIDLines(f *testing.F) {
	line := strings.Repeat("0a", 12)
	for _, seed := range []string{"", line, line + "\n", line + "\n" + line + "\n", line + "\r\n", "\n", strings.Repeat("\n", 25)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := collect(func(p *Reader) error { return p.Lines(strings.NewReader(text)) })
		if err == nil {
			require.Equal(t, strings.ToLower(strings.TrimSuffix(text, "\n")), strings.TrimSuffix(out, "\n"))
		}
		again, err2 := collect(func(p *Reader) error { return p.Lines(iotest.OneByteReader(strings.NewReader(text))) })
		require.Equal(t, err == nil, err2 == nil)
		if err == nil {
			require.Equal(t, out, again, "however the bytes arrive")
		}
	})
}

// FuzzJSONIDs: lists of ids in metadata and sample_references.json are read as
// encoding/json reads them, or refused.
func FuzzJSONIDs(f *testing.F) {
	line := strings.Repeat("0a", 12)
	for _, seed := range []string{"[]", `["` + line + `"]`, `[{"id":"` + line + `"}]`, "[", "{}", "[1]", "null", `["` + line + `"`, `[[]]`, `[{"id":null}]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if out, err := collect(func(p *Reader) error { return p.JSON([]byte(text)) }); err == nil && json.Valid([]byte(text)) {
			var want []string
			require.NoError(t, json.Unmarshal([]byte(text), &want))
			require.Equal(t, strings.ToLower(strings.Join(want, "")), strings.ReplaceAll(out, "\n", ""))
		}
		if out, err := collect(func(p *Reader) error { return p.References(strings.NewReader(text)) }); err == nil && json.Valid([]byte(text)) {
			var want []struct {
				ID string `json:"id"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &want))
			require.Equal(t, len(want), strings.Count(out, "\n"))
		}
	})
}
