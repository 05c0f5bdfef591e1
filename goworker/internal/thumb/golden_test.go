package thumb

import (
	"bytes"
	"context"
	"image"
	_ "image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goldenSide is the longest side of the golden thumbnails.
const goldenSide = 48

// worstPSNR is how alike a thumbnail and Pillow's have to be, in dB.
const worstPSNR = 39

// pictures are the committed picture files by their names.
func pictures(tb testing.TB) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob("testdata/*.*")
	require.NoError(tb, err)
	files := map[string][]byte{}
	for _, name := range names {
		if strings.HasSuffix(name, ".golden.png") || strings.HasSuffix(name, ".py") {
			continue
		}
		data, err := os.ReadFile(name)
		require.NoError(tb, err)
		files[strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))] = data
	}
	require.NotEmpty(tb, files)
	return files
}

// golden reads what Pillow made of a picture.
func golden(t *testing.T, name string) image.Image {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".golden.png"))
	require.NoError(t, err)
	m, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	return m
}

// decode reads a thumbnail back.
func decode(t *testing.T, thumb Thumb) image.Image {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(thumb.Bytes))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"jpg": "jpeg", "png": "png"}[thumb.Format], kind)
	require.Equal(t, image.Rect(0, 0, thumb.Width, thumb.Height), m.Bounds())
	return m
}

// psnr compares two pictures by their luma and, at half the resolution, chroma, as
// they are on white and on black.
func psnr(a, b image.Image) float64 {
	sum, n := 0.0, 0.0
	for _, ground := range []float64{0, 1} {
		p, q := planes(a, ground), planes(b, ground)
		for c := range p {
			for i := range p[c] {
				d := p[c][i] - q[c][i]
				sum, n = sum+d*d, n+1
			}
		}
	}
	return 10 * math.Log10(n/max(sum, 1e-9))
}

// planes gives luma, from 0 to 1, and the differences of blue and red to it, the
// means of 2 x 2 pixels.
func planes(m image.Image, ground float64) (out [3][]float64) {
	size := m.Bounds().Size()
	half := (size.X + 1) / 2
	out[1], out[2] = make([]float64, half*((size.Y+1)/2)), make([]float64, half*((size.Y+1)/2))
	for y := range size.Y {
		for x := range size.X {
			r, g, b, a := m.At(x, y).RGBA()
			under := ground * (1 - float64(a)/65535)
			fr, fg, fb := float64(r)/65535+under, float64(g)/65535+under, float64(b)/65535+under
			luma := 0.299*fr + 0.587*fg + 0.114*fb
			out[0] = append(out[0], luma)
			n := float64((min(size.X-x/2*2, 2)) * min(size.Y-y/2*2, 2))
			out[1][y/2*half+x/2] += (fb - luma) * 0.564 / n
			out[2][y/2*half+x/2] += (fr - luma) * 0.713 / n
		}
	}
	return out
}

// TestGolden compares thumbnails of every kind of file with Pillow's.
func TestGolden(t *testing.T) {
	var th Thumbnailer
	for name, data := range pictures(t) {
		thumb, err := th.Make(context.Background(), data, Options{MaxSide: goldenSide, Quality: 97})
		if !assert.NoError(t, err, name) {
			continue
		}
		want, got := golden(t, name), decode(t, thumb)
		if !assert.Equal(t, want.Bounds().Size(), got.Bounds().Size(), name) {
			continue
		}
		width, height := Fit(thumb.SourceWidth, thumb.SourceHeight, goldenSide)
		assert.Equal(t, [2]int{thumb.Width, thumb.Height}, [2]int{width, height}, name)
		if p := psnr(want, got); p < worstPSNR {
			t.Errorf("%s is unlike Pillow's: %.1f dB", name, p)
		} else {
			t.Logf("%s: %.1f dB", name, p)
		}
		opaque, ok := want.(interface{ Opaque() bool })
		switch {
		case strings.Contains(name, "drawing") || strings.Contains(name, "frames") || ok && !opaque.Opaque():
			assert.Equal(t, "png", thumb.Format, name)
		case strings.HasPrefix(name, "jpeg") || name == "webp-lossy":
			assert.Equal(t, "jpg", thumb.Format, name)
		}
	}
}
