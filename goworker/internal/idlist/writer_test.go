package idlist

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

func TestAListOfThePartsOfOthers(t *testing.T) {
	s, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	list := func(name string) *Writer {
		f, err := s.Create(name)
		require.NoError(t, err)
		return NewWriter(f, "fiftyone/ids.txt")
	}
	var packed bytes.Buffer
	one, part := list("one"), NewPart(&packed, "fiftyone/ids.txt")
	const count = 2*bufferedIDs + 9
	for i := range count {
		id := bson.ObjectID{byte(i), byte(i >> 8)}
		require.NoError(t, one.Add(id))
		require.NoError(t, part.Add(id))
	}
	require.NoError(t, part.Flush())
	assert.EqualValues(t, count, part.Len())
	assert.Equal(t, "fiftyone/ids.txt", part.Path())
	merged := list("merged")
	require.NoError(t, merged.AddPacked(packed.Next(24)))
	require.NoError(t, merged.AddPacked(packed.Bytes()))
	require.ErrorIs(t, merged.AddPacked(make([]byte, 13)), errNotIDs)
	assert.EqualValues(t, count, merged.Len())
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
