package jpegwrite

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// smooth makes a plane that a JPEG can hold well.
func smooth(seed, width, height int) Plane {
	p := Plane{Pix: make([]byte, (width+1)*height), Stride: width + 1, Width: width, Height: height}
	for y := range height {
		for x := range width {
			v := 128 + 70*math.Sin(float64(x*(seed+2))/23)*math.Cos(float64(y)/17) + 50*math.Sin(float64(x+y*seed)/40)
			p.Pix[y*p.Stride+x] = byte(min(max(v, 0), 255))
		}
	}
	return p
}

// readBack decodes a JPEG with the standard library.
func readBack(t *testing.T, data []byte) []Plane {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	size := m.Bounds().Size()
	if gray, ok := m.(*image.Gray); ok {
		return []Plane{{gray.Pix, gray.Stride, size.X, size.Y}}
	}
	c := m.(*image.YCbCr)
	w, h := size.X, size.Y
	if c.SubsampleRatio != image.YCbCrSubsampleRatio444 {
		require.Equal(t, image.YCbCrSubsampleRatio420, c.SubsampleRatio)
		w, h = ceilDiv(size.X, 2), ceilDiv(size.Y, 2)
	}
	return []Plane{{c.Y, c.YStride, size.X, size.Y}, {c.Cb, c.CStride, w, h}, {c.Cr, c.CStride, w, h}}
}

// distance is the root of the mean square of the differences of all samples.
func distance(t *testing.T, a, b []Plane) float64 {
	t.Helper()
	require.Len(t, b, len(a))
	sum, n := 0.0, 0.0
	for i, p := range a {
		require.Equal(t, [2]int{p.Width, p.Height}, [2]int{b[i].Width, b[i].Height})
		for y := range p.Height {
			for x := range p.Width {
				d := float64(p.Pix[y*p.Stride+x]) - float64(b[i].Pix[y*b[i].Stride+x])
				sum, n = sum+d*d, n+1
			}
		}
	}
	return math.Sqrt(sum / n)
}

// TestWriter writes planes and reads them back with the standard library, whose own
// encoder may do no better, neither in size nor in truth.
func TestWriter(t *testing.T) {
	var e Writer
	for _, size := range [][2]int{{1, 1}, {8, 8}, {16, 16}, {17, 15}, {256, 144}, {3, 200}} {
		for _, quality := range []int{1, 30, 50, 85, 100} {
			what := fmt.Sprintf("%d x %d, quality %d", size[0], size[1], quality)
			halfWidth, halfHeight := ceilDiv(size[0], 2), ceilDiv(size[1], 2)
			p := []Plane{smooth(1, size[0], size[1]), smooth(2, halfWidth, halfHeight), smooth(3, halfWidth, halfHeight)}
			source := &image.YCbCr{
				Y: p[0].Pix, Cb: p[1].Pix, Cr: p[2].Pix, YStride: p[0].Stride, CStride: p[1].Stride,
				SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, size[0], size[1]),
			}
			var theirs bytes.Buffer
			require.NoError(t, jpeg.Encode(&theirs, source, &jpeg.Options{Quality: quality}))
			ours := e.Encode(p, size[0], size[1], quality, true)
			assert.LessOrEqual(t, len(ours), theirs.Len(), what)
			best := readBack(t, theirs.Bytes())
			assert.LessOrEqual(t, distance(t, p, readBack(t, ours)), distance(t, p, best)*1.02+0.1, what)
			gray := readBack(t, e.Encode(p[:1], size[0], size[1], quality, true))
			assert.LessOrEqual(t, distance(t, p[:1], gray), distance(t, p[:1], best[:1])*1.02+0.1, what)
		}
	}
}

// TestWriterOfAnySize writes planes of noise, with chroma of full and half the resolution, and reads them back with the
// standard library and with our own decoder.
func TestWriterOfAnySize(t *testing.T) {
	var e Writer
	var d jpegscale.Decoder
	r := rand.New(rand.NewPCG(9, 10))
	for i := range 300 {
		width, height, half := 1+r.IntN(40), 1+r.IntN(40), i%2 == 0
		part := 1
		if half {
			part = 2
		}
		planes := make([]Plane, 3)
		for c := range planes {
			w, h := width, height
			if c > 0 {
				w, h = ceilDiv(width, part), ceilDiv(height, part)
			}
			planes[c] = Plane{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
			for k := range planes[c].Pix {
				planes[c].Pix[k] = byte(r.IntN(256))
			}
		}
		what := fmt.Sprintf("%d x %d, half chroma: %v", width, height, half)
		file := e.Encode(planes, width, height, 100, half)
		assert.Less(t, distance(t, planes, readBack(t, file)), 1.0, what)
		m, err := jpeg.Decode(bytes.NewReader(file))
		require.NoError(t, err, what)
		require.Equal(t, half, m.(*image.YCbCr).SubsampleRatio == image.YCbCrSubsampleRatio420, what)

		own, err := d.Decode(t.Context(), file, jpegscale.Options{})
		require.NoError(t, err, what)
		read := make([]Plane, 3)
		for c, p := range own.Planes {
			read[c] = Plane{Pix: p.Pix, Stride: p.Stride, Width: p.Width, Height: p.Height}
		}
		assert.Less(t, distance(t, planes, read), 1.0, what)
	}
}

// TestWriterNoise writes samples that use every kind of symbol, and long runs.
func TestWriterNoise(t *testing.T) {
	var e Writer
	r := rand.New(rand.NewPCG(3, 4))
	for _, kind := range []int{2, 30, 256} {
		p := Plane{Pix: make([]byte, 200*200), Stride: 200, Width: 200, Height: 200}
		for i := range p.Pix {
			if r.IntN(kind) < 2 {
				p.Pix[i] = byte(r.IntN(2) * 255)
			}
		}
		assert.Less(t, distance(t, []Plane{p}, readBack(t, e.Encode([]Plane{p}, 200, 200, 100, true))), 0.8, "noise %d", kind)
	}
}

// TestHuffmanCode checks for counts of all kinds that the code can be decoded, is
// within JPEG's limits and, if those do not matter, the shortest possible.
func TestHuffmanCode(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	fibonacci := func(i int) uint32 {
		a, b := uint32(1), uint32(1)
		for range min(i, 40) {
			a, b = b, a+b
		}
		return a
	}
	kinds := map[string]func(i int) uint32{
		"one symbol": func(i int) uint32 { return uint32(1 / (i + 1)) },
		"two":        func(i int) uint32 { return uint32(2 / (i + 1) * 5) },
		"all alike":  func(int) uint32 { return 7 },
		"random":     func(int) uint32 { return r.Uint32N(1000) },
		"skewed":     func(i int) uint32 { return r.Uint32N(1 << (i % 30)) },
		"fibonacci":  fibonacci,
	}
	for name, kind := range kinds {
		var counts [256]uint32
		for i := range counts {
			counts[i] = kind(i)
		}
		var c huffmanCode
		c.make(&counts)
		kraft, used := 0, 0
		for symbol, n := range counts {
			word, length := c.words[symbol]>>8, c.words[symbol]&0xFF
			if n == 0 {
				assert.Zero(t, c.words[symbol], name)
				continue
			}
			used++
			require.True(t, length >= 1 && length <= longestCode, name)
			assert.NotEqual(t, uint32(1)<<length-1, word, "%s: a code of ones only", name)
			kraft += 1 << (longestCode - length)
			for other, m := range counts[:symbol] {
				otherWord, otherLength := c.words[other]>>8, c.words[other]&0xFF
				if m > 0 {
					short := min(length, otherLength)
					require.NotEqual(t, word>>(length-short), otherWord>>(otherLength-short), "%s: one code begins another", name)
				}
			}
		}
		assert.Equal(t, used, c.n, name)
		assert.Less(t, kraft, 1<<longestCode, name)
	}
	// 1, 1, 2, 4 and 8 with the forbidden code: lengths are known.
	var counts [256]uint32
	copy(counts[:], []uint32{8, 4, 2, 1})
	var c huffmanCode
	c.make(&counts)
	assert.Equal(t, [longestCode]byte{1, 1, 1, 1}, c.counts)
	assert.Equal(t, []byte{0, 1, 2, 3}, c.order[:c.n])
}

// BenchmarkWriter writes a JPEG of 256 x 144.
func BenchmarkWriter(b *testing.B) {
	var e Writer
	p := []Plane{smooth(1, 256, 144), smooth(2, 128, 72), smooth(3, 128, 72)}
	for b.Loop() {
		e.Encode(p, 256, 144, 85, true)
	}
}

// ceilDiv is a/b, rounded up.
func ceilDiv(a, b int) int { return (a + b - 1) / b }
