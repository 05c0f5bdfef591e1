package thumb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/draw"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersionStandsForTheThumbnails makes sure that nobody changes thumbnails without
// changing Version: else the ones that were kept before would stay as they are. Of PNGs
// the pixels count: how small they are packed depends on Go's release (1.27 differs from 1.26).
func TestVersionStandsForTheThumbnails(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors may round otherwise")
	}
	known := map[string]string{"4": "e33a2a525d3cd7be"}
	sum := sha256.New()
	files := pictures(t)
	var th Thumbnailer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		small, err := th.Make(context.Background(), files[name], Options{MaxSide: goldenSide})
		require.NoError(t, err, name)
		sum.Write([]byte(name + small.Format))
		if small.Format == "png" {
			pixels := image.NewNRGBA(image.Rect(0, 0, small.Width, small.Height))
			draw.Draw(pixels, pixels.Rect, decode(t, small), image.Point{}, draw.Src)
			sum.Write(pixels.Pix)
		} else {
			sum.Write(small.Bytes)
		}
	}
	assert.Equal(t, known[Version], hex.EncodeToString(sum.Sum(nil)[:8]),
		"thumbnails differ from those of this Version: give it a new number, and note this hash for that")
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
