package idlist

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

// writes keeps what each write got.
type writes [][]byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, bytes.Clone(p))
	return len(p), nil
}

func TestDamagedParts(t *testing.T) {
	var packed writes
	part := NewPart(&packed, "fiftyone/ids.txt")
	first := bson.ObjectID([]byte("0123456789ab"))
	require.NoError(t, part.Add(first))
	require.NoError(t, part.Add(bson.ObjectID([]byte("0123456789ac"))))
	require.NoError(t, part.Flush())
	assert.Equal(t, "\x000123456789ab\x0bc", string(packed[0]))
	for name, damaged := range map[string]string{
		"a byte is missing":             "\x000123456789a",
		"a byte is missing of a rest":   "\x000123456789ab\x0b",
		"nothing comes before":          "\x0bc",
		"more in common than there are": "\x000123456789ab\x0dc",
	} {
		assert.ErrorIs(t, NewWriter(nil, "fiftyone/ids.txt").AddPacked([]byte(damaged)), errNotIDs, name)
	}
}

func TestAListOfThePartsOfOthers(t *testing.T) {
	s, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	list := func(name string) *Writer {
		f, err := s.Create(name)
		require.NoError(t, err)
		return NewWriter(f, "fiftyone/ids.txt")
	}
	var packed writes
	var last bson.ObjectID
	one, part := list("one"), NewPart(&packed, "fiftyone/ids.txt")
	const count = 20*bufferedIDs + 9
	for i := range count {
		var id bson.ObjectID                          // the first ones differ at their ends, as most do, the others wherever it may be; some are the same as the one before
		binary.BigEndian.PutUint32(id[8:], uint32(i)) //nolint:gosec // it is small
		if i > count/2 {
			id[i*7%packedID] ^= byte(i % 5)
		}
		if i%100 == 1 {
			id = last
		}
		last = id
		require.NoError(t, one.Add(id))
		require.NoError(t, part.Add(id))
	}
	require.NoError(t, part.Flush())
	require.Greater(t, len(packed), 3)
	assert.EqualValues(t, count, part.Len())
	assert.Equal(t, "fiftyone/ids.txt", part.Path())
	merged := list("merged")
	require.NoError(t, merged.AddPacked(packed[0]))
	require.NoError(t, merged.AddPacked(bytes.Join(packed[1:], nil)))
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
