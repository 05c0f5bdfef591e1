package thumb

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// noise makes a plane of random samples, with more memory a row than samples.
func noise(seed uint64, width, height int) jpegscale.Plane {
	r := rand.New(rand.NewPCG(seed, 7))
	p := jpegscale.Plane{
		Pix: make([]byte, (width+3)*height), Stride: width + 3, Width: width, Height: height,
		SpanX: float64(width) - 0.25*float64(seed%3), SpanY: float64(height) - 0.5*float64(seed%2),
	}
	for i := range p.Pix {
		p.Pix[i] = byte(r.IntN(256))
	}
	return p
}

// filterWeights gives, from the filter's definition, each source sample's weight in
// result i where span results cover the part src of the source.
func filterWeights(span float64, src interval, limit, i int, flip bool) []float64 {
	step := (src.to - src.from) / span
	wide := math.Max(step, 1)
	at := float64(i) + 0.5
	if flip {
		at = span - at
	}
	w, sum := make([]float64, limit), 0.0
	for s := range w {
		x := math.Abs(float64(s)+0.5-src.from-at*step) / wide
		switch {
		case x < 1:
			w[s] = 1.5*x*x*x - 2.5*x*x + 1
		case x < 2:
			w[s] = -0.5*x*x*x + 2.5*x*x - 4*x + 2
		}
		sum += w[s]
	}
	for s := range w {
		w[s] /= sum
	}
	return w
}

// TestResample compares with the filter computed in floating point: shrinking and
// enlarging, all orientations, parts of the picture, and halves for chroma.
func TestResample(t *testing.T) {
	var th Thumbnailer
	cases := [][4]int{{40, 30, 17, 13}, {9, 7, 31, 25}, {64, 3, 16, 1}, {1, 50, 1, 11}, {33, 34, 33, 34}, {100, 5, 3, 5}}
	for n, c := range cases {
		for turn := orientation(1); turn <= 8; turn++ {
			for part := 1; part <= 2; part++ {
				p := noise(uint64(n), c[0], c[1])
				g := geometry{turn: turn, width: c[2], height: c[3], x: interval{0, 1}, y: interval{0, 1}}
				if n%2 == 0 {
					g.x, g.y = interval{0.1, 0.8}, interval{0.25, 1}
				}
				got := th.resample(0, &p, &g, part)
				checkResampled(t, &p, &g, part, got, fmt.Sprintf("case %d, orientation %d, part %d", n, turn, part))
			}
		}
	}
}

func checkResampled(t *testing.T, p *jpegscale.Plane, g *geometry, part int, got raster, what string) {
	t.Helper()
	spanX, spanY := float64(g.width)/float64(part), float64(g.height)/float64(part)
	if g.turn.transposed() {
		spanX, spanY = spanY, spanX
	}
	for y := range got.height {
		for x := range got.width {
			i, j := x, y
			if g.turn.transposed() {
				i, j = y, x
			}
			wx := filterWeights(spanX, interval{g.x.from * p.SpanX, g.x.to * p.SpanX}, p.Width, i, g.turn.flipX())
			wy := filterWeights(spanY, interval{g.y.from * p.SpanY, g.y.to * p.SpanY}, p.Height, j, g.turn.flipY())
			want := 0.0
			for v, b := range wy {
				for u, a := range wx {
					want += a * b * float64(p.Pix[v*p.Stride+u])
				}
			}
			want = math.Min(math.Max(want, 0), 255)
			require.InDelta(t, want, got.pix[y*got.stride+x], 0.6, "%s at (%d, %d)", what, x, y)
		}
	}
}

// TestEvenStaysEven resamples planes of one value, which may not change at all.
func TestEvenStaysEven(t *testing.T) {
	var th Thumbnailer
	for _, v := range []byte{0, 1, 127, 254, 255} {
		for _, c := range [][4]int{{300, 200, 256, 171}, {7, 9, 100, 80}, {256, 256, 3, 3}} {
			p := noise(0, c[0], c[1])
			for i := range p.Pix {
				p.Pix[i] = v
			}
			g := geometry{turn: upright, width: c[2], height: c[3], x: interval{0, 1}, y: interval{0, 1}}
			got := th.resample(0, &p, &g, 1)
			require.Equal(t, bytes.Repeat([]byte{v}, c[2]*c[3]), got.pix, "%v", c)
		}
	}
}
