package thumb

import (
	"bytes"
	"fmt"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// viridis holds every sixteenth colour of the scale of that name (by Smith and van
// der Walt, CC0), which FiftyOne's App draws heatmaps in too.
var viridis = [17][3]int{
	{68, 1, 84}, {72, 24, 106}, {71, 45, 123}, {66, 64, 134}, {59, 82, 139}, {51, 99, 141},
	{44, 114, 142}, {38, 130, 142}, {33, 145, 140}, {31, 160, 136}, {40, 174, 128}, {63, 188, 115},
	{94, 201, 98}, {132, 212, 75}, {173, 220, 48}, {216, 226, 25}, {253, 231, 37},
}

// heatColor gives the colour of a value from 0 to 255.
func heatColor(v int) (rgb [3]byte) {
	at := v * (len(viridis) - 1)
	i := min(at/255, len(viridis)-2)
	part := at - i*255
	for c := range rgb {
		rgb[c] = byte((viridis[i][c]*(255-part) + viridis[i+1][c]*part + 127) / 255)
	}
	return rgb
}

// Heat is a map of numbers: value (x, y) is Values[y*Width+x]. Low and what is below
// has the darkest colour, High and what is above the brightest, and what is not a number
// counts as low.
type Heat struct {
	Values        []float32
	Width, Height int
	Low, High     float64
}

// Heatmap draws a map as a JPEG of the given size, which may be larger than the map,
// and quality (0: the default).
func (t *Thumbnailer) Heatmap(h Heat, width, height, quality int) (Thumb, error) {
	if h.Width < 1 || h.Height < 1 || len(h.Values)/h.Width != h.Height || len(h.Values)%h.Width != 0 {
		return Thumb{}, fmt.Errorf("%w: a heatmap of %d x %d with %d values", ErrCorrupt, h.Width, h.Height, len(h.Values))
	}
	if width < 1 || height < 1 || max(width, height) > largestSide || !(h.Low < h.High) {
		return Thumb{}, fmt.Errorf("%w: a heatmap cannot be %d x %d with a range from %v to %v", ErrUnsupported, width, height, h.Low, h.High)
	}
	levels := make([]byte, len(h.Values))
	for i, v := range h.Values {
		if share := (float64(v) - h.Low) / (h.High - h.Low); share > 0 {
			levels[i] = byte(math.Round(min(share, 1) * 255))
		}
	}
	p := jpegscale.Plane{
		Pix: levels, Stride: h.Width, Width: h.Width, Height: h.Height,
		SpanX: float64(h.Width), SpanY: float64(h.Height),
	}
	g := geometry{turn: upright, width: width, height: height, x: interval{0, 1}, y: interval{0, 1}}
	level := t.resample(3, &p, &g, 1)
	rgb := []raster{t.raster(0, width, height), t.raster(1, width, height), t.raster(2, width, height)}
	for i, v := range level.pix {
		for c, shade := range heatColor(int(v)) {
			rgb[c].pix[i] = shade
		}
	}
	if quality <= 0 {
		quality = DefaultQuality
	}
	data := t.writer.Encode(written(t.toYCbCr(rgb, g.halfChroma())), width, height, min(quality, 100), g.halfChroma())
	return Thumb{
		Bytes: bytes.Clone(data), Format: "jpg", Width: width, Height: height,
		SourceWidth: h.Width, SourceHeight: h.Height,
	}, nil
}
