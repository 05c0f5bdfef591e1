package idlist

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

func TestAListOfLinesOfOtherLists(t *testing.T) {
	s, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	list := func(name string) *Writer {
		f, err := s.Create(name)
		require.NoError(t, err)
		return NewWriter(f, "fiftyone/ids.txt")
	}
	one, part := list("one"), list("part")
	for i := range byte(9) {
		require.NoError(t, one.Add(bson.ObjectID{i}))
		require.NoError(t, part.Add(bson.ObjectID{i}))
	}
	file, err := part.End()
	require.NoError(t, err)
	lines, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	merged := list("merged")
	require.NoError(t, merged.AddLines(lines[:40])) // cut within a line
	require.NoError(t, merged.AddLines(lines[40:]))
	assert.EqualValues(t, 9, merged.Len())
	var want, got artifact.Files
	require.NoError(t, one.Close(&want))
	require.NoError(t, merged.Close(&got))
	assert.Equal(t, want.Digest(), got.Digest())
	json, err := one.List("ids").JSON()
	require.NoError(t, err)
	again, err := merged.List("ids").JSON()
	require.NoError(t, err)
	assert.Equal(t, string(json), string(again))
	assert.Equal(t, "fiftyone/ids.txt", merged.Path())
}
