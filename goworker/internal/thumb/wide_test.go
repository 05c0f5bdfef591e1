package thumb

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// ramp draws samples from low to high along x.
func ramp(m interface {
	image.Image
	Set(x, y int, c color.Color)
}, of func(share float64) color.Color,
) image.Image {
	size := m.Bounds().Size()
	for y := range size.Y {
		for x := range size.X {
			m.Set(x, y, of(float64(x)/float64(size.X-1)))
		}
	}
	return m
}

func asPNG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, m))
	return out.Bytes()
}

// TestSmallRanges makes thumbnails of pictures of 16 bits of which little is used, and of the same with 8 bits.
func TestSmallRanges(t *testing.T) {
	area := image.Rect(0, 0, 300, 200)
	between := func(low, high float64) func(float64) uint16 {
		return func(share float64) uint16 { return uint16(low + share*(high-low)) }
	}
	thermal, dark := between(7000, 9000), between(2000, 4000)
	for name, c := range map[string]struct {
		m         image.Image
		shown     stretch.Range
		stretched bool
		low, high float64 // levels at the left and right edges
	}{
		"thermal": {ramp(image.NewGray16(area), func(s float64) color.Color { return color.Gray16{Y: thermal(s)} }), stretch.Range{}, true, 0, 255},
		"in colour": {ramp(image.NewNRGBA64(area), func(s float64) color.Color {
			return color.NRGBA64{R: dark(s), G: dark(s), B: dark(s), A: 65535}
		}), stretch.Range{}, true, 0, 255},
		"with opacity": {ramp(image.NewNRGBA64(area), func(s float64) color.Color {
			return color.NRGBA64{R: dark(s), G: dark(s), B: dark(s), A: 65534}
		}), stretch.Range{}, true, 0, 255},
		"a given range":              {ramp(image.NewGray16(area), func(s float64) color.Color { return color.Gray16{Y: thermal(s)} }), stretch.Range{Low: 6000, High: 10000}, false, 64, 191},
		"the whole type":             {ramp(image.NewGray16(area), func(s float64) color.Color { return color.Gray16{Y: between(0, 65535)(s)} }), stretch.Range{}, false, 0, 255},
		"8 bits":                     {ramp(image.NewGray(area), func(s float64) color.Color { return color.Gray{Y: byte(100 + 20*s)} }), stretch.Range{}, false, 100, 120},
		"8 bits, whatever the range": {ramp(image.NewGray(area), func(s float64) color.Color { return color.Gray{Y: byte(100 + 20*s)} }), stretch.Range{Low: 100, High: 120}, false, 100, 120},
	} {
		file := asPNG(t, c.m)
		var th Thumbnailer
		small, err := th.Make(t.Context(), file, Options{MaxSide: 150, Range: c.shown})
		require.NoError(t, err, name)
		assert.Equal(t, c.stretched, small.Stretched, name)
		shown := decode(t, small)
		level := func(x int) float64 {
			return float64(color.GrayModel.Convert(shown.At(x, small.Height/2)).(color.Gray).Y)
		}
		assert.InDelta(t, c.low, level(0), 3, name)
		assert.InDelta(t, c.high, level(small.Width-1), 3, name)
		assert.InDelta(t, (c.low+c.high)/2, level(small.Width/2), 4, name)

		mask, err := Decode(t.Context(), file, Options{})
		require.NoError(t, err, name)
		assert.Equal(t, color.RGBA64Model.Convert(c.m.At(299, 0)), color.RGBA64Model.Convert(mask.At(299, 0)), "%s: masks have their values", name)
	}
}

// TestFloats shows floats as package stretch decides, in one plane of grey.
func TestFloats(t *testing.T) {
	m := stretch.NewFloats(image.Rect(0, 0, 300, 200))
	for i := range m.Pix {
		m.Pix[i] = 280 + float32(i%300)/10
	}
	var th Thumbnailer
	p := th.toPlanes(m, m.Rect, 2, stretch.Range{})
	require.True(t, p.stretched)
	require.Len(t, p.planes, 1)
	assert.Zero(t, p.planes[0].Pix[0])
	assert.EqualValues(t, 255, p.planes[0].Pix[299])
	assert.InDelta(t, 127.5, float64(p.planes[0].Pix[149]), 2)
	assert.EqualValues(t, 4, bytesPerPixel(m.ColorModel()))

	p = th.toPlanes(m, m.Rect, 2, stretch.Range{Low: 0, High: 280})
	assert.False(t, p.stretched)
	assert.EqualValues(t, 255, p.planes[0].Pix[0])
}
