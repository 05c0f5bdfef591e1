package tiff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/ctxtest"
)

// decode reads a whole file.
func decode(ctx context.Context, data []byte) (image.Image, *File, error) {
	f, err := Read(bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	m, err := f.Decode(ctx, data)
	return m, f, err
}

// kinds are the meanings of samples, and the colour that a pixel's samples stand for.
var kinds = []struct {
	name                       string
	photometric, samples, most int // most bits
	least                      int
	extra                      []int
	color                      func(v []uint16, bits int) color.Color
}{
	{"grey", photometricBlackIsZero, 1, 16, 1, nil, func(v []uint16, bits int) color.Color {
		if bits == 16 {
			return color.Gray16{Y: v[0]}
		}
		return color.Gray{Y: uint8(int(v[0]) * 255 / (1<<bits - 1))}
	}},
	{"inverted", photometricWhiteIsZero, 1, 8, 1, nil, func(v []uint16, bits int) color.Color {
		return color.Gray{Y: uint8(255 - int(v[0])*255/(1<<bits-1))}
	}},
	{"palette", photometricPalette, 1, 8, 1, nil, func(v []uint16, bits int) color.Color {
		return color.RGBA{uint8(v[0]), uint8(v[0] + 1), uint8(v[0] + 2), 255}
	}},
	{"RGB", photometricRGB, 3, 16, 8, nil, rgb},
	{"infrared", photometricRGB, 4, 16, 8, []int{0}, rgb},
	{"six bands", photometricRGB, 6, 16, 8, []int{0, 0, 0}, rgb},
	{"opacity", photometricRGB, 4, 16, 8, []int{extraOpacity}, func(v []uint16, bits int) color.Color {
		if bits == 16 {
			return color.NRGBA64{v[0], v[1], v[2], v[3]}
		}
		return color.NRGBA{uint8(v[0]), uint8(v[1]), uint8(v[2]), uint8(v[3])}
	}},
	{"multiplied", photometricRGB, 4, 16, 8, []int{extraMultiplied}, func(v []uint16, bits int) color.Color {
		if bits == 16 {
			return color.RGBA64{v[0], v[1], v[2], v[3]}
		}
		return color.RGBA{uint8(v[0]), uint8(v[1]), uint8(v[2]), uint8(v[3])}
	}},
	{"CMYK", photometricCMYK, 4, 8, 8, nil, func(v []uint16, _ int) color.Color {
		return color.CMYK{uint8(v[0]), uint8(v[1]), uint8(v[2]), uint8(v[3])}
	}},
}

func rgb(v []uint16, bits int) color.Color {
	if bits == 16 {
		return color.RGBA64{v[0], v[1], v[2], 0xffff}
	}
	return color.RGBA{uint8(v[0]), uint8(v[1]), uint8(v[2]), 255}
}

// eachSpec calls f with every combination of what a TIFF can be.
func eachSpec(f func(name string, s spec)) {
	for _, kind := range kinds {
		for _, bits := range []int{1, 2, 4, 8, 16} {
			if bits < kind.least || bits > kind.most {
				continue
			}
			for i := range 3 * 4 * 32 {
				s := spec{
					width: 21, height: 18, bits: bits, samples: kind.samples, photometric: kind.photometric, extra: kind.extra,
					compression: []int{compressionNone, compressionDeflate, compressionPackBits}[i%3],
				}
				switch i / 3 % 4 {
				case 1:
					s.rows = 5
				case 2:
					s.tileW, s.tileH = 16, 32
				case 3:
					s.tileW, s.tileH = 64, 16 // larger than the picture
				}
				on := func(bit int) bool { return i/12>>bit&1 == 1 }
				s.planar, s.big, s.reversed, s.msb, s.predictor = on(0) && kind.samples > 1, on(1), on(2), on(3), on(4)
				if s.predictor && (s.compression != compressionDeflate || bits < 8) || s.reversed && s.compression == compressionPackBits {
					continue
				}
				if kind.photometric == photometricPalette {
					s.colors = make([]int, 3<<bits)
					for c := range 1 << bits {
						s.colors[c], s.colors[1<<bits+c], s.colors[2<<bits+c] = c<<8|7, (c+1)&255<<8, (c+2)&255<<8|255
					}
				}
				f(fmt.Sprintf("%s of %d bits %+v", kind.name, bits, s), s)
			}
		}
	}
}

// TestAllKinds writes files of all kinds and reads them back.
func TestAllKinds(t *testing.T) {
	n := 0
	eachSpec(func(name string, s spec) {
		data := s.write()
		m, f, err := decode(t.Context(), data)
		require.NoError(t, err, name)
		require.Equal(t, image.Rect(0, 0, s.width, s.height), m.Bounds(), name)
		require.Equal(t, m.ColorModel(), f.Config().ColorModel, name)
		var want func([]uint16, int) color.Color
		for _, kind := range kinds {
			if kind.photometric == s.photometric && kind.samples == s.samples && fmt.Sprint(kind.extra) == fmt.Sprint(s.extra) {
				want = kind.color
			}
		}
		for y := range s.height {
			for x := range s.width {
				if c := want(s.values[(y*s.width+x)*s.samples:], s.bits); c != m.At(x, y) {
					require.Equal(t, c, m.At(x, y), "%s at %d, %d", name, x, y)
				}
			}
		}
		n++
	})
	assert.Greater(t, n, 1000)
}

// TestRefused has forms and kinds that are left to a second decoder, and damaged files.
func TestRefused(t *testing.T) {
	field := func(tag, kind uint16, values ...uint64) []entry { return []entry{{tag, kind, values}} }
	for name, c := range map[string]struct {
		more []entry
		want error
	}{
		"tile widths":            {field(tagTileWidth, typeShort, 64, 60000), ErrUnsupported},
		"a size in bytes":        {field(tagWidth, 2, 37), ErrUnsupported},
		"two heights":            {append(field(tagHeight, typeShort, 21), field(tagHeight, typeShort, 60000)...), ErrUnsupported},
		"no width":               {field(tagWidth, typeShort, 0), ErrCorrupt},
		"no planes":              {field(tagSamples, typeShort, 0), ErrUnsupported},
		"floats":                 {field(tagSampleFormat, typeShort, 3), ErrUnsupported},
		"different bits":         {field(tagBits, typeShort, 8, 8, 16), ErrUnsupported},
		"12 bits":                {field(tagBits, typeShort, 12, 12, 12), ErrUnsupported},
		"YCbCr":                  {field(tagPhotometric, typeShort, 6), ErrUnsupported},
		"fax in colour":          {field(tagCompression, typeShort, 4), ErrUnsupported},
		"JPEG":                   {field(tagCompression, typeShort, 7), ErrUnsupported},
		"floating predictor":     {field(tagPredictor, typeShort, 3), ErrUnsupported},
		"unexplained samples":    {append(field(tagSamples, typeShort, 5), entry{tagBits, typeShort, []uint64{8}}), ErrUnsupported},
		"tiles of 7 pixels":      {field(tagTileWidth, typeShort, 7), ErrUnsupported},
		"strips of no rows":      {field(tagRowsPerStrip, typeShort, 0), ErrUnsupported},
		"few strips":             {field(tagRowsPerStrip, typeShort, 1), ErrUnsupported},
		"a strip beyond the end": {field(tagStripOffsets, typeLong, 1<<31), ErrCorrupt},
		"a long strip":           {field(tagStripByteCounts, typeLong, 1<<31), ErrCorrupt},
		"a short strip":          {field(tagStripByteCounts, typeLong, 100), ErrCorrupt},
		"a picture too high":     {field(tagHeight, typeLong, 1<<27), ErrUnsupported},
		"no end of strips":       {append(field(tagHeight, typeLong, 1<<27), entry{tagRowsPerStrip, typeShort, []uint64{1}}), ErrUnsupported},
	} {
		s := spec{width: 37, height: 21, bits: 8, samples: 3, photometric: photometricRGB, more: c.more}
		data := s.write()
		f, err := Read(bytes.NewReader(data))
		if err == nil && f.Cost() < 1<<30 {
			_, err = f.Decode(t.Context(), data)
		} else if err == nil {
			err = c.want // the caller's limit refuses it
		}
		assert.ErrorIs(t, err, c.want, name)
	}
	s := spec{width: 37, height: 21, bits: 8, samples: 3, photometric: photometricRGB, compression: compressionDeflate, withoutLastByte: true}
	_, _, err := decode(t.Context(), s.write())
	require.NoError(t, err, "all pixels are there")
	s.withoutLastByte = false
	data := s.write()
	for n := range len(data) - 4 { // the end is the place of a second picture
		_, _, err := decode(t.Context(), data[:n])
		require.Error(t, err, "cut at %d", n)
		require.True(t, isKnown(err), "%v", err)
	}
	// Tiles far larger than the picture would be much work for little.
	wide := spec{width: 1, height: 4096, bits: 8, samples: 1, photometric: 1, tileW: 2048, tileH: 16}
	_, _, err = decode(t.Context(), wide.write())
	require.ErrorIs(t, err, ErrUnsupported)
}

// TestCost compares what Cost says with what is allocated, for files of all kinds and damaged ones.
func TestCost(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	i := 0
	eachSpec(func(name string, s spec) {
		if i++; i%17 != 0 {
			return
		}
		data := s.write()
		for change := range 6 {
			bad := bytes.Clone(data)
			if change > 0 {
				tail := len(bad) - 1 - random.IntN(min(len(bad), 250)) // the directory
				bad[tail] = byte(random.Uint32())
			}
			f, err := Read(bytes.NewReader(bad))
			if err != nil {
				require.True(t, isKnown(err), "%v", err)
				continue
			}
			if f.Cost() > 64<<20 {
				continue
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = f.Decode(t.Context(), bad)
			runtime.ReadMemStats(&after)
			require.True(t, err == nil || isKnown(err), "%v", err)
			require.LessOrEqual(t, int64(after.TotalAlloc-before.TotalAlloc), f.Cost()+f.Cost()/8+64<<10, name)
		}
	})
}

func isKnown(err error) bool { return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) }

// TestCancel ends decoding before any of the strips, and within a large one.
func TestCancel(t *testing.T) {
	s := spec{width: 2000, height: 2000, bits: 8, samples: 1, photometric: 1, compression: compressionDeflate}
	data := s.write()
	ctx := &ctxtest.Countdown{Context: t.Context(), Left: 1 << 20}
	_, _, err := decode(ctx, data)
	require.NoError(t, err)
	asked := 1<<20 - ctx.Left
	require.Greater(t, asked, 3)
	for n := range asked {
		_, _, err := decode(&ctxtest.Countdown{Context: t.Context(), Left: n}, data)
		require.ErrorIs(t, err, context.Canceled)
	}
}

// FuzzDecode decodes anything that is not too large.
func FuzzDecode(f *testing.F) {
	i := 0
	eachSpec(func(_ string, s spec) {
		if i++; i%40 == 0 {
			f.Add(s.write())
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Read(bytes.NewReader(data))
		if err != nil || file.Cost() > 4<<20 {
			return
		}
		_, err = file.Decode(t.Context(), data)
		require.True(t, err == nil || isKnown(err), "%v", err)
	})
}
