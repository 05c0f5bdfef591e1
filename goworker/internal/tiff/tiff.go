// Package tiff reads the kinds of TIFF pictures that are proven to come out as libtiff and
// Pillow show them. Everything else is [ErrUnsupported], also what is merely written in an
// unusual form, so that a second decoder can take it: nothing is guessed.
//
// One parser reads the description ([Read]); what it found sets both the memory that
// decoding takes ([File.Cost]) and the decoding itself ([File.Decode]).
//
// It reads classic TIFF and BigTIFF: strips and tiles, chunky and planar, either byte order
// and fill order; grey and palettes of 1, 2, 4 and 8 bits, grey of 16, RGB with any further
// samples and RGBA of 8 and 16 bits, CMYK of 8 bits; uncompressed, LZW, Deflate, PackBits and
// CCITT groups 3 and 4, with the horizontal predictor. It is written from Adobe's TIFF 6.0 and its Technical Notes.
package tiff

import (
	"errors"
	"fmt"
	"image"
	"image/color"
)

// The kinds of error. Every error of this package wraps one of them, but for that of a done
// context.
var (
	// ErrUnsupported: a TIFF of a kind or form that this package does not read.
	ErrUnsupported = errors.New("unsupported kind of TIFF")
	// ErrCorrupt: not a TIFF, damaged, or cut off.
	ErrCorrupt = errors.New("damaged TIFF")
)

// mode says what a picture's samples mean.
type mode int

const (
	modeGray mode = iota + 1
	modeInverted
	modePalette
	modeRGB
	modeNRGBA // a fourth sample is opacity
	modeRGBA  // and the others are multiplied by it
	modeCMYK
)

// File is what the first directory of a file says of its picture. It holds nothing of the
// picture itself.
type File struct {
	directory
	// Width and Height are in pixels, as stored.
	Width, Height int
	// Orientation is that of Exif, from 1 (upright) to 8.
	Orientation int

	mode        mode
	bits        int // of a sample
	samples     int // of a pixel
	planar      bool
	compression int
	predictor   bool
	reversed    bool // the bits of each byte run the other way

	tiled          bool
	blockW, blockH int // of a strip or tile, in pixels
	across, down   int // how many of them there are
	palette        color.Palette
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Config is the picture's size and colour model.
func (f *File) Config() image.Config {
	c := image.Config{Width: f.Width, Height: f.Height}
	wide := f.bits == 16
	switch {
	case f.mode == modePalette:
		c.ColorModel = f.palette
	case f.mode == modeCMYK:
		c.ColorModel = color.CMYKModel
	case f.mode <= modeInverted && wide:
		c.ColorModel = color.Gray16Model
	case f.mode <= modeInverted:
		c.ColorModel = color.GrayModel
	case f.mode == modeNRGBA && wide:
		c.ColorModel = color.NRGBA64Model
	case f.mode == modeNRGBA:
		c.ColorModel = color.NRGBAModel
	case wide:
		c.ColorModel = color.RGBA64Model
	default:
		c.ColorModel = color.RGBAModel
	}
	return c
}

// bytesPerPixel is what a pixel of the decoded picture takes.
func (f *File) bytesPerPixel() int64 {
	switch {
	case f.mode <= modePalette:
		return int64(max(f.bits, 8) / 8)
	case f.bits == 16:
		return 8
	}
	return 4
}

// perBlock is how many of a pixel's samples stand in one block.
func (f *File) perBlock() int {
	if f.planar {
		return 1
	}
	return f.samples
}

// rowBytes is how many bytes a row of a block takes.
func (f *File) rowBytes() int64 {
	return (int64(f.blockW)*int64(f.perBlock())*int64(f.bits) + 7) / 8
}

// blocks is how many blocks the picture has.
func (f *File) blocks() int {
	n := f.across * f.down
	if f.planar {
		n *= f.samples
	}
	return n
}

// codecMemory is more than any of the decompressors takes for itself.
const codecMemory = 128 << 10

// Cost is how many bytes of memory Decode takes at most, beside the file.
func (f *File) Cost() int64 {
	const place = 16 // of a block: its offset and its length
	pixels := int64(f.Width) * int64(f.Height)
	cost := pixels*f.bytesPerPixel() + place*int64(f.blocks())
	if f.compression != compressionNone || f.reversed {
		cost += f.rowBytes()*int64(f.blockH) + codecMemory
	}
	return cost + int64(f.blockW)*4 // rows of unpacked samples, and those of the fax decoder
}
