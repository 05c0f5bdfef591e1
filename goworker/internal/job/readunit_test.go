package job

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
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
	p := newIDPacker(func(chunk []byte) error {
		got += int64(len(chunk) / packedID)
		require.LessOrEqual(t, len(chunk), packedID*chunkIDs)
		return nil
	})
	p.n = maxIDs - 100_000
	err := p.lines(endless{strings.Repeat("a", 24) + "\n"})
	assert.Equal(t, "too_large", fault.Code(err), "%v", err)
	assert.LessOrEqual(t, got, int64(100_000))

	r := &artifactReader{}
	err = r.stream(t.Context(), wandb.RemoteFile{Path: "f", Size: maxIDs*idLine + 1}, maxIDs*idLine, nil)
	assert.Equal(t, "too_large", fault.Code(err), "refused by its size, before it is read")
}

// collect gives what a packer sent, as lines.
func collect(parse func(*idPacker) error) (string, error) {
	var out strings.Builder
	p := newIDPacker(func(chunk []byte) error {
		for ; len(chunk) > 0; chunk = chunk[packedID:] {
			out.WriteString(hex.EncodeToString(chunk[:packedID]) + "\n")
		}
		return nil
	})
	err := parse(p)
	if err == nil {
		err = p.flush()
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
		out, err := collect(func(p *idPacker) error { return p.lines(strings.NewReader(text)) })
		if err == nil {
			require.Equal(t, strings.ToLower(strings.TrimSuffix(text, "\n")), strings.TrimSuffix(out, "\n"))
		}
		again, err2 := collect(func(p *idPacker) error { return p.lines(iotest.OneByteReader(strings.NewReader(text))) })
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
		if out, err := collect(func(p *idPacker) error { return p.jsonList([]byte(text)) }); err == nil && json.Valid([]byte(text)) {
			var want []string
			require.NoError(t, json.Unmarshal([]byte(text), &want))
			require.Equal(t, strings.ToLower(strings.Join(want, "")), strings.ReplaceAll(out, "\n", ""))
		}
		if out, err := collect(func(p *idPacker) error { return p.references(strings.NewReader(text)) }); err == nil && json.Valid([]byte(text)) {
			var want []struct {
				ID string `json:"id"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &want))
			require.Equal(t, len(want), strings.Count(out, "\n"))
		}
	})
}

// FuzzMetadata: whatever metadata holds, what is handed on is a bounded JSON object
// without the lists, and neither facts nor metrics make us stumble.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{`{"num_samples":1,"sample_ids":[]}`, `{"a":{"b":1}}`, "[]", `{"a":1,"a":2}`, `{"":[[[[]]]]}`, `{"num_samples":1e400,"dataset":3}`, "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := readFields([]byte(text)).shown(elsewhere...)
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(shown, &object))
		require.LessOrEqual(t, len(shown), shownLimit)
		require.LessOrEqual(t, depth(shown), maxDepth+1)
		for _, key := range elsewhere {
			require.NotContains(t, object, key)
		}
		require.GreaterOrEqual(t, factsIn([]byte(text)).Samples, int64(0))
		require.True(t, json.Valid([]byte(orDefault(metrics([]byte(text), nil), "{}"))))
		require.True(t, json.Valid([]byte(orDefault(metrics([]byte(text), []string{"a.b", "a", ""}), "{}"))))
		stages, err := stagesIn([]byte(text))
		require.True(t, err != nil || stages == nil || isList(stages) && depth(stages) <= maxDepth)
	})
}

func TestMetrics(t *testing.T) {
	const summary = `{"loss":0.5,"_step":7,"_wandb":{"runtime":3},"val":{"acc":0.25,"f.1":2},"x.y":3,"name":"text","flag":true,"none":null,"table":{"_type":"table-file","nrows":3}}`
	for _, c := range []struct {
		keys []string
		want string
	}{
		{nil, `{"loss":0.5,"x.y":3}`},
		{[]string{"val.acc", "x.y", "val.f.1", "name", "none", "nothing", "_step", "table.nrows"}, `{"val.acc":0.25,"x.y":3,"val.f.1":2,"_step":7,"table.nrows":3}`},
	} {
		assert.JSONEq(t, c.want, metrics([]byte(summary), c.keys))
	}
	many := &object{}
	for i := range 20 {
		many.set(fmt.Sprintf("m%02d", i), i)
	}
	assert.Len(t, readFields([]byte(metrics(many.bytes(), nil))).keys, someMetrics)
	assert.Empty(t, metrics(nil, nil))
}

func TestMetadataEstimate(t *testing.T) {
	for name, c := range map[string]struct {
		info wandb.ArtifactInfo
		ask  bool // at once
	}{
		"a few samples":       {wandb.ArtifactInfo{Size: 20_000, FileCount: 5}, true},
		"a few with pictures": {wandb.ArtifactInfo{Size: 5_000_000, FileCount: 50}, true},
		"a large table":       {wandb.ArtifactInfo{Size: 5_000_000, FileCount: 5}, false},
		"many pictures":       {wandb.ArtifactInfo{Size: 1 << 40, FileCount: 10_000}, false},
	} {
		assert.Equal(t, c.ask, metadataEstimate(c.info) <= metadataSmall, name)
	}
}

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{``: 0, `1`: 0, `[]`: 1, `{"a":[{}]}`: 3, `"[[["`: 0, `["\"[["]`: 1, `[[],[]]`: 2} {
		assert.Equal(t, want, depth([]byte(text)), text)
	}
	assert.Equal(t, 5000, depth(bytes.Repeat([]byte("["), 5000)))
}

// TestHostileJSONTakesLittleMemory reads texts of 30 MB whose values are as small as can be: whatever kept
// something for each of them would take many times as much.
func TestHostileJSONTakesLittleMemory(t *testing.T) {
	const size = 30 << 20
	lists := "[" + strings.Repeat("[],", size/3) + "[]]"
	var keys bytes.Buffer
	keys.WriteString(`{"num_samples":7`)
	for i := 0; keys.Len() < size; i++ {
		fmt.Fprintf(&keys, `,"%d":[]`, i)
	}
	keys.WriteByte('}')
	deep := strings.Repeat("[", size/2) + strings.Repeat("]", size/2)
	asText := mustJSON(lists)
	for name, c := range map[string]struct {
		times int // how often the text may stand in memory once more
		read  func()
	}{
		"a list of lists":             {0, func() { _, _ = stagesIn([]byte(lists)) }},
		"a list of lists in a string": {3, func() { _, _ = stagesIn(asText) }},
		"lists in lists":              {0, func() { _, _ = stagesIn([]byte(deep)) }},
		"many keys":                   {1, func() { assert.EqualValues(t, 7, factsIn(keys.Bytes()).Samples) }},
		"many keys shown":             {1, func() { assert.Less(t, len(readFields(keys.Bytes()).shown()), shownLimit) }},
		"a list as metadata":          {1, func() { factsIn([]byte(lists)) }},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.read()
		runtime.ReadMemStats(&after)
		copies := 1 // the text as bytes
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64((c.times+copies)*(size+1<<20)+16<<20), name)
	}
}

// TestASCIIJSON compares what escaped JSON says with what was written.
func TestASCIIJSON(t *testing.T) {
	for _, text := range []string{"[]", `["plain", 1]`, `["größe"]`, `["名前", {"😀\"\\": "\u00e9\\"}]`, "[\"\u2028\uFFFD\U0010FFFF\"]"} {
		got := asciiJSON([]byte(text))
		for _, b := range got {
			require.Less(t, b, byte(0x80), text)
		}
		var want, read any
		require.NoError(t, json.Unmarshal([]byte(text), &want), text)
		require.NoError(t, json.Unmarshal(got, &read), text)
		assert.Equal(t, want, read, text)
	}
	assert.Equal(t, `["gr\u00f6\ud83d\ude00"]`, string(asciiJSON([]byte(`["grö😀"]`))))
	wide, err := stagesIn([]byte(`["` + strings.Repeat("é", stagesLimit/4) + `"]`))
	require.NoError(t, err)
	assert.Nil(t, wide, "it has no more than is allowed, but not in ASCII")
}
