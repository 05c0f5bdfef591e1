package thumb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

func TestFit(t *testing.T) {
	tests := []struct{ width, height, side, wantWidth, wantHeight int }{
		{1280, 720, 256, 256, 144},
		{720, 1280, 256, 144, 256},
		{256, 256, 256, 256, 256},
		{255, 3, 256, 255, 3},
		{1000, 1, 256, 256, 1},
		{3, 40000, 256, 1, 256},
		{257, 256, 256, 256, 255},
	}
	for _, test := range tests {
		width, height := Fit(test.width, test.height, test.side)
		assert.Equal(t, [2]int{test.wantWidth, test.wantHeight}, [2]int{width, height}, "%d x %d", test.width, test.height)
	}
}

// TestSameBytes makes all thumbnails twice with one Thumbnailer and once with a new
// one each: nothing of what was done before may show.
func TestSameBytes(t *testing.T) {
	var shared Thumbnailer
	files := pictures(t)
	for range 2 {
		for name, data := range files {
			for _, side := range []int{48, 7} {
				var own Thumbnailer
				want, err := own.Make(context.Background(), data, Options{MaxSide: side})
				require.NoError(t, err, name)
				got, err := shared.Make(context.Background(), data, Options{MaxSide: side})
				require.NoError(t, err, name)
				require.Equal(t, want, got, name)
			}
		}
	}
}

// TestNotEnlarged asks for thumbnails larger than the pictures.
func TestNotEnlarged(t *testing.T) {
	var th Thumbnailer
	for name, data := range pictures(t) {
		thumb, err := th.Make(context.Background(), data, Options{MaxSide: 5000})
		require.NoError(t, err, name)
		size := [2]int{thumb.SourceWidth, thumb.SourceHeight}
		assert.Equal(t, size, [2]int{thumb.Width, thumb.Height}, name)
		assert.Equal(t, size, [2]int{decode(t, thumb).Bounds().Dx(), decode(t, thumb).Bounds().Dy()}, name)
	}
}

// TestCrop shows the rectangle that the test picture has in its upper left corner,
// however the picture is stored.
func TestCrop(t *testing.T) {
	var th Thumbnailer
	files := pictures(t)
	corner := [][2]float64{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}}
	for turn := 1; turn <= 8; turn++ {
		// The stored corner, upright: 0.2 of the picture away from its outer edges.
		box := Box{X: corner[turn][0] * 0.8, Y: corner[turn][1] * 0.8, Width: 0.2, Height: 0.2}
		thumb, err := th.Make(context.Background(), files[fmt.Sprintf("jpeg-turned-%d", turn)], Options{Crop: box})
		require.NoError(t, err)
		want := [2]int{25, 16}
		if turn >= 5 {
			want = [2]int{16, 25}
		}
		assert.Equal(t, want, [2]int{thumb.Width, thumb.Height}, "orientation %d", turn)
		m := decode(t, thumb)
		for _, at := range []image.Point{{2, 2}, {13, 2}, {2, 13}, {13, 13}} {
			r, g, b, _ := m.At(at.X, at.Y).RGBA()
			got := []float64{float64(r >> 8), float64(g >> 8), float64(b >> 8)}
			assert.InDeltaSlice(t, []float64{12, 90, 200}, got, 12, "orientation %d at %v", turn, at)
		}
	}
	for _, box := range []Box{{X: 1.5, Width: 1, Height: 1}, {Width: -1, Height: 1}, {Y: 0.5, Width: 1}} {
		_, err := th.Make(context.Background(), files["png-rgb"], Options{Crop: box})
		assert.ErrorIs(t, err, ErrUnsupported, "%v", box)
	}
	thumb, err := th.Make(context.Background(), files["png-rgb"], Options{Crop: Box{X: -1, Y: 0.5, Width: 9, Height: 9}})
	require.NoError(t, err)
	assert.Equal(t, [2]int{123, 41}, [2]int{thumb.Width, thumb.Height})
	assert.Equal(t, [2]int{123, 82}, [2]int{thumb.SourceWidth, thumb.SourceHeight})
}

// TestSizesOfSources checks that the source's size is that of the upright picture,
// embedded preview or not.
func TestSizesOfSources(t *testing.T) {
	var th Thumbnailer
	files := pictures(t)
	for name, want := range map[string][2]int{
		"jpeg-turned-1": {123, 82}, "jpeg-turned-6": {82, 123}, "jpeg-preview": {80, 120}, "jpeg-preview-small": {80, 120},
		"png-turned": {82, 123}, "webp-turned": {82, 123}, "tiff-turned": {82, 123}, "gif-part-of-screen": {153, 102},
	} {
		thumb, err := th.Make(context.Background(), files[name], Options{MaxSide: 48})
		require.NoError(t, err, name)
		assert.Equal(t, want, [2]int{thumb.SourceWidth, thumb.SourceHeight}, name)
	}
}

// TestCutOff cuts files of all kinds: an error of a known kind or a thumbnail, and
// for half a file the error.
func TestCutOff(t *testing.T) {
	var th Thumbnailer
	files := pictures(t)
	for _, name := range []string{
		"jpeg-420", "jpeg-preview", "png-palette", "png-turned", "gif-palette", "webp-lossy", "webp-lossless-alpha", "bmp-palette", "tiff-deflate",
	} {
		data := files[name]
		for n := 0; n < len(data); n += 1 + n/20 {
			if _, err := th.Make(context.Background(), data[:n], Options{MaxSide: 20}); err != nil {
				require.True(t, known(err), "%s cut at %d: %v", name, n, err)
			}
		}
		_, err := th.Make(context.Background(), data[:len(data)/2], Options{})
		assert.ErrorIs(t, err, ErrCorrupt, name)
	}
}

// known reports whether an error is of one of the package's kinds.
func known(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrTooLarge)
}

// TestRefused checks the kinds of errors, and that their texts say what it is.
func TestRefused(t *testing.T) {
	files := pictures(t)
	large := bytes.Clone(files["png-rgb"])
	binary.BigEndian.PutUint32(large[16:], 60000)
	binary.BigEndian.PutUint32(large[20:], 60000)
	binary.BigEndian.PutUint32(large[29:], crc32.ChecksumIEEE(large[12:29]))
	twelve := bytes.Clone(files["jpeg-420"])
	twelve[bytes.Index(twelve, []byte{0xFF, 0xC0})+4] = 12
	tests := []struct {
		data []byte
		o    Options
		want error
		text string
	}{
		{nil, Options{}, ErrUnsupported, "not a JPEG, PNG"},
		{[]byte("hello, world"), Options{}, ErrUnsupported, "not a JPEG, PNG"},
		{[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), Options{}, ErrUnsupported, "HEIF"},
		{[]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"), Options{}, ErrUnsupported, "animated"},
		{twelve, Options{}, ErrUnsupported, "12 bits"},
		{large, Options{}, ErrTooLarge, "60000 x 60000"},
		{files["png-rgb"], Options{MaxPixels: 123*82 - 1}, ErrTooLarge, "123 x 82"},
		{files["png-rgb"], Options{MaxMemory: 4*123*82 - 1}, ErrTooLarge, "123 x 82"},
		{files["jpeg-420"], Options{MaxPixels: 123*82 - 1}, ErrTooLarge, "123 x 82"},
		{files["jpeg-420"][:200], Options{}, ErrCorrupt, "damaged"},
		{[]byte("\x89PNG\r\n\x1a\nnonsense"), Options{}, ErrCorrupt, "PNG"},
	}
	for _, test := range tests {
		var th Thumbnailer
		_, err := th.Make(context.Background(), test.data, test.o)
		assert.ErrorIs(t, err, test.want)
		assert.ErrorContains(t, err, test.text)
	}
	var th Thumbnailer
	_, err := th.Make(context.Background(), files["png-rgb"], Options{MaxPixels: 123 * 82, MaxMemory: 4 * 123 * 82})
	assert.NoError(t, err)
}

// TestMemoryOfSmallFiles has files that take more memory than the kind of their pixels tells.
func TestMemoryOfSmallFiles(t *testing.T) {
	var gray bytes.Buffer
	require.NoError(t, png.Encode(&gray, image.NewGray(image.Rect(0, 0, 100, 100))))
	clear := appendChunk(bytes.Clone(gray.Bytes()[:33]), "tRNS", []byte{0, 0})
	clear = append(clear, gray.Bytes()[33:]...)
	files := pictures(t)
	for name, c := range map[string]struct {
		file []byte
		cost int64
	}{
		"grey":                    {gray.Bytes(), 100 * 100},
		"grey, one of them clear": {clear, 4 * 100 * 100},
		"interlaced":              {files["png-interlaced"], 6 * 123 * 82},
		"WebP without loss":       {files["webp-lossless"], memoryOf(t, files["webp-lossless"], 11*123*82)},
		"WebP with loss":          {files["webp-lossy"], memoryOf(t, files["webp-lossy"], 3*128*96)},
		"TIFF of one strip":       {oneStrip(t), memoryOf(t, oneStrip(t), 2*100*100)},
	} {
		assert.GreaterOrEqual(t, Cost(c.file, Options{MaxSide: 4}), c.cost, name)
		var th Thumbnailer
		_, err := th.Make(context.Background(), c.file, Options{MaxMemory: c.cost - 1})
		require.ErrorIs(t, err, ErrTooLarge, name)
		_, err = th.Make(context.Background(), c.file, Options{MaxMemory: c.cost})
		require.NoError(t, err, name)
	}
}

// memoryOf is what decoding a file takes, which has to be at least so much.
func memoryOf(t *testing.T, file []byte, least int64) int64 {
	t.Helper()
	p, err := inspect(sniff(file), file)
	require.NoError(t, err)
	require.GreaterOrEqual(t, p.memory, least)
	return p.memory
}

// TestMemoryOfLargeParts shows a part of a picture: what is not shrunk takes memory once more.
func TestMemoryOfLargeParts(t *testing.T) {
	const side = 2100
	var file bytes.Buffer
	m := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.Black, color.White})
	require.NoError(t, png.Encode(&file, m))
	var th Thumbnailer
	o := Options{MaxSide: 64, MaxMemory: side * side}
	_, err := th.Make(context.Background(), file.Bytes(), o)
	require.NoError(t, err)
	assert.Less(t, Cost(file.Bytes(), o), int64(1.1*side*side))

	o.Crop = Box{Width: 0.01, Height: 0.01}
	_, err = th.Make(context.Background(), file.Bytes(), o)
	require.ErrorIs(t, err, ErrTooLarge)
	assert.InDelta(t, 5*side*side, Cost(file.Bytes(), o), 10_000)
}

// oneStrip is a compressed TIFF of 100 x 100 pixels in one strip.
func oneStrip(t *testing.T) []byte {
	var out bytes.Buffer
	require.NoError(t, tiff.Encode(&out, image.NewGray(image.Rect(0, 0, 100, 100)), &tiff.Options{Compression: tiff.Deflate}))
	return out.Bytes()
}

// TestOtherImages gives pictures of the kinds that test files have not.
func TestOtherImages(t *testing.T) {
	b := image.Rect(3, 2, 43, 32)
	want := image.NewRGBA(b)
	kinds := map[string]interface {
		image.Image
		Set(x, y int, c color.Color)
	}{
		"RGBA": want, "CMYK": image.NewCMYK(b), "NRGBA64": image.NewNRGBA64(b), "RGBA64": image.NewRGBA64(b), "NRGBA": image.NewNRGBA(b),
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			for _, m := range kinds {
				m.Set(x, y, color.RGBA{uint8(6 * x), uint8(8 * y), uint8(100 + x), 255})
			}
		}
	}
	for name, m := range kinds {
		for _, factor := range []int{1, 3} {
			var f boxFilter
			r, _ := new(Thumbnailer).rowsOf(m, stretch.Range{High: 65535})
			planes := f.reduce(r, b.Dx(), b.Dy(), factor)
			require.Len(t, planes, 3, name)
			for c, p := range planes {
				sum := 0
				for y := range factor {
					for x := range factor {
						at := want.RGBAAt(b.Min.X+factor*4+x, b.Min.Y+factor*2+y)
						sum += int([3]uint8{at.R, at.G, at.B}[c])
					}
				}
				assert.InDelta(t, float64(sum)/float64(factor*factor), p.Pix[2*p.Stride+4], 2, "%s, channel %d, 1/%d", name, c, factor)
			}
		}
	}
}

// FuzzMake makes thumbnails of anything, with limits that keep it small.
func FuzzMake(f *testing.F) {
	for _, data := range pictures(f) {
		f.Add(data)
	}
	var th Thumbnailer
	f.Fuzz(func(t *testing.T, data []byte) {
		thumb, err := th.Make(context.Background(), data, Options{MaxSide: 32, MaxPixels: 1 << 18, MaxMemory: 1 << 21})
		if err != nil {
			require.True(t, known(err), "%v", err)
			return
		}
		require.LessOrEqual(t, max(thumb.Width, thumb.Height), 32)
		var m image.Image
		if thumb.Format == "jpg" {
			m, err = jpeg.Decode(bytes.NewReader(thumb.Bytes))
		} else {
			m, err = png.Decode(bytes.NewReader(thumb.Bytes))
		}
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, thumb.Width, thumb.Height), m.Bounds())
	})
}

func TestOnItsSide(t *testing.T) {
	files := pictures(t)
	for name, want := range map[string]bool{
		"jpeg-turned-1": false, "jpeg-turned-3": false, "jpeg-turned-5": true, "jpeg-turned-8": true, "jpeg-420": false,
		"png-turned": true, "png-rgb": false, "webp-turned": true, "tiff-turned": true, "gif-palette": false,
	} {
		assert.Equal(t, want, OnItsSide(files[name]), name)
	}
	assert.False(t, OnItsSide(nil))
}
