package overlay

import (
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/npy"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// raster is a mask or a map as it was stored: numbers in bytes or wide, or colours.
type raster struct {
	width, height int
	// bytes are the numbers, or the palette's indexes, or with channels > 1 the colours.
	bytes    []byte
	channels int
	wide     []float32
	palette  color.Palette
	// high is the largest number that its type is meant to hold: 1, 255 or 65535.
	high    float64
	scratch []byte
}

// read reads a mask or a map into the raster, from the database or else from a file.
func (d *Drawer) read(v bson.RawValue, path string) bool {
	var err error
	if v.Type == 0 {
		var file []byte
		if file, err = d.load(path, d.most); err == nil {
			if err = d.readFile(d.ctx, file); err == nil {
				return true
			}
		} else if !errors.Is(err, ErrLarge) {
			d.out.Trouble |= NoFile
			return false
		}
	} else {
		var a npy.Array
		var ok bool
		if a, ok, err = d.arrays.Decode(v); err == nil && (!ok || d.raster.fromArray(a)) {
			d.decoded = max(d.decoded, len(a.Data))
			return ok // an empty array is not a mask, and nothing is wrong
		}
	}
	if d.ctx.Err() != nil {
		return false // the row is not finished
	}
	large := errors.Is(err, ErrLarge) || errors.Is(err, npy.ErrTooLarge) || errors.Is(err, thumb.ErrTooLarge)
	if large && d.most < MaxRaster {
		d.crowded = true
		return false
	}
	d.out.Trouble |= BadMask
	return false
}

// readFile reads an image file into the raster.
func (d *Drawer) readFile(ctx context.Context, file []byte) error {
	img, err := thumb.Decode(ctx, file, thumb.Options{MaxPixels: maxMaskPixels, MaxMemory: d.most})
	if d.second != nil && (errors.Is(err, thumb.ErrUnsupported) || errors.Is(err, thumb.ErrCorrupt)) {
		if img, err = d.second(ctx, file, d.most); err == nil {
			d.out.Trouble |= Given
		}
	}
	if err != nil {
		return err
	}
	switch img.(type) {
	case *image.Gray16, *stretch.Floats:
		if size := img.Bounds(); size.Dx()*size.Dy() > maxWide {
			return errWide
		}
	}
	d.raster.fromImage(img)
	return nil
}

// maxWide bounds how many numbers that are not bytes are read: they take four bytes each, beside
// those that they are made from.
const maxWide = 20 << 20

var errWide = errors.New("too many numbers")

// fromArray takes an array of two axes, or of three for colours.
func (r *raster) fromArray(a npy.Array) bool {
	r.channels, r.palette, r.wide, r.bytes = 1, nil, r.wide[:0], nil
	switch {
	case len(a.Shape) == 2:
	case len(a.Shape) == 3 && (a.Shape[2] == 1 || ((a.Shape[2] == 3 || a.Shape[2] == 4) && a.DType == npy.Uint8)):
		r.channels = a.Shape[2]
	default:
		return false
	}
	r.height, r.width = a.Shape[0], a.Shape[1]
	r.high = 255
	switch a.DType {
	case npy.Bool, npy.Uint8, npy.Int8:
		r.bytes = a.Data
		if a.DType == npy.Bool {
			r.high = 1
		}
		return true
	case npy.Float16, npy.Float32, npy.Float64:
		r.high = 1
	}
	if a.Len() > maxWide {
		return false
	}
	r.wide = npy.Append(slices.Grow(r.wide, a.Len()), a)
	return true
}

// fromImage takes an image file's pixels. Most are taken as they are, without a copy.
func (r *raster) fromImage(img image.Image) {
	size := img.Bounds()
	r.width, r.height, r.channels, r.palette, r.wide, r.high = size.Dx(), size.Dy(), 1, nil, r.wide[:0], 255
	switch img := img.(type) {
	case *image.Gray:
		r.bytes = packed(img.Pix, img.Stride, r.width, r.height)
	case *image.Paletted:
		r.bytes = packed(img.Pix, img.Stride, r.width, r.height)
		r.palette = img.Palette
	case *image.Gray16:
		r.high, r.bytes = 65535, nil
		r.wide = slices.Grow(r.wide, r.width*r.height)
		for y := range r.height {
			for x := range r.width {
				r.wide = append(r.wide, float32(img.Gray16At(size.Min.X+x, size.Min.Y+y).Y))
			}
		}
	case *stretch.Floats:
		r.fromFloats(img)
	case *image.NRGBA:
		r.channels = 4
		r.bytes = packed(img.Pix, img.Stride, 4*r.width, r.height)
	case *image.RGBA:
		r.channels = 4
		r.bytes = packed(img.Pix, img.Stride, 4*r.width, r.height)
		if !img.Opaque() {
			divideByOpacity(r.bytes)
		}
	default:
		r.channels = 3
		r.scratch = slices.Grow(r.scratch[:0], 3*r.width*r.height)
		for y := range r.height {
			for x := range r.width {
				c := color.NRGBAModel.Convert(img.At(size.Min.X+x, size.Min.Y+y)).(color.NRGBA)
				r.scratch = append(r.scratch, c.R, c.G, c.B)
			}
		}
		r.bytes = r.scratch
	}
}

// fromFloats takes samples. What the file calls "no data" is not a number. Those that are all whole numbers are taken for
// such of a map from 0 to 255, unless none is above 1.
func (r *raster) fromFloats(m *stretch.Floats) {
	r.bytes, r.high = nil, 1
	whole, high := true, false
	r.wide = slices.Grow(r.wide, r.width*r.height)
	for y := range r.height {
		for _, v := range m.Pix[y*m.Stride:][:r.width] {
			if !m.Counts(v) {
				v = float32(math.NaN())
			} else {
				whole = whole && v == float32(math.Trunc(float64(v)))
				high = high || v > 1
			}
			r.wide = append(r.wide, v)
		}
	}
	if whole && high {
		r.high = 255
	}
}

// packed moves the rows of a picture together, in place.
func packed(pix []byte, stride, width, height int) []byte {
	if stride != width {
		for y := 1; y < height; y++ {
			copy(pix[y*width:][:width], pix[y*stride:])
		}
	}
	return pix[:width*height]
}

// divideByOpacity undoes the multiplication of colours by their opacity.
func divideByOpacity(pix []byte) {
	for ; len(pix) >= 4; pix = pix[4:] {
		c := color.NRGBAModel.Convert(color.RGBA{pix[0], pix[1], pix[2], pix[3]}).(color.NRGBA)
		pix[0], pix[1], pix[2], pix[3] = c.R, c.G, c.B, c.A
	}
}

// classes gives the classes of the pixels of a row, at the given columns.
func (r *raster) classes(to []uint8, columns []int, y int, l *lut) {
	start := y * r.width
	switch {
	case r.palette != nil && l.byColor: // the targets are colours, so the palette's count
		for x, from := range columns {
			to[x] = l.color(rgb(r.palette, r.bytes[start+from]))
		}
	case r.channels > 1:
		for x, from := range columns {
			p := r.bytes[(start+from)*r.channels:][:3]
			to[x] = l.color(uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2]))
		}
	case len(r.wide) > 0:
		for x, from := range columns {
			to[x] = 0
			if v := r.wide[start+from]; v >= 1 && v < 1<<31 {
				to[x] = l.class(uint32(v))
			}
		}
	default:
		row := r.bytes[start:][:r.width]
		for x, from := range columns {
			to[x] = l.low[row[from]]
		}
	}
}

// rgb is a palette's colour as 0xRRGGBB.
func rgb(p color.Palette, i byte) uint32 {
	if int(i) >= len(p) {
		return 0
	}
	c := color.NRGBAModel.Convert(p[i]).(color.NRGBA)
	return uint32(c.R)<<16 | uint32(c.G)<<8 | uint32(c.B)
}

// object is the raster as the mask of an object, whose pixels are all that are not 0. The raster's
// colours are lost.
func (r *raster) object() thumb.Mask {
	m := thumb.Mask{Pix: r.bytes, Width: r.width, Height: r.height}
	switch {
	case len(r.wide) > 0:
		r.scratch = r.scratch[:0]
		for _, v := range r.wide {
			r.scratch = append(r.scratch, nonzero(v != 0 && v == v))
		}
		m.Pix = r.scratch
	case r.channels > 1:
		for i := range r.width * r.height {
			p := r.bytes[i*r.channels:][:3]
			r.bytes[i] = nonzero(p[0]|p[1]|p[2] != 0)
		}
		r.channels, r.bytes = 1, r.bytes[:r.width*r.height]
		m.Pix = r.bytes
	}
	return m
}

func nonzero(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// numbers are the raster's values as a map's.
func (r *raster) numbers() []float32 {
	if len(r.wide) > 0 {
		return r.wide
	}
	r.wide = slices.Grow(r.wide[:0], r.width*r.height)
	for i := range r.width * r.height {
		v := r.bytes[i*r.channels]
		if r.channels > 1 {
			p := r.bytes[i*r.channels:][:3]
			v = color.GrayModel.Convert(color.RGBA{p[0], p[1], p[2], 255}).(color.Gray).Y
		}
		r.wide = append(r.wide, float32(v))
	}
	return r.wide
}

// heatmap draws a heatmap as a picture of its own.
func (d *Drawer) heatmap(i int, s *label.Shape) {
	if (s.Raster.Type == 0 && len(s.Path) == 0) || !d.fields[i].isMap() || !d.read(s.Raster, string(s.Path)) {
		return
	}
	r := &d.raster
	if r.width*r.height > maxWide {
		d.out.Trouble |= BadMask
		return
	}
	h := thumb.Heat{Values: r.numbers(), Width: r.width, Height: r.height, Low: 0, High: r.high}
	if s.HasRange {
		h.Low, h.High = s.Low, s.High
	}
	h = cropped(h, d.part)
	width, height := d.pic.Width, d.pic.Height
	if width < 1 || height < 1 {
		width, height = h.Width, h.Height // there is no picture
	}
	width, height = thumb.Fit(width, height, d.mapSide)
	picture, err := d.heat.Heatmap(h, width, height, 0)
	if err != nil {
		d.out.Trouble |= BadMask
		return
	}
	if d.out.Heatmaps == nil {
		d.out.Heatmaps = make([]*thumb.Thumb, len(d.fields))
	}
	d.out.Heatmaps[i] = &picture
}

// cropped is the part of a map that is shown.
func cropped(h thumb.Heat, part thumb.Box) thumb.Heat {
	if part == (thumb.Box{Width: 1, Height: 1}) {
		return h
	}
	x0, x1 := span(part.X, part.Width, h.Width)
	y0, y1 := span(part.Y, part.Height, h.Height)
	values := make([]float32, 0, (x1-x0)*(y1-y0))
	for y := y0; y < y1; y++ {
		values = append(values, h.Values[y*h.Width+x0:y*h.Width+x1]...)
	}
	h.Values, h.Width, h.Height = values, x1-x0, y1-y0
	return h
}

// span is the places, of n, that a part covers: at least one.
func span(from, length float64, n int) (first, end int) {
	first = min(max(int(from*float64(n)), 0), n-1)
	return first, min(max(int((from+length)*float64(n)+0.999), first+1), n)
}
