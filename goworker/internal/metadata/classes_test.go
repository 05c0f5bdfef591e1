package metadata

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

func TestClassesAreCountedInOrderAndBounded(t *testing.T) {
	var c ClassCounts
	for _, name := range []string{"b", "a", "a", "c", "b", "a", `"quoted"`} {
		c.Add([]byte(name))
	}
	for _, one := range []struct {
		most, bytes int
		want        string
	}{{10, 100, `{"a":3,"b":2,"c":1,"\"quoted\"":1}`}, {2, 100, `{"a":3,"b":2}`}, {10, 12, `{"a":3,"b":2}`}, {10, 0, `{}`}} {
		text, listed := c.JSON(one.most, one.bytes)
		assert.Equal(t, one.want, string(text))
		assert.Equal(t, strings.Count(one.want, ":"), listed)
	}
	assert.EqualValues(t, 4, c.Distinct())

	var many ClassCounts
	for i := range countedClasses + 10 {
		many.Add([]byte(words.Thousands(int64(i))))
	}
	var notes []string
	note := func(_, format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	meta := &Object{}
	many.Describe(meta, note)
	var got struct {
		Distribution map[string]int `json:"class_distribution"`
		Classes      int            `json:"num_classes"`
		File         string         `json:"class_distribution_file"`
	}
	require.NoError(t, json.Unmarshal(meta.Bytes(), &got))
	assert.Len(t, got.Distribution, listedClasses)
	assert.Equal(t, countedClasses, got.Classes)
	assert.Equal(t, IdentityPath, got.File)
	require.Len(t, notes, 2)
	assert.Contains(t, notes[1], "10 labels")

	var long ClassCounts
	for i := range 20 {
		long.Add(fmt.Appendf(nil, "%d%s", i, strings.Repeat("x", 1<<20)))
	}
	assert.EqualValues(t, 15, long.Distinct(), "as many as fit into 16 MB")
	text, listed := long.JSON(listedClasses, listedBytes)
	assert.Equal(t, "{}", string(text))
	assert.Zero(t, listed)
}

func TestClassesThatSeveralHaveCountedAreThoseOfOne(t *testing.T) {
	names := []string{"b", "a", "bad\xff", "a", "c", "", "b"}
	var all, merged ClassCounts
	for start := 0; start < len(names); start += 3 {
		var part, kept ClassCounts
		for _, name := range names[start:min(start+3, len(names))] {
			all.Add([]byte(name))
			part.Add([]byte(name))
		}
		raw, err := json.Marshal(&part)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &kept))
		merged.Merge(&kept)
	}
	assert.Equal(t, all.Counts(), merged.Counts())
}
