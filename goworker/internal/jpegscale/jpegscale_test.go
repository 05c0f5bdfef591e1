package jpegscale

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// samplings are the ways that the tests subsample, odd ones among them.
var samplings = map[string][][2]int{
	"gray":          {{1, 1}},
	"gray 2x2":      {{2, 2}},
	"4:4:4":         {{1, 1}, {1, 1}, {1, 1}},
	"4:2:2":         {{2, 1}, {1, 1}, {1, 1}},
	"4:2:0":         {{2, 2}, {1, 1}, {1, 1}},
	"4:4:0":         {{1, 2}, {1, 1}, {1, 1}},
	"4:1:1":         {{4, 1}, {1, 1}, {1, 1}},
	"4:1:0":         {{4, 2}, {1, 1}, {1, 1}},
	"mixed":         {{2, 2}, {2, 1}, {1, 2}},
	"finer chroma":  {{1, 1}, {2, 1}, {1, 2}},
	"three to two":  {{3, 1}, {2, 1}, {1, 1}},
	"four":          {{1, 1}, {1, 1}, {1, 1}, {1, 1}},
	"four with 2x2": {{2, 2}, {1, 1}, {1, 1}, {2, 2}},
}

// TestSamples compares every sample at every scale with the definition of the
// transform, for all samplings, scan orders, restarts and kinds of Huffman code.
func TestSamples(t *testing.T) {
	for name, s := range samplings {
		for variant := range 8 {
			for i, size := range [][2]int{{70, 45}, {16, 16}, {1, 1}, {33, 8}} {
				p := newTestPicture(uint64(10*variant+i), size[0], size[1], s...)
				p.separate, p.longCodes = variant&1 != 0, variant&2 != 0
				p.restart, p.progressive = 3*(variant&1), variant&4 != 0
				if len(s) == 1 {
					p.sampling = [][2]int{{1, 1}}
					p.blocks = newTestPicture(9, size[0], size[1], p.sampling...).blocks
				}
				data := p.jpeg()
				if len(s) == 1 {
					// One component's sampling factors mean nothing.
					at := max(bytes.Index(data, []byte{0xFF, 0xC0}), bytes.Index(data, []byte{0xFF, 0xC2}))
					data[at+11] = byte(s[0][0]<<4 | s[0][1])
				}
				for _, scale := range []int{1, 2, 4, 8} {
					o := Options{Scale: scale, HalfChroma: variant >= 3}
					checkSamples(t, p, data, o, fmt.Sprintf("%s, variant %d, %v, 1/%d", name, variant, size, scale))
				}
			}
		}
	}
}

// TestBlockEnds decodes blocks that end with their last coefficient and are followed
// by bits that look like more of the same: those are the next block's.
func TestBlockEnds(t *testing.T) {
	for last := range 64 {
		p := newTestPicture(1, 80, 80, [2]int{1, 1})
		p.longCodes, p.shortest = true, []byte{0xF0, 0xE1, 0xD1, 0x11}
		for i := range p.blocks[0] {
			p.blocks[0][i] = [64]int{63: 1 + i%2}
			p.blocks[0][i][last] = 1
		}
		for _, scale := range []int{1, 2, 4, 8} {
			checkSamples(t, p, p.jpeg(), Options{Scale: scale}, fmt.Sprintf("coefficient %d, 1/%d", last, scale))
		}
	}
}

// checkSamples decodes a test picture and compares all of its planes.
func checkSamples(t *testing.T, p *testPicture, data []byte, o Options, what string) {
	t.Helper()
	var d Decoder
	pic, err := d.Decode(context.Background(), data, o)
	require.NoError(t, err, what)
	require.Len(t, pic.Planes, len(p.sampling), what)
	hMax, vMax := p.most()
	for c, plane := range pic.Planes {
		blocksX, _ := p.blockSize(c)
		size := plane.Stride / blocksX
		assert.InDelta(t, float64(p.width*p.sampling[c][0]*size)/float64(8*hMax), plane.SpanX, 1e-9, what)
		assert.InDelta(t, float64(p.height*p.sampling[c][1]*size)/float64(8*vMax), plane.SpanY, 1e-9, what)
		assert.Equal(t, int(math.Ceil(plane.SpanX)), plane.Width, what)
		assert.Equal(t, int(math.Ceil(plane.SpanY)), plane.Height, what)
		for y := range plane.Height {
			for x := range plane.Width {
				want, got := p.sample(c, size, x, y), float64(plane.Pix[y*plane.Stride+x])
				if math.Abs(want-got) > 0.6 {
					t.Fatalf("%s: component %d at (%d, %d) of size %d is %v, want %.2f", what, c, x, y, size, got, want)
				}
			}
		}
	}
}

// TestSizes checks that planes are as fine as asked for, without waste.
func TestSizes(t *testing.T) {
	tests := []struct {
		sampling string
		scale    int
		half     bool
		luma, cb [2]int
	}{
		{"4:2:0", 1, false, [2]int{64, 48}, [2]int{32, 24}},
		{"4:2:0", 2, false, [2]int{32, 24}, [2]int{32, 24}},
		{"4:2:0", 2, true, [2]int{32, 24}, [2]int{16, 12}},
		{"4:2:0", 8, false, [2]int{8, 6}, [2]int{8, 6}},
		{"4:2:0", 8, true, [2]int{8, 6}, [2]int{4, 3}},
		{"4:4:4", 2, false, [2]int{32, 24}, [2]int{32, 24}},
		{"4:4:4", 2, true, [2]int{32, 24}, [2]int{16, 12}},
		{"4:2:2", 2, false, [2]int{32, 24}, [2]int{32, 48}},
		{"4:2:2", 4, true, [2]int{16, 12}, [2]int{8, 12}},
		{"4:1:1", 8, false, [2]int{8, 6}, [2]int{8, 24}},
	}
	for _, test := range tests {
		p := newTestPicture(1, 64, 48, samplings[test.sampling]...)
		var d Decoder
		pic, err := d.Decode(context.Background(), p.jpeg(), Options{Scale: test.scale, HalfChroma: test.half})
		require.NoError(t, err)
		what := fmt.Sprintf("%s 1/%d half %v", test.sampling, test.scale, test.half)
		assert.Equal(t, test.luma, [2]int{pic.Planes[0].Width, pic.Planes[0].Height}, what)
		assert.Equal(t, test.cb, [2]int{pic.Planes[1].Width, pic.Planes[1].Height}, what)
		assert.Equal(t, Header{Width: 64, Height: 48, Color: YCbCr, Plain: true}, pic.Header, what)
	}
}

// pictures are the committed JPEG files by their names.
func pictures(tb testing.TB) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob("testdata/*.jpg")
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	files := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(tb, err)
		files[strings.TrimSuffix(filepath.Base(name), ".jpg")] = data
	}
	return files
}

// TestLikeStandardLibrary compares files that libjpeg wrote, at full size, with
// what image/jpeg makes of them.
func TestLikeStandardLibrary(t *testing.T) {
	files := pictures(t)
	delete(files, "baseline-ycck")       // the library converts its colours at once
	delete(files, "progressive-restart") // the library refuses it
	for name, data := range files {
		want, err := jpeg.Decode(bytes.NewReader(data))
		require.NoError(t, err, name)
		var d Decoder
		got, err := d.Decode(context.Background(), data, Options{})
		require.NoError(t, err, name)
		require.Equal(t, want.Bounds().Size(), image.Pt(got.Width, got.Height), name)
		assert.Equal(t, strings.HasPrefix(name, "progressive"), got.Progressive, name)
		at := func(c, x, y int) int {
			p := &got.Planes[c]
			x, y = int((float64(x)+0.5)*p.SpanX/float64(got.Width)), int((float64(y)+0.5)*p.SpanY/float64(got.Height))
			return int(p.Pix[y*p.Stride+x])
		}
		for y := range got.Height {
			for x := range got.Width {
				for c, v := range components(want, x, y) {
					if diff := at(c, x, y) - v; diff < -2 || diff > 2 {
						t.Fatalf("%s: component %d at (%d, %d) is %d, want %d", name, c, x, y, at(c, x, y), v)
					}
				}
			}
		}
	}
}

// components gives the components of a pixel as the file holds them, as far as the
// standard library keeps them.
func components(m image.Image, x, y int) []int {
	switch c := m.At(x, y).(type) {
	case color.Gray:
		return []int{int(c.Y)}
	case color.YCbCr:
		return []int{int(c.Y), int(c.Cb), int(c.Cr)}
	case color.CMYK:
		return []int{255 - int(c.C), 255 - int(c.M), 255 - int(c.Y), 255 - int(c.K)}
	default:
		r, g, b, _ := c.RGBA()
		return []int{int(r >> 8), int(g >> 8), int(b >> 8)}
	}
}

// TestProgressiveIsBaseline compares pairs of files of the same coefficients: the
// order in which they are stored must not show, at any scale.
func TestProgressiveIsBaseline(t *testing.T) {
	files, pairs := pictures(t), 0
	for name, data := range files {
		kind, ok := strings.CutPrefix(name, "progressive-")
		if !ok {
			continue
		}
		pairs++
		for _, scale := range []int{1, 2, 4, 8} {
			for _, half := range []bool{false, true} {
				o := Options{Scale: scale, HalfChroma: half}
				want, got := visible(t, files["baseline-"+kind], o), visible(t, data, o)
				require.True(t, slices.EqualFunc(want, got, bytes.Equal), "%s at 1/%d", kind, scale)
			}
		}
	}
	assert.Equal(t, 10, pairs)
}

// visible decodes a picture with a decoder of its own and gives its planes without
// what is beyond their edges.
func visible(t *testing.T, data []byte, o Options) (planes [][]byte) {
	t.Helper()
	var d Decoder
	pic, err := d.Decode(context.Background(), data, o)
	require.NoError(t, err)
	return cut(pic)
}

// cut gives the planes of a picture without what is beyond their edges.
func cut(pic *Picture) (planes [][]byte) {
	for _, p := range pic.Planes {
		var all []byte
		for y := range p.Height {
			all = append(all, p.Pix[y*p.Stride:][:p.Width]...)
		}
		planes = append(planes, all)
	}
	return planes
}

// TestColors checks how files name their colours.
func TestColors(t *testing.T) {
	files := pictures(t)
	for name, want := range map[string]Color{
		"baseline-gray": Gray, "baseline-420": YCbCr, "progressive-444": YCbCr, "baseline-rgb": RGB,
		"baseline-cmyk": CMYK, "progressive-cmyk": CMYK, "baseline-ycck": YCCK,
	} {
		head, err := ReadHeader(files[name])
		require.NoError(t, err, name)
		assert.Equal(t, want, head.Color, name)
	}
	named := newTestPicture(1, 8, 8, samplings["4:4:4"]...).jpeg()
	frame, scan := bytes.Index(named, []byte{0xFF, 0xC0})+10, bytes.Index(named, []byte{0xFF, 0xDA})+5
	for i, id := range []byte("RGB") {
		named[frame+3*i], named[scan+2*i] = id, id
	}
	for marker, want := range map[string]Color{
		"":                         RGB,
		"\xFF\xE0\x00\x07JFIF\x00": YCbCr,
		"\xFF\xEE\x00\x0EAdobe\x00d\x00\x00\x00\x00\x01": YCbCr,
		"\xFF\xEE\x00\x0EAdobe\x00d\x00\x00\x00\x00\x00": RGB,
	} {
		head, err := ReadHeader(append(append([]byte{0xFF, 0xD8}, marker...), named[2:]...))
		require.NoError(t, err)
		assert.Equal(t, want, head.Color, "%q", marker)
	}
}

// TestReuseTables decodes sequential and progressive files of the same Huffman tables
// with one decoder: they mean different things.
func TestReuseTables(t *testing.T) {
	var d Decoder
	for i := range 6 {
		p := newTestPicture(4, 40, 40, samplings["4:2:0"]...)
		p.progressive = i%2 == 1
		pic, err := d.Decode(context.Background(), p.jpeg(), Options{})
		require.NoError(t, err)
		p.progressive = false
		assert.True(t, slices.EqualFunc(visible(t, p.jpeg(), Options{}), cut(pic), bytes.Equal))
	}
}

// TestReuse decodes all files in turn with one decoder: nothing of one may show in
// the next.
func TestReuse(t *testing.T) {
	var d Decoder
	files := pictures(t)
	for range 2 {
		for name, data := range files {
			for _, scale := range []int{1, 4, 2, 8} {
				pic, err := d.Decode(context.Background(), data, Options{Scale: scale})
				require.NoError(t, err, name)
				want := visible(t, data, Options{Scale: scale})
				require.True(t, slices.EqualFunc(want, cut(pic), bytes.Equal), "%s at 1/%d", name, scale)
			}
		}
	}
}
