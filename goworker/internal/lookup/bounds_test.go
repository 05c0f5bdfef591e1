package lookup

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// FuzzMetadata: whatever metadata holds, what is handed on is a bounded JSON object
// without the lists, and neither facts nor metrics make us stumble.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{`{"num_samples":1,"sample_ids":[]}`, `{"a":{"b":1}}`, "[]", `{"a":1,"a":2}`, `{"":[[[[]]]]}`, `{"num_samples":1e400,"dataset":3}`, "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := metadata.Read([]byte(text)).Trimmed(elsewhere...)
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(shown, &object))
		require.LessOrEqual(t, len(shown), metadata.TrimmedLimit)
		require.LessOrEqual(t, metadata.Depth(shown), metadata.MaxDepth+1)
		for _, key := range elsewhere {
			require.NotContains(t, object, key)
		}
		require.GreaterOrEqual(t, factsIn([]byte(text)).Samples, int64(0))
		require.True(t, json.Valid([]byte(cmp.Or(metrics([]byte(text), nil), "{}"))))
		require.True(t, json.Valid([]byte(cmp.Or(metrics([]byte(text), []string{"a.b", "a", ""}), "{}"))))
		stages, err := stagesIn([]byte(text))
		require.True(t, err != nil || stages == nil || metadata.IsList(stages) && metadata.Depth(stages) <= metadata.MaxDepth)
	})
}

func TestIDListsThatAreTooLargeAreNotRead(t *testing.T) {
	r := &artifactReader{}
	err := r.stream(t.Context(), wandb.RemoteFile{Path: "f", Size: idlist.Max*idlist.Line + 1}, idlist.Max*idlist.Line, nil)
	assert.Equal(t, "too_large", fault.Code(err), "refused by its size, before it is read")
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
	many := &metadata.Object{}
	for i := range 20 {
		many.Set(fmt.Sprintf("m%02d", i), i)
	}
	assert.Len(t, metadata.Read([]byte(metrics(many.Bytes(), nil))).Keys, someMetrics)
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
	asText := metadata.JSON(lists)
	for name, c := range map[string]struct {
		times int // how often the text may stand in memory once more
		read  func()
	}{
		"a list of lists":             {0, func() { _, _ = stagesIn([]byte(lists)) }},
		"a list of lists in a string": {3, func() { _, _ = stagesIn(asText) }},
		"lists in lists":              {0, func() { _, _ = stagesIn([]byte(deep)) }},
		"many keys":                   {1, func() { assert.EqualValues(t, 7, factsIn(keys.Bytes()).Samples) }},
		"many keys shown":             {1, func() { assert.Less(t, len(metadata.Read(keys.Bytes()).Trimmed()), metadata.TrimmedLimit) }},
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

func TestStagesThatAreTooLongInASCII(t *testing.T) {
	wide, err := stagesIn([]byte(`["` + strings.Repeat("é", stagesLimit/4) + `"]`))
	require.NoError(t, err)
	assert.Nil(t, wide, "it has no more than is allowed, but not in ASCII")
}
