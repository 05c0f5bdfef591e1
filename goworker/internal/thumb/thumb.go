// Package thumb turns image files into thumbnails, and label masks, polygons and
// heatmaps into the pictures that W&B draws over them. It does no I/O.
package thumb

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegwrite"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// The kinds of error that a file can cause. Every error of this package wraps one.
var (
	// ErrUnsupported: not a picture, or one of a kind that cannot be read here.
	ErrUnsupported = errors.New("unsupported kind of picture")
	// ErrCorrupt: damaged or cut off.
	ErrCorrupt = errors.New("damaged picture")
	// ErrTooLarge: decoding it would exceed a limit of Options.
	ErrTooLarge = errors.New("picture is too large")
)

// What holds where Options say nothing.
const (
	DefaultMaxSide = 256
	DefaultQuality = 85
)

// largestSide is the largest side of a JPEG.
const largestSide = 65535

// Options are what a thumbnail shall be like. The zero value asks for the defaults.
type Options struct {
	// MaxSide is the thumbnail's longest side in pixels. Pictures are never enlarged.
	MaxSide int
	// Quality is that of JPEG thumbnails, from 1 to 100.
	Quality int
	// MaxPixels and MaxMemory limit what is decoded; zero means jpegscale's defaults.
	MaxPixels, MaxMemory int64
	// Crop is the part of the upright picture to show; an empty one means all of it.
	Crop Box
	// Range is which samples are black and white in pictures of more than 8 bits; where it is
	// not set, package stretch decides for each picture.
	Range stretch.Range
	// Lossy says that the picture has losses already, whatever the file is: that of a video's frame. It does not become a PNG.
	Lossy bool
}

// Box is a part of a picture, in fractions of its width and height, from its
// top left corner.
type Box struct{ X, Y, Width, Height float64 }

// Thumb is a thumbnail. It is upright: sizes are those after the file's
// orientation was applied.
type Thumb struct {
	Bytes         []byte
	Format        string // "jpg" or "png"
	Width, Height int
	// SourceWidth and SourceHeight are the size of the whole picture in the file.
	SourceWidth, SourceHeight int
	// Stretched reports that the picture's samples span a small range, and are shown stretched.
	Stretched bool
	// Given reports that another decoder gave the picture: see MakeOf.
	Given bool
}

// Thumbnailer makes thumbnails one after the other and reuses its memory. It is
// for one goroutine at a time. The zero value is ready for use.
type Thumbnailer struct {
	jpeg   jpegscale.Decoder
	scale  resampler
	writer jpegwrite.Writer
	png    pngWriter
	box    boxFilter
	wide   *stretch.Wide // once there was a picture of 16 bits
	pixels [7][]byte     // four planes as resampled, then Y, Cb and Cr made of them
	planes [4]jpegscale.Plane
}

// Make makes a thumbnail of an image file: JPEG, PNG, GIF (its first frame), WebP
// (not animated), BMP or TIFF. Opaque pictures become JPEG, whose chroma has half the resolution from a longest side of
// [fullChromaSide] on. PNG is for pictures with transparency, those with a palette of few colours, which JPEG would blur,
// and, if the file has no losses, those of at most [tinySide] and those that are smaller as PNG. The same file
// and options always give the same bytes. Colour profiles are not applied. A done context
// ends the decoding soon, with the context's error.
func (t *Thumbnailer) Make(ctx context.Context, file []byte, o Options) (Thumb, error) {
	o = o.filled()
	kind := sniff(file)
	if kind == kindJPEG {
		return t.fromJPEG(ctx, file, o)
	}
	return t.fromImage(ctx, kind, file, o)
}

// filled gives the options with the defaults in place of zeros.
func (o Options) filled() Options {
	if o.MaxSide <= 0 {
		o.MaxSide = DefaultMaxSide
	}
	if o.Quality <= 0 {
		o.Quality = DefaultQuality
	}
	o.MaxSide, o.Quality = min(o.MaxSide, largestSide), min(o.Quality, 100)
	if o.MaxPixels <= 0 {
		o.MaxPixels = jpegscale.DefaultMaxPixels
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = jpegscale.DefaultMaxMemory
	}
	return o
}

// Fit gives the size of a picture of width x height shrunk to a longest side of
// at most maxSide, at least 1 x 1.
func Fit(width, height, maxSide int) (int, int) {
	if max(width, height) <= maxSide {
		return width, height
	}
	shrink := float64(maxSide) / float64(max(width, height))
	side := func(n int) int { return max(int(math.Round(float64(n)*shrink)), 1) }
	return side(width), side(height)
}

// geometry says which part of a stored picture goes where in the thumbnail.
type geometry struct {
	turn          orientation
	width, height int      // of the thumbnail, upright
	x, y          interval // the part of the picture as stored, in fractions
	shown         [2]float64
}

// plan computes the geometry for a picture of the given stored size.
func plan(width, height int, turn orientation, o Options) (geometry, error) {
	g := geometry{turn: turn, x: interval{0, 1}, y: interval{0, 1}}
	if o.Crop != (Box{}) {
		left, right := clip(o.Crop.X, o.Crop.Width)
		top, bottom := clip(o.Crop.Y, o.Crop.Height)
		if !(left < right && top < bottom) {
			return g, fmt.Errorf("%w: the part to show is empty", ErrUnsupported)
		}
		g.x, g.y = interval{left, right}, interval{top, bottom}
		if turn.transposed() {
			g.x, g.y = g.y, g.x
		}
		if turn.flipX() {
			g.x = interval{1 - g.x.to, 1 - g.x.from}
		}
		if turn.flipY() {
			g.y = interval{1 - g.y.to, 1 - g.y.from}
		}
	}
	g.shown[0] = float64(width) * (g.x.to - g.x.from)
	g.shown[1] = float64(height) * (g.y.to - g.y.from)
	pixels := func(v float64) int { return max(int(math.Round(v)), 1) }
	g.width, g.height = pixels(g.shown[0]), pixels(g.shown[1])
	if turn.transposed() {
		g.width, g.height = g.height, g.width
	}
	g.width, g.height = Fit(g.width, g.height, o.MaxSide)
	return g, nil
}

// fullChromaSide is the longest side from which on chroma has half the resolution: on smaller thumbnails that would show.
const fullChromaSide = 128

// halfChroma reports whether the thumbnail's chroma has half the resolution.
func (g *geometry) halfChroma() bool { return max(g.width, g.height) >= fullChromaSide }

// clip keeps a range given by its beginning and length within 0 to 1.
func clip(from, length float64) (float64, float64) {
	return max(from, 0), min(from+length, 1)
}

// shrink gives by how much the picture is shrunk, at least 1, in the direction
// where that is less.
func (g *geometry) shrink() float64 {
	w, h := float64(g.width), float64(g.height)
	if g.turn.transposed() {
		w, h = h, w
	}
	return max(min(g.shown[0]/w, g.shown[1]/h), 1)
}

// raster is a plane of 8-bit samples: sample (x, y) is pix[y*stride+x].
type raster struct {
	pix           []byte
	stride        int
	width, height int
}

// raster gives the i-th plane of the thumbnailer's memory.
func (t *Thumbnailer) raster(i, width, height int) raster {
	t.pixels[i] = grow(t.pixels[i], width*height)
	return raster{pix: t.pixels[i], stride: width, width: width, height: height}
}

// resample puts plane p into the thumbnailer's i-th raster, upright, with one
// sample for every part x part pixels of the thumbnail.
func (t *Thumbnailer) resample(i int, p *jpegscale.Plane, g *geometry, part int) raster {
	dst := t.raster(i, ceilDiv(g.width, part), ceilDiv(g.height, part))
	alongX, alongY := dst.width, dst.height
	spanX, spanY := float64(g.width)/float64(part), float64(g.height)/float64(part)
	colStep, rowStep := 1, dst.stride
	if g.turn.transposed() {
		alongX, alongY, spanX, spanY = alongY, alongX, spanY, spanX
		colStep, rowStep = rowStep, colStep
	}
	x := interval{g.x.from * p.SpanX, g.x.to * p.SpanX}
	y := interval{g.y.from * p.SpanY, g.y.to * p.SpanY}
	t.scale.x.set(axisKey{alongX, spanX, x, p.Width, g.turn.flipX()})
	t.scale.y.set(axisKey{alongY, spanY, y, p.Height, g.turn.flipY()})
	t.scale.plane(p, dst.pix, colStep, rowStep)
	return dst
}

// ceilDiv divides and rounds up.
func ceilDiv(a, b int) int { return (a + b - 1) / b }
