package thumb

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/ctxtest"
)

// allocated is how many bytes f allocates, garbage included.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// withinCost makes a thumbnail of a file and decodes it, and compares what is allocated with
// what Cost and DecodeCost say. All that is allocated may be an eighth more, for garbage.
func withinCost(t *testing.T, name string, file []byte) {
	t.Helper()
	o := Options{MaxSide: 64, MaxMemory: 64 << 20, MaxPixels: 1 << 26}
	var err error
	for what, c := range map[string]struct {
		cost int64
		do   func()
	}{
		"a thumbnail": {Cost(file, o), func() { _, err = new(Thumbnailer).Make(t.Context(), file, o) }},
		"a mask":      {DecodeCost(file, o), func() { _, err = Decode(t.Context(), file, o) }},
	} {
		used := allocated(c.do)
		require.True(t, err == nil || known(err), "%s: %v", name, err)
		if err == nil {
			require.Positive(t, c.cost, "%s of %s", what, name)
		}
		limit := min(c.cost, o.MaxMemory+mostPlanes(o.MaxMemory)+int64(len(file)))
		require.LessOrEqual(t, used, limit+limit/8+FixedCost, "%s of %s", what, name)
	}
}

// TestCostIsEnough compares estimates and allocations for all test files, also damaged and made to claim
// other sizes and kinds.
func TestCostIsEnough(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	files := pictures(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name]
		withinCost(t, name, file)
		head := min(len(file), 160)
		for range 60 {
			bad := bytes.Clone(file)
			for range 1 + random.IntN(3) {
				at := random.IntN(head)
				if random.IntN(4) == 0 {
					at = random.IntN(len(bad))
				}
				if random.IntN(2) == 0 {
					bad[at] = byte(random.Uint32())
				} else {
					bad[at] = []byte{0, 1, 2, 3, 4, 8, 16, 32, 127, 128, 255}[random.IntN(11)]
				}
			}
			withinCost(t, name, sound(bad))
		}
	}
}

// sound corrects the checksums of a PNG, without which nothing in it is read.
func sound(file []byte) []byte {
	if sniff(file) == kindPNG {
		at := 8
		eachChunk(file, func(_ string, content []byte) bool {
			end := at + 8 + len(content)
			if end+4 > len(file) {
				return false
			}
			binary.BigEndian.PutUint32(file[end:], crc32.ChecksumIEEE(file[at+4:end]))
			at = end + 4
			return true
		})
	}
	return file
}

// FuzzCost is TestCostIsEnough with what a fuzzer finds.
func FuzzCost(f *testing.F) {
	for _, data := range pictures(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { withinCost(t, "input", data) })
}

// TestCancel ends the making of thumbnails of every kind while the file is decoded.
func TestCancel(t *testing.T) {
	files := pictures(t)
	files["png-wide"] = widePNG(t)
	for name, file := range files {
		ctx := &ctxtest.Countdown{Context: t.Context(), Left: 1 << 30}
		_, err := new(Thumbnailer).Make(ctx, file, Options{MaxSide: 48})
		require.NoError(t, err, name)
		asked := 1<<30 - ctx.Left
		require.Positive(t, asked, name)
		if name == "png-wide" {
			assert.Greater(t, asked, 100)
		}
		for n := 0; n < asked; n += 1 + asked/20 {
			_, err := new(Thumbnailer).Make(&ctxtest.Countdown{Context: t.Context(), Left: n}, file, Options{MaxSide: 48})
			require.ErrorIs(t, err, context.Canceled, "%s after %d", name, n)
			_, err = Decode(&ctxtest.Countdown{Context: t.Context(), Left: 0}, file, Options{})
			require.ErrorIs(t, err, context.Canceled, name)
		}
	}
}

// widePNG is a PNG whose file is large, since it holds noise.
func widePNG(t *testing.T) []byte {
	m := image.NewGray(image.Rect(0, 0, 1024, 1024))
	random := rand.New(rand.NewPCG(5, 6))
	for i := range m.Pix {
		m.Pix[i] = byte(random.Uint32())
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, m))
	return out.Bytes()
}

// TestDecodeJPEG compares JPEGs in full size with those of the standard library, whose chroma is not smoothed
// either.
func TestDecodeJPEG(t *testing.T) {
	files := pictures(t)
	for name, file := range files {
		if sniff(file) != kindJPEG {
			continue
		}
		got, err := Decode(t.Context(), file, Options{})
		require.NoError(t, err, name)
		want, err := jpeg.Decode(bytes.NewReader(file))
		require.NoError(t, err, name)
		require.Equal(t, want.Bounds(), got.Bounds(), name)
		for y := range got.Bounds().Dy() {
			for x := range got.Bounds().Dx() {
				a, b := color.RGBAModel.Convert(want.At(x, y)).(color.RGBA), color.RGBAModel.Convert(got.At(x, y)).(color.RGBA)
				for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
					if max(d, -d) > 4 {
						require.Equal(t, a, b, "%s at %d, %d", name, x, y)
					}
				}
			}
		}
	}
}

// TestHostileMasks has JPEGs that made another decoder take 3,000 times their size, or work without end.
func TestHostileMasks(t *testing.T) {
	file := pictures(t)["jpeg-progressive"]
	scan := bytes.LastIndex(file, []byte{0xFF, 0xC4})
	endless := append(append(file[:scan:scan], bytes.Repeat(file[scan:len(file)-2], 5000)...), 0xFF, 0xD9)
	_, err := Decode(t.Context(), endless, Options{})
	require.ErrorIs(t, err, ErrCorrupt)

	wide := append(bytes.Clone(file), make([]byte, 240_000)...)
	frame := bytes.Index(wide, []byte{0xFF, 0xC2})
	binary.BigEndian.PutUint16(wide[frame+5:], 8000)
	binary.BigEndian.PutUint16(wide[frame+7:], 8000)
	o := Options{MaxMemory: 128 << 20}
	used := allocated(func() { _, err = Decode(t.Context(), wide, o) })
	require.ErrorIs(t, err, ErrTooLarge)
	require.Less(t, used, int64(1<<20))
}
