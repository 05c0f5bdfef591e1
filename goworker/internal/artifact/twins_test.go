package artifact

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTwinsAreTheFilesWithTheSameBytes(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var files Files
		for i := range random.IntN(60) {
			kind := random.IntN(1 + random.IntN(40))
			e := file(fmt.Sprintf("%03d", i), fmt.Sprint(kind))
			if kind == 6 { // a reference with the digest of a file
				e = Entry{Path: e.Path, Digest: digestOf("0"), Ref: "https://example.com/x"}
			}
			require.NoError(t, files.Add(e))
		}
		twins := files.Twins()
		require.Len(t, twins, files.Len())
		seen := map[string]uint32{}
		for i := range files.Len() {
			e, want := files.At(i), uint32(i)
			number, ok := files.Number(e.Path)
			require.Equal(t, []any{i, true}, []any{number, ok})
			_, ok = files.Number(e.Path + "x")
			require.False(t, ok)
			if e.Ref == "" {
				if earlier, ok := seen[e.Digest]; ok {
					want = earlier
				} else {
					seen[e.Digest] = want
				}
			}
			require.Equal(t, want, twins[i], "%d: %v", i, e)
		}
	}
}

func TestTwinsWithDigestsThatMeetInOneSlot(t *testing.T) {
	var files Files
	for i := range 100 {
		sum := [md5.Size]byte{15: byte(i / 2)} // the same first half for all
		require.NoError(t, files.Add(Entry{Path: fmt.Sprintf("%03d", i), Digest: base64.StdEncoding.EncodeToString(sum[:]), LocalPath: "/x"}))
	}
	for i, first := range files.Twins() {
		assert.Equal(t, uint32(i/2*2), first)
	}
}

func BenchmarkTwins(b *testing.B) {
	const n = 1_000_000
	var files Files
	for i := range n {
		_ = files.Add(imageEntry(i))
	}
	files.Digest()
	b.ReportAllocs()
	for b.Loop() {
		files.Twins()
	}
}
