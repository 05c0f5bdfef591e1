package sharing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
)

// keptPieces are the pieces of one shard.
type keptPieces struct {
	shard.Reads
	list map[string][][]byte
}

func (k *keptPieces) Put(_ context.Context, kind string, piece []byte) error {
	k.list[kind] = append(k.list[kind], bytes.Clone(piece))
	return nil
}

func (k *keptPieces) Pieces(_ context.Context, _ int, kind string, fn func([]byte) error) error {
	for _, piece := range k.list[kind] {
		if err := fn(piece); err != nil {
			return err
		}
	}
	return nil
}

func TestIDsInPieces(t *testing.T) {
	kept := &keptPieces{list: map[string][][]byte{}}
	sum := sha256.New()
	w := newIDPieces(t.Context(), kept, "samples", sum)
	want := []byte{}
	for i := range 100_001 {
		id := fmt.Appendf(nil, "%012d", i)
		want = append(want, id...)
		_, err := w.Write(id)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	var stored []byte
	for _, piece := range kept.list["samples"] {
		assert.Zero(t, len(piece)%12, "ids are not cut")
		stored = append(stored, piece...)
	}
	assert.Len(t, kept.list["samples"], 2)
	assert.True(t, bytes.Equal(want, stored))
	whole := sha256.Sum256(append([]byte("samples\x00"), want...))
	assert.Equal(t, whole[:], sum.Sum(nil))
}

func TestEntriesInPieces(t *testing.T) {
	kept, sum := &keptPieces{list: map[string][][]byte{}}, sha256.New()
	w := newPieceWriter(t.Context(), kept, entryPieces, sum)
	var want []artifact.Entry
	for i := range 40_000 {
		e := artifact.Entry{Path: fmt.Sprintf("media/images/é%d.jpg", i), Digest: "1B2M2Y8AsgTpgAmY7PhCfg==", Size: int64(i)}
		if i%100 == 7 {
			e = artifact.Entry{Path: e.Path, Ref: "s3://bucket/" + e.Path, Digest: "etag", Size: int64(i % 2)}
		}
		want = append(want, e)
		_, err := w.Write(appendEntry(nil, e))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	assert.Greater(t, len(kept.list[entryPieces]), 1)
	var got []artifact.Entry
	require.NoError(t, eachPiece(t.Context(), kept, 0, entryPieces, func(raw []byte) error {
		return eachEntry(raw, func(e artifact.Entry) error {
			got = append(got, e)
			return nil
		})
	}))
	assert.Equal(t, want, got)

	again := sha256.New()
	only := newPieceWriter(t.Context(), nil, entryPieces, again)
	for _, e := range want {
		_, _ = only.Write(appendEntry(nil, e))
	}
	require.NoError(t, only.Close())
	assert.Equal(t, sum.Sum(nil), again.Sum(nil), "what is read again has another checksum")
}

func TestDamagedPieces(t *testing.T) {
	whole := appendEntry(nil, artifact.Entry{Path: "a", Ref: "s3://b/c", Digest: "etag", Size: 7})
	for n := 1; n < len(whole); n++ {
		assert.ErrorIs(t, eachEntry(whole[:n], func(artifact.Entry) error { return nil }), errBadEntry, "%d bytes", n)
	}
	_, err := unpackBirths([]byte("no zlib"))
	assert.Error(t, err)
	births := []uint32{0, 0, 1, 300, 0}
	got, err := unpackBirths(packBirths(births))
	require.NoError(t, err)
	assert.Equal(t, births, got)
}
