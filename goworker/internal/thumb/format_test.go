package thumb

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// painted makes a picture of a size.
func painted(width, height int, at func(x, y int) color.Color) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, at(x, y))
		}
	}
	return m
}

// photo is smooth, with the noise that cameras have.
func photo(width, height int) *image.NRGBA {
	random := rand.New(rand.NewPCG(11, 12))
	return painted(width, height, func(x, y int) color.Color {
		level := func(period float64) uint8 {
			return uint8(120 + 80*math.Sin(float64(x)/period)*math.Cos(float64(y)/period) + 8*random.Float64())
		}
		return color.NRGBA{level(30), level(41), level(57), 255}
	})
}

// TestFormats checks which pictures stay PNG, and that those lose nothing.
func TestFormats(t *testing.T) {
	checks := func(x, y int) color.Color {
		return []color.Color{color.NRGBA{220, 30, 10, 255}, color.NRGBA{10, 60, 200, 255}}[(x+y)%2]
	}
	asJPEG := func(m image.Image) []byte {
		var out bytes.Buffer
		require.NoError(t, jpeg.Encode(&out, m, &jpeg.Options{Quality: 95}))
		return out.Bytes()
	}
	var asBMP bytes.Buffer
	require.NoError(t, bmp.Encode(&asBMP, photo(20, 30)))
	gray := image.NewGray(image.Rect(0, 0, 28, 28))
	for i := range gray.Pix {
		gray.Pix[i] = byte(i * i)
	}
	for name, c := range map[string]struct {
		file   []byte
		want   string
		source image.Image // what a PNG has to show
	}{
		"a tiny PNG":                  {asPNG(t, photo(64, 48)), "png", photo(64, 48)},
		"a tiny grey one":             {asPNG(t, gray), "png", gray},
		"a tiny BMP":                  {asBMP.Bytes(), "png", photo(20, 30)},
		"a tiny JPEG":                 {asJPEG(photo(64, 48)), "jpg", nil},
		"a PNG that is a bit larger":  {asPNG(t, photo(65, 48)), "jpg", nil},
		"a photograph":                {asPNG(t, photo(250, 200)), "jpg", nil},
		"a pattern that JPEG hates":   {asPNG(t, painted(250, 200, checks)), "png", painted(250, 200, checks)},
		"the same, from a JPEG":       {asJPEG(painted(250, 200, checks)), "jpg", nil},
		"one colour, which costs PNG": {asPNG(t, painted(20, 200, func(int, int) color.Color { return color.NRGBA{9, 9, 9, 255} })), "png", nil},
	} {
		var th Thumbnailer
		small, err := th.Make(t.Context(), c.file, Options{Quality: 80})
		require.NoError(t, err, name)
		assert.Equal(t, c.want, small.Format, name)
		again, err := th.Make(t.Context(), c.file, Options{Quality: 80})
		require.NoError(t, err, name)
		assert.Equal(t, small, again, name)
		if c.source == nil {
			continue
		}
		shown := decode(t, small)
		for y := range small.Height {
			for x := range small.Width {
				want, got := color.NRGBAModel.Convert(c.source.At(x, y)), color.NRGBAModel.Convert(shown.At(x, y))
				require.Equal(t, want, got, "%s at %d, %d", name, x, y)
			}
		}
	}
}

// TestFullChroma checks that small thumbnails keep colours that change from pixel to pixel, which others do not.
func TestFullChroma(t *testing.T) {
	stripes := func(width, height int) []byte {
		random := rand.New(rand.NewPCG(1, 2)) // against PNG
		return asPNG(t, painted(width, height, func(x, _ int) color.Color {
			noise := uint8(random.IntN(12))
			return []color.Color{color.NRGBA{200 + noise, 40, 40, 255}, color.NRGBA{40, 40, 200 + noise, 255}}[x%2]
		}))
	}
	spread := func(width, height int) float64 {
		small, err := new(Thumbnailer).Make(t.Context(), stripes(width, height), Options{Quality: 80})
		require.NoError(t, err)
		require.Equal(t, "jpg", small.Format)
		m := decode(t, small).(*image.YCbCr)
		a, b := m.YCbCrAt(width/2, height/2), m.YCbCrAt(width/2+1, height/2)
		return math.Abs(float64(a.Cr) - float64(b.Cr))
	}
	assert.Greater(t, spread(127, 90), 60.0)
	assert.Greater(t, spread(90, 127), 60.0)
	assert.Less(t, spread(128, 90), 30.0)

	// Chroma of a JPEG that is shrunk is there, too, although the file has half of it.
	var file bytes.Buffer
	require.NoError(t, jpeg.Encode(&file, painted(800, 600, func(x, y int) color.Color {
		return []color.Color{color.NRGBA{200, 40, 40, 255}, color.NRGBA{40, 40, 200, 255}}[x/8%2]
	}), nil))
	small, err := new(Thumbnailer).Make(t.Context(), file.Bytes(), Options{MaxSide: 100})
	require.NoError(t, err)
	m := decode(t, small).(*image.YCbCr)
	assert.Equal(t, image.YCbCrSubsampleRatio444, m.SubsampleRatio)
	assert.Greater(t, math.Abs(float64(m.YCbCrAt(50, 30).Cr)-float64(m.YCbCrAt(51, 30).Cr)), 60.0)
}

// TestSmallerFormat writes pictures of many kinds both ways: what is chosen is the smaller one.
func TestSmallerFormat(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	palette := make([]color.NRGBA, 16)
	for i := range palette {
		palette[i] = color.NRGBA{uint8(random.IntN(256)), uint8(random.IntN(256)), uint8(random.IntN(256)), 255}
	}
	noise := func(colors int) func(x, y int) color.Color {
		return func(int, int) color.Color { return palette[random.IntN(colors)] }
	}
	gray := func(v int) color.Color { return color.NRGBA{uint8(v), uint8(v), uint8(v), 255} }
	kinds := map[string]func(x, y int) color.Color{
		"noise of 2 colours": noise(2), "noise of 4": noise(4), "noise of 16": noise(16),
		"a slope":        func(x, y int) color.Color { return gray((x + y) / 2 % 256) },
		"a pattern of 7": func(x, y int) color.Color { return palette[(x%7*3+y%7*5)%16] },
		"lines of text":  func(x, y int) color.Color { return gray(255 * min(x*7%11*(y%14/9)*(x*y%3), 1)) },
		"windows":        func(x, y int) color.Color { return palette[(x/40+y/30*3)%16] },
		"a dither":       func(x, y int) color.Color { return gray(255 * (((x*5 ^ y*3) % 8 * 32) / (1 + (x+y)/2%256))) },
		"fine noise":     func(x, _ int) color.Color { return gray(x/2 + random.IntN(3)) },
		"much noise":     func(int, int) color.Color { return gray(random.IntN(256)) },
	}
	for name, at := range kinds {
		m := painted(250, 180, at)
		small, err := new(Thumbnailer).Make(t.Context(), asPNG(t, m), Options{Quality: 80})
		require.NoError(t, err)
		var th Thumbnailer
		planes := th.toPlanes(m, m.Rect, 1, stretch.Range{}).planes
		p := make([]raster, 3)
		for c := range p {
			p[c] = raster{pix: planes[c].Pix, stride: planes[c].Stride, width: 250, height: 180}
		}
		whole, err := th.png.encode(p, false, false)
		require.NoError(t, err)
		asJPEG := len(th.writer.Encode(written(th.toYCbCr(p, true)), 250, 180, 80, true))
		t.Logf("%s: PNG %d, at least %d, JPEG %d", name, len(whole), th.png.atLeast(p), asJPEG)
		assert.Len(t, small.Bytes, min(len(whole), asJPEG), name)
	}
}
