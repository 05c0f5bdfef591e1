package stretch

import (
	"image"
	"image/color"
	"math"
	"slices"
)

// Floats is a grey picture of floating-point samples, or of integers that need more than 16 bits or a sign:
// sample (x, y) is Pix[(y-Rect.Min.Y)*Stride+(x-Rect.Min.X)]. It is an [image.Image].
type Floats struct {
	Pix    []float32
	Stride int
	Rect   image.Rectangle
	// NoData is the sample that the file calls "no data"; nil if it calls none so.
	NoData *float32
}

// NewFloats makes a picture of zeros.
func NewFloats(r image.Rectangle) *Floats {
	return &Floats{Pix: make([]float32, r.Dx()*r.Dy()), Stride: r.Dx(), Rect: r}
}

// FloatModel is the colour model of Floats: grey levels, cut off at 0 and 255.
var FloatModel = color.ModelFunc(func(c color.Color) color.Color { return color.GrayModel.Convert(c) })

// ColorModel implements image.Image.
func (m *Floats) ColorModel() color.Model { return FloatModel }

// Bounds implements image.Image.
func (m *Floats) Bounds() image.Rectangle { return m.Rect }

// Opaque reports that all of it can be seen.
func (m *Floats) Opaque() bool { return true }

// At implements image.Image: the sample as a grey level, as it is. What shows the picture asks Range first.
func (m *Floats) At(x, y int) color.Color {
	if !(image.Point{X: x, Y: y}).In(m.Rect) {
		return color.Gray{}
	}
	v := float64(m.Pix[(y-m.Rect.Min.Y)*m.Stride+x-m.Rect.Min.X])
	if !(v > 0) {
		return color.Gray{}
	}
	return color.Gray{Y: uint8(min(v, 255))}
}

// mostSamples is how many samples of a picture are looked at. It is a prime, so that they are not all in a few columns.
const mostSamples = 65521

// Range decides which sample is black and which one white, and reports whether that is stretched. It looks at
// 65,521 samples, evenly spread.
func (m *Floats) Range() (r Range, stretched bool) {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	n := width * height
	samples := make([]float32, 0, min(n, mostSamples))
	for i := range min(n, mostSamples) {
		if n > mostSamples {
			i = int(int64(i) * int64(n) / mostSamples)
		}
		v := m.Pix[i/width*m.Stride+i%width]
		if m.Counts(v) {
			samples = append(samples, v)
		}
	}
	slices.Sort(samples)
	scale := Range{}
	if len(samples) == 0 || samples[0] >= 0 && samples[len(samples)-1] <= 1 {
		scale = Range{0, 1}
	}
	var bins []bin
	for _, v := range samples {
		if last := len(bins) - 1; last < 0 || bins[last].value != v {
			bins = append(bins, bin{value: v})
		}
		bins[len(bins)-1].n++
	}
	return of(bins, scale)
}

// Counts reports whether a sample is data.
func (m *Floats) Counts(v float32) bool {
	return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) && (m.NoData == nil || v != *m.NoData)
}

// Row gives the levels of row y, counted from 0, of a picture that is shown over a range.
func (m *Floats) Row(dst []byte, y int, r Range) {
	for x, v := range m.Pix[y*m.Stride:][:m.Rect.Dx()] {
		dst[x] = 0
		if m.Counts(v) {
			dst[x] = r.Level(float64(v))
		}
	}
}
