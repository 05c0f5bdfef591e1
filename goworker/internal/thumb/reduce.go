package thumb

import (
	"image"
	"image/color"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// fewColors is how many colours a picture with a palette may use and still count
// as a drawing.
const fewColors = 16

// mostPixels is the largest side of a square whose pixels are summed up in 32 bits.
const mostPixels = 4096

// toPlanes takes an image apart, averaging squares of its pixels first where it is
// to be shrunk by four or more, so that resampling has less to do. Samples of more than 8 bits
// are shown over the given range or, where that is not set, as package stretch decides.
func (t *Thumbnailer) toPlanes(img image.Image, screen image.Rectangle, shrink float64, shown stretch.Range) planar {
	p := planar{width: screen.Dx(), height: screen.Dy()}
	factor := reduction(shrink)
	if m, ok := img.(*image.YCbCr); ok {
		p.color = jpegscale.YCbCr
		p.planes = t.yCbCrPlanes(m, factor)
		return p
	}
	r, stretched := t.rowsOf(img, shown)
	p.color, p.alpha, p.drawing, p.stretched = r.color, r.channels == 4, r.drawing, stretched
	if img.Bounds() != screen {
		r = r.within(img.Bounds(), screen)
		p.alpha = true
	}
	p.planes = t.box.reduce(r, p.width, p.height, factor)
	return p
}

// reduction gives the side of the squares of pixels that are averaged.
func reduction(shrink float64) int { return min(max(int(shrink/2), 1), mostPixels) }

// yCbCrPlanes takes Y, Cb and Cr as they are, reduced by factor; chroma planes are
// smaller already by the image's subsampling.
func (t *Thumbnailer) yCbCrPlanes(m *image.YCbCr, factor int) []jpegscale.Plane {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	chroma := m.SubsampleRatio
	subX, subY := 1, 1
	if chroma == image.YCbCrSubsampleRatio420 || chroma == image.YCbCrSubsampleRatio422 {
		subX = 2
	}
	if chroma == image.YCbCrSubsampleRatio420 || chroma == image.YCbCrSubsampleRatio440 {
		subY = 2
	}
	whole := []jpegscale.Plane{
		{Pix: m.Y, Stride: m.YStride, SpanX: float64(width), SpanY: float64(height)},
		{Pix: m.Cb, Stride: m.CStride, SpanX: float64(width) / float64(subX), SpanY: float64(height) / float64(subY)},
		{Pix: m.Cr, Stride: m.CStride, SpanX: float64(width) / float64(subX), SpanY: float64(height) / float64(subY)},
	}
	for i := range whole {
		w := &whole[i]
		w.Width, w.Height = int(math.Ceil(w.SpanX)), int(math.Ceil(w.SpanY))
		t.planes[i] = *w
		if factor > 1 {
			rows := rows{channels: 1, read: func(y int, dst []byte) { copy(dst, w.Pix[y*w.Stride:][:w.Width]) }}
			t.planes[i] = t.box.reduceInto(i, rows, w.Width, w.Height, factor)[0]
			t.planes[i].SpanX, t.planes[i].SpanY = w.SpanX/float64(factor), w.SpanY/float64(factor)
		}
	}
	return t.planes[:3]
}

// rows gives the rows of an image as 8-bit channels: one of grey, three of colour,
// or four of colour multiplied by opacity, and opacity.
type rows struct {
	color    jpegscale.Color
	channels int
	drawing  bool
	read     func(y int, dst []byte)
}

// within gives the rows of an image that covers a part of its screen; the rest is
// transparent.
func (r rows) within(part, screen image.Rectangle) rows {
	line := make([]byte, part.Dx()*r.channels)
	return rows{color: jpegscale.RGB, channels: 4, drawing: r.drawing, read: func(y int, dst []byte) {
		clear(dst)
		if y < part.Min.Y || y >= part.Max.Y {
			return
		}
		r.read(y-part.Min.Y, line)
		for x := range part.Dx() {
			if part.Min.X+x >= screen.Dx() {
				break
			}
			to, from := dst[4*(part.Min.X+x):], line[x*r.channels:]
			to[3] = 255
			copy(to[:r.channels], from[:r.channels])
		}
	}}
}

// rowsOf gives an image's rows, and reports whether its samples are stretched.
func (t *Thumbnailer) rowsOf(img image.Image, shown stretch.Range) (r rows, stretched bool) {
	switch m := img.(type) {
	case *image.Gray16, *image.RGBA64, *image.NRGBA64:
		if t.wide == nil {
			t.wide = &stretch.Wide{}
		}
		levels, stretched := t.wide.Levels(m, shown)
		return wideRows(m, levels), stretched
	case *stretch.Floats:
		if !shown.IsSet() {
			shown, stretched = m.Range()
		}
		return rows{color: jpegscale.Gray, channels: 1, read: func(y int, dst []byte) { m.Row(dst, y, shown) }}, stretched
	}
	return narrowRows(img), false
}

// narrowRows gives the rows of an image of 8 bits.
func narrowRows(img image.Image) rows {
	b := img.Bounds()
	r := rows{color: jpegscale.RGB, channels: visibleChannels(img)}
	switch m := img.(type) {
	case *image.Gray:
		return rows{color: jpegscale.Gray, channels: 1, read: func(y int, dst []byte) {
			copy(dst, m.Pix[y*m.Stride:])
		}}
	case *image.RGBA:
		r.read = func(y int, dst []byte) { readRGBA(dst, m.Pix[y*m.Stride:][:4*b.Dx()], r.channels) }
	case *image.NRGBA:
		r.read = func(y int, dst []byte) {
			readRGBA(dst, m.Pix[y*m.Stride:][:4*b.Dx()], r.channels)
			premultiply(dst, r.channels)
		}
	case *image.NYCbCrA:
		r.read = func(y int, dst []byte) { readVideo(dst, m, y, r.channels) }
	case *image.Paletted:
		r.drawing = colorsUsed(m) <= fewColors
		r.read = paletteReader(m, r.channels)
	default:
		r.read = func(y int, dst []byte) {
			for x := range b.Dx() {
				put(dst[x*r.channels:], img.At(b.Min.X+x, b.Min.Y+y), r.channels)
			}
		}
	}
	return r
}

// put writes a colour of any kind as channels, multiplied by its opacity.
func put(dst []byte, c color.Color, channels int) {
	cr, cg, cb, ca := c.RGBA()
	px := [4]byte{narrow(cr), narrow(cg), narrow(cb), narrow(ca)}
	copy(dst[:channels], px[:])
}

// narrow rounds 16 bits to 8.
func narrow(v uint32) byte { return byte((v*255 + 32767) / 65535) }

// readRGBA copies pixels of four bytes, or their first three.
func readRGBA(dst, src []byte, channels int) {
	if channels == 4 {
		copy(dst, src)
		return
	}
	for i := 0; 4*i < len(src); i++ {
		dst[3*i], dst[3*i+1], dst[3*i+2] = src[4*i], src[4*i+1], src[4*i+2]
	}
}

// premultiply multiplies the colours of pixels of four channels by their opacity.
func premultiply(px []byte, channels int) {
	if channels != 4 {
		return
	}
	for ; len(px) >= 4; px = px[4:] {
		if a := int(px[3]); a != 255 {
			for c := range 3 {
				px[c] = byte((int(px[c])*a + 127) / 255)
			}
		}
	}
}

// readVideo reads a row of a WebP picture with opacity. Like all lossy WebP it has
// the ranges of video.
func readVideo(dst []byte, m *image.NYCbCrA, y, channels int) {
	for x := range m.Rect.Dx() {
		at := m.COffset(m.Rect.Min.X+x, m.Rect.Min.Y+y)
		r, g, b := color.YCbCrToRGB(videoLuma(m.Y[y*m.YStride+x]), videoChroma(m.Cb[at]), videoChroma(m.Cr[at]))
		px := [4]byte{r, g, b, m.A[y*m.AStride+x]}
		premultiply(px[:], 4)
		copy(dst[x*channels:][:channels], px[:])
	}
}

// colorsUsed counts the entries of its palette that an image uses.
func colorsUsed(m *image.Paletted) int {
	var used [256]bool
	for y := range m.Rect.Dy() {
		for _, v := range m.Pix[y*m.Stride:][:m.Rect.Dx()] {
			used[v] = true
		}
	}
	n := 0
	for _, u := range used {
		if u {
			n++
		}
	}
	return n
}

// paletteReader reads an image's rows through its palette; an index beyond it is
// transparent, or black in an opaque image.
func paletteReader(m *image.Paletted, channels int) func(int, []byte) {
	var table [256][4]byte
	for i, c := range m.Palette {
		put(table[i][:], c, 4)
	}
	return func(y int, dst []byte) {
		for x, v := range m.Pix[y*m.Stride:][:m.Rect.Dx()] {
			copy(dst[x*channels:][:channels], table[v][:])
		}
	}
}
