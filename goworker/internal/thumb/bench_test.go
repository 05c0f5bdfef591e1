package thumb

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// picturesVariable names the directory of the pictures that BenchmarkMake takes
// instead of the tests' own; bench/thumbs.py sets it.
const picturesVariable = "THUMB_PICTURES"

// BenchmarkMake makes thumbnails of 256 pixels.
func BenchmarkMake(b *testing.B) {
	files := map[string][]byte{}
	if dir := os.Getenv(picturesVariable); dir != "" {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(b, err)
		for _, name := range names {
			files[filepath.Base(name)], err = os.ReadFile(name)
			require.NoError(b, err)
		}
	} else {
		own := pictures(b)
		for _, name := range []string{"jpeg-large", "png-large", "webp-lossy"} {
			files[name] = own[name]
		}
	}
	var t Thumbnailer
	for name, data := range files {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := t.Make(context.Background(), data, Options{})
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkResample shrinks a plane to 256 x 144.
func BenchmarkResample(b *testing.B) {
	for _, size := range [][2]int{{320, 180}, {640, 360}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			var t Thumbnailer
			p := jpegscale.Plane{
				Pix: make([]byte, size[0]*size[1]), Stride: size[0], Width: size[0], Height: size[1],
				SpanX: float64(size[0]), SpanY: float64(size[1]),
			}
			g := geometry{turn: upright, width: 256, height: 144, x: interval{0, 1}, y: interval{0, 1}}
			for b.Loop() {
				t.resample(0, &p, &g, 1)
			}
		})
	}
}

// BenchmarkEncodeMask writes a mask of 256 x 192 with objects in it.
func BenchmarkEncodeMask(b *testing.B) {
	var e MaskEncoder
	r := rand.New(rand.NewPCG(2, 2))
	m := NewMask(256, 192)
	for range 20 {
		var outline []Point
		for range 12 {
			outline = append(outline, Point{r.Float64(), r.Float64()})
		}
		m.FillPolygon([][]Point{outline}, uint8(r.IntN(20)))
	}
	var size int
	for b.Loop() {
		data, err := e.Encode(m)
		require.NoError(b, err)
		size = len(data)
	}
	b.ReportMetric(float64(size), "bytes")
	data, err := e.Encode(m)
	require.NoError(b, err)
	_, err = png.Decode(bytes.NewReader(data))
	require.NoError(b, err)
}
