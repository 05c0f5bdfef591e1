package thumb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersionStandsForTheBytes makes sure that nobody changes thumbnails without
// changing Version: else the ones that were kept before would stay as they are.
func TestVersionStandsForTheBytes(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors may round otherwise")
	}
	known := map[string]string{"4": "9c3221d760217dab"}
	sum := sha256.New()
	files := pictures(t)
	var th Thumbnailer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		small, err := th.Make(context.Background(), files[name], Options{MaxSide: goldenSide})
		require.NoError(t, err, name)
		sum.Write([]byte(name))
		sum.Write(small.Bytes)
	}
	assert.Equal(t, known[Version], hex.EncodeToString(sum.Sum(nil)[:8]),
		"thumbnails have other bytes than those of this Version: give it a new number, and note this hash for that")
}

func TestCostIsAboutWhatDecodingTakes(t *testing.T) {
	o := Options{MaxSide: goldenSide}
	for name, file := range pictures(t) {
		assert.True(t, Known(file[:HeadSize]), name)
		assert.Positive(t, Cost(file, o), name)
		Cost(file[:len(file)/3], o) // whatever it is, it ends
	}
	assert.False(t, Known([]byte("no picture here!")))
	assert.Zero(t, Cost([]byte("no picture here!"), o))
	assert.Zero(t, Cost(nil, o))
}
