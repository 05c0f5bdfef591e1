package jpegscale

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/ctxtest"
)

// decodeAll decodes data at every scale and gives the last error.
func decodeAll(d *Decoder, data []byte, o Options) (err error) {
	for _, o.Scale = range []int{8, 4, 2, 1} {
		_, err = d.Decode(context.Background(), data, o)
	}
	return err
}

// at finds a marker's segment.
func at(t *testing.T, data []byte, marker byte) int {
	t.Helper()
	i := bytes.Index(data, []byte{0xFF, marker})
	require.GreaterOrEqual(t, i, 0)
	return i
}

// TestCutOff cuts files at every byte: no part of a picture passes for a picture.
func TestCutOff(t *testing.T) {
	var d Decoder
	files := pictures(t)
	for _, name := range []string{"baseline-420", "baseline-restart", "progressive-420", "progressive-cmyk"} {
		data := files[name]
		for n := range len(data) - 2 {
			require.ErrorIs(t, decodeAll(&d, data[:n], Options{}), ErrCorrupt, "%s cut at %d", name, n)
		}
	}
	for _, name := range []string{"baseline-420", "baseline-restart"} {
		data := files[name]
		assert.NoError(t, decodeAll(&d, data[:len(data)-2], Options{}), "%s without its end marker", name)
	}
}

// refusals are changes that make a file one that must be refused.
var refusals = []struct {
	what  string
	file  string
	want  error
	spoil func(t *testing.T, b []byte) []byte
}{
	{"arithmetic coding", "baseline-420", ErrUnsupported, func(t *testing.T, b []byte) []byte {
		b[at(t, b, 0xC0)+1] = 0xC9
		return b
	}},
	{"lossless", "baseline-420", ErrUnsupported, func(t *testing.T, b []byte) []byte {
		b[at(t, b, 0xC0)+1] = 0xC3
		return b
	}},
	{"12 bits", "baseline-420", ErrUnsupported, func(t *testing.T, b []byte) []byte {
		b[at(t, b, 0xC0)+4] = 12
		return b
	}},
	{"height comes later", "baseline-420", ErrUnsupported, func(t *testing.T, b []byte) []byte {
		copy(b[at(t, b, 0xC0)+5:], []byte{0, 0})
		return b
	}},
	{"no width", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		copy(b[at(t, b, 0xC0)+7:], []byte{0, 0})
		return b
	}},
	{"sampling factor 5", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		b[at(t, b, 0xC0)+11] = 0x51
		return b
	}},
	{"component twice", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		b[at(t, b, 0xC0)+13] = b[at(t, b, 0xC0)+10]
		return b
	}},
	{"two frames", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		i := at(t, b, 0xC0)
		return bytes.Replace(b, b[i:i+19], append(bytes.Clone(b[i:i+19]), b[i:i+19]...), 1)
	}},
	{"no quantisation table", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		return bytes.ReplaceAll(b, []byte{0xFF, 0xDB}, []byte{0xFF, 0xE5})
	}},
	{"no Huffman table", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		return bytes.ReplaceAll(b, []byte{0xFF, 0xC4}, []byte{0xFF, 0xE5})
	}},
	{"Huffman table with too many codes", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		b[at(t, b, 0xC4)+5] = 3
		return b
	}},
	{"a component's scan is missing", "baseline-420", ErrCorrupt, func(t *testing.T, _ []byte) []byte {
		p := newTestPicture(1, 16, 16, samplings["4:4:4"]...)
		p.separate = true
		b := p.jpeg()
		return append(b[:bytes.LastIndex(b, []byte{0xFF, 0xDA})], 0xFF, 0xD9)
	}},
	{"no picture", "baseline-420", ErrCorrupt, func(_ *testing.T, b []byte) []byte { return append(b[:2], 0xFF, 0xD9) }},
	{"no JPEG", "", ErrCorrupt, func(*testing.T, []byte) []byte { return []byte("GIF89a") }},
	{"empty", "", ErrCorrupt, func(*testing.T, []byte) []byte { return nil }},
	{"band from 63 to 0", "progressive-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		i := bytes.LastIndex(b, []byte{0xFF, 0xDA})
		b[i+7], b[i+8] = 63, 0
		return b
	}},
	{"too many scans", "progressive-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		i := bytes.LastIndex(b, []byte{0xFF, 0xC4})
		return append(b[:i:i], bytes.Repeat(b[i:len(b)-2], maxScans)...)
	}},
	{"65500 x 65500 pixels", "baseline-420", ErrTooLarge, func(t *testing.T, b []byte) []byte { return resized(t, b, 65500, 65500) }},
	{"20000 x 20000 pixels", "baseline-420", ErrCorrupt, func(t *testing.T, b []byte) []byte { return resized(t, b, 20000, 20000) }},
	{"20000 x 20000 progressive", "progressive-420", ErrCorrupt, func(t *testing.T, b []byte) []byte {
		return resized(t, b, 20000, 20000)
	}},
	{"20000 x 20000 progressive, padded", "progressive-420", ErrTooLarge, func(t *testing.T, b []byte) []byte {
		return append(resized(t, b, 20000, 20000), make([]byte, 2_000_000)...)
	}},
}

// TestRefused checks how spoilt files are refused, and that it takes no memory.
func TestRefused(t *testing.T) {
	var d Decoder
	files := pictures(t)
	for _, test := range refusals {
		data := test.spoil(t, bytes.Clone(files[test.file]))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := decodeAll(&d, data, Options{})
		runtime.ReadMemStats(&after)
		assert.ErrorIs(t, err, test.want, test.what)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "memory for %s", test.what)
	}
}

// resized changes the size that a file claims to have.
func resized(t *testing.T, b []byte, width, height int) []byte {
	t.Helper()
	i := bytes.Index(b, []byte{0xFF, 0xC0})
	if i < 0 {
		i = at(t, b, 0xC2)
	}
	binary.BigEndian.PutUint16(b[i+5:], uint16(height))
	binary.BigEndian.PutUint16(b[i+7:], uint16(width))
	return b
}

// TestLimits checks that limits hold, and only just.
func TestLimits(t *testing.T) {
	data := newTestPicture(1, 64, 48, samplings["4:4:4"]...).jpeg()
	var d Decoder
	_, err := d.Decode(context.Background(), data, Options{MaxPixels: 64*48 - 1})
	assert.ErrorIs(t, err, ErrTooLarge)
	_, err = d.Decode(context.Background(), data, Options{MaxMemory: 3*64*48 - 1})
	assert.ErrorIs(t, err, ErrTooLarge)
	_, err = d.Decode(context.Background(), data, Options{MaxPixels: 64 * 48, MaxMemory: 3 * 64 * 48})
	assert.NoError(t, err)
	_, err = d.Decode(context.Background(), data, Options{MaxMemory: 3 * 64 * 48 / 4, Scale: 2})
	assert.NoError(t, err)
	_, err = d.Decode(context.Background(), data, Options{Scale: 3})
	assert.ErrorIs(t, err, ErrUnsupported)
}

// TestExtraBytes puts into a file what other readers step over too.
func TestExtraBytes(t *testing.T) {
	data := newTestPicture(1, 40, 24, samplings["4:2:0"]...)
	data.restart = 1
	file := data.jpeg()
	want := visible(t, file, Options{})
	dirty := bytes.Clone(file[:2])
	dirty = append(dirty, 0, 1, 2, 0xFF, 0xFF, 0xFF, 0xFE, 0, 4, 'h', 'i')
	dirty = append(dirty, file[2:]...)
	dirty = bytes.ReplaceAll(dirty, []byte{0xFF, 0xD0}, []byte{0xFF, 0xFF, 0xD0})
	dirty = bytes.ReplaceAll(dirty, []byte{0xFF, 0xD1}, []byte{0xAB, 0xCD, 0xFF, 0xD1})
	assert.Equal(t, want, visible(t, append(dirty, "trailer"...), Options{}))
}

// FuzzDecode decodes anything at every scale. What the standard library can decode
// must be decoded, and to the same samples if all are within their range: a damaged
// file's are not, and from there on the two may overflow in their own ways.
func FuzzDecode(f *testing.F) {
	for _, data := range pictures(f) {
		f.Add(data)
	}
	for _, s := range samplings {
		f.Add(newTestPicture(3, 20, 20, s...).jpeg())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := Options{MaxPixels: 1 << 18, MaxMemory: 4 << 20}
		var d Decoder
		err := decodeAll(&d, data, o)
		if err != nil {
			known := errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrTooLarge)
			require.True(t, known, "%v", err)
		}
		conf, confErr := jpeg.DecodeConfig(bytes.NewReader(data))
		if pixels := conf.Width * conf.Height; confErr != nil || pixels == 0 || pixels > 1<<18 || errors.Is(err, ErrTooLarge) || strictly(err) {
			return
		}
		want, libErr := jpeg.Decode(bytes.NewReader(data))
		if libErr != nil {
			return
		}
		require.NoError(t, err, "the standard library decodes it")
		compareTame(t, want, data)
	})
}

// strictly reports whether an error is for something that this package, like libjpeg,
// is stricter about than the standard library, or about which it is stricter than both.
func strictly(err error) bool {
	return errors.Is(err, errNoQuant) || errors.Is(err, errTooManyCodes) ||
		errors.Is(err, errPastBlock) || errors.Is(err, errUndefined)
}

// compareTame compares planes with those of the standard library, where it keeps
// them as they are in the file.
func compareTame(t *testing.T, want image.Image, data []byte) {
	t.Helper()
	var d Decoder
	got, err := d.Decode(context.Background(), data, Options{})
	require.NoError(t, err)
	require.Equal(t, want.Bounds().Size(), image.Pt(got.Width, got.Height))
	var planes [][]byte
	var strides []int
	switch m := want.(type) {
	case *image.Gray:
		planes, strides = [][]byte{m.Pix}, []int{m.Stride}
	case *image.YCbCr:
		planes, strides = [][]byte{m.Y, m.Cb, m.Cr}, []int{m.YStride, m.CStride, m.CStride}
		last := &got.Planes[1]
		if m.COffset(got.Width-1, got.Height-1) != (last.Height-1)*m.CStride+last.Width-1 {
			return // the library has enlarged its chroma
		}
	}
	worst := 0
	for i, pix := range planes {
		p := &got.Planes[i]
		for y := range p.Height {
			for x := range p.Width {
				a, b := int(p.Pix[y*p.Stride+x]), int(pix[y*strides[i]+x])
				if a == 0 || a == 255 || b == 0 || b == 255 {
					return
				}
				worst = max(worst, a-b, b-a)
			}
		}
	}
	require.LessOrEqual(t, worst, 3)
}

// scansOf repeats the last scan of a file, with the tables before it.
func scansOf(t *testing.T, b []byte, times int) []byte {
	t.Helper()
	i := bytes.LastIndex(b, []byte{0xFF, 0xC4})
	if i < 0 || i < bytes.LastIndex(b[:bytes.LastIndex(b, []byte{0xFF, 0xDA})], []byte{0xFF, 0xDA}) {
		i = bytes.LastIndex(b, []byte{0xFF, 0xDA})
	}
	return append(append(b[:i:i], bytes.Repeat(b[i:len(b)-2], times)...), 0xFF, 0xD9)
}

// TestWorkIsBounded repeats scans over the same blocks: a small file must not keep a core busy.
func TestWorkIsBounded(t *testing.T) {
	var d Decoder
	p := newTestPicture(1, 1024, 1024, samplings["4:4:4"]...)
	p.separate = true
	file := p.jpeg()
	_, err := d.Decode(t.Context(), scansOf(t, file, 20), Options{})
	require.NoError(t, err)
	_, err = d.Decode(t.Context(), scansOf(t, file, 120), Options{})
	assert.ErrorIs(t, err, ErrCorrupt)
	assert.ErrorContains(t, err, "too many times")
}

// TestCancel ends decodings at every point where they look at their context.
func TestCancel(t *testing.T) {
	var d Decoder
	for name, data := range pictures(t) {
		ctx := &ctxtest.Countdown{Context: t.Context(), Left: 1 << 30}
		_, err := d.Decode(ctx, data, Options{})
		require.NoError(t, err, name)
		asked := 1<<30 - ctx.Left
		assert.GreaterOrEqual(t, asked, d.frame.mcusY, name)
		for n := range asked {
			_, err := d.Decode(&ctxtest.Countdown{Context: t.Context(), Left: n}, data, Options{})
			require.ErrorIs(t, err, context.Canceled, "%s after %d", name, n)
		}
	}
}

// TestManyRestarts has files that consist of restart markers, or have more of them than was planned for.
func TestManyRestarts(t *testing.T) {
	p := newTestPicture(1, 64, 48, samplings["4:4:4"]...)
	p.restart = 1
	file := p.jpeg()
	end := len(file) - 2
	stuffed := append(append(file[:end:end], bytes.Repeat([]byte{0xFF, 0xD0}, 4<<20)...), 0xFF, 0xD9)
	cost, err := Cost(stuffed, Options{})
	require.NoError(t, err)
	assert.Less(t, cost, int64(len(stuffed))+slack+64<<10)
	var d Decoder
	used := allocated(func() { _, err = d.Decode(t.Context(), stuffed, Options{}) })
	require.NoError(t, err)
	assert.LessOrEqual(t, used, cost+fixedCost)

	p.separate = true
	p.restart = 0
	file = p.jpeg()
	last := bytes.LastIndex(file, []byte{0xFF, 0xDA})
	late := append(append(file[:last:last], 0xFF, 0xDD, 0, 4, 0, 1), file[last:]...)
	_, err = d.Decode(t.Context(), late, Options{})
	assert.ErrorIs(t, err, ErrUnsupported)
}

// fixedCost is what a Decoder takes for any picture.
const fixedCost = 256 << 10

// allocated is how many bytes f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestCost compares what Cost says with what is allocated, for all pictures and for damaged ones.
func TestCost(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	check := func(name string, data []byte) {
		for _, scale := range []int{1, 2, 4, 8} {
			o := Options{Scale: scale, MaxMemory: 16 << 20}
			cost, costErr := Cost(data, o)
			var d Decoder
			var err error
			used := allocated(func() { _, err = d.Decode(t.Context(), data, o) })
			if costErr != nil {
				require.Error(t, err, name)
			}
			require.LessOrEqual(t, used, cost+fixedCost, "%s at 1/%d", name, scale)
		}
	}
	for name, data := range pictures(t) {
		check(name, data)
		for range 30 {
			bad := bytes.Clone(data)
			for range 1 + random.IntN(4) {
				bad[random.IntN(min(len(bad), 700))] = byte(random.Uint32())
			}
			check(name, append(bad, make([]byte, random.IntN(100_000))...))
		}
	}
}
