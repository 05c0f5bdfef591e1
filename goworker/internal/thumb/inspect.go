package thumb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/tiff"
)

// picture is a file that is not a JPEG, as its head describes it. One look at the head gives
// both what decoding may cost and how it is done: a file that cannot be described for certain
// is refused.
type picture struct {
	kind fileKind
	size image.Config // of the whole picture; that of a GIF can be larger than its first frame
	turn orientation
	// memory is how many bytes decoding takes at most.
	memory int64
	decode func(context.Context) (image.Image, error)
}

// inspectors read the heads of the kinds of files that are not JPEGs.
var inspectors = map[fileKind]func(file []byte) (picture, error){
	kindPNG: inspectPNG, kindGIF: inspectGIF, kindWebP: inspectWebP, kindBMP: inspectBMP, kindTIFF: inspectTIFF,
}

// inspect reads the head of a file. Errors are of this package's kinds.
func inspect(kind fileKind, file []byte) (p picture, err error) {
	look, ok := inspectors[kind]
	switch {
	case kind == kindUnknown:
		return p, errUnknown
	case !ok:
		return p, fmt.Errorf("%w: %s", ErrUnsupported, kind)
	}
	defer recoverFrom(kind, &err)
	if p, err = look(file); err != nil {
		return p, ofCodec(kind, err)
	}
	p.kind = kind
	if p.size.Width <= 0 || p.size.Height <= 0 {
		return p, fmt.Errorf("%w: %s of %d x %d pixels", ErrCorrupt, kind, p.size.Width, p.size.Height)
	}
	return p, nil
}

var errUnknown = fmt.Errorf("%w: it is not a JPEG, PNG, GIF, WebP, BMP or TIFF file", ErrUnsupported)

// recoverFrom makes a decoder's panic an error. Most decoders are not ours, and a file that one
// of them stumbles over must cost no more than its own thumbnail.
func recoverFrom(kind fileKind, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %s: %v", ErrCorrupt, kind, r)
	}
}

// within decodes a picture that is within the limits.
func (p *picture) within(ctx context.Context, o Options) (img image.Image, err error) {
	defer recoverFrom(p.kind, &err)
	pixels := int64(p.size.Width) * int64(p.size.Height)
	if max(p.size.Width, p.size.Height) > math.MaxInt32 || pixels > o.MaxPixels || p.memory > o.MaxMemory {
		return nil, fmt.Errorf("%w: %s of %d x %d pixels", ErrTooLarge, p.kind, p.size.Width, p.size.Height)
	}
	img, err = p.decode(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, ofCodec(p.kind, err)
	}
	return img, nil
}

// reader reads a file until the context is done: the decoders that are not ours know no
// context, but end when they cannot read on.
type reader struct {
	ctx context.Context
	*bytes.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// ReadByte implements io.ByteReader.
func (r reader) ReadByte() (byte, error) {
	if r.Reader.Len()&1023 == 0 {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
	}
	return r.Reader.ReadByte()
}

// decodeBy gives the decoding of a file by a decoder that knows no context.
func decodeBy(decode func(io.Reader) (image.Image, error), file []byte) func(context.Context) (image.Image, error) {
	return func(ctx context.Context) (image.Image, error) {
		return decode(reader{ctx, bytes.NewReader(file)})
	}
}

// areaTimes is a size's pixels times so many bytes, or the largest number.
func areaTimes(c image.Config, each int64) int64 {
	if max(c.Width, c.Height) > math.MaxInt32 {
		return math.MaxInt64
	}
	pixels := int64(c.Width) * int64(c.Height)
	if pixels > math.MaxInt64/each {
		return math.MaxInt64
	}
	return pixels * each
}

// inspectPNG walks through the chunks before the pixels, as the decoder does.
func inspectPNG(file []byte) (picture, error) {
	p := picture{turn: upright, decode: decodeBy(png.Decode, file)}
	var err error
	if p.size, err = png.DecodeConfig(bytes.NewReader(file)); err != nil {
		return p, err
	}
	clear, whole := false, false
	eachChunk(file, func(kind string, _ []byte) bool {
		clear = clear || kind == "tRNS"
		whole = kind == "IDAT"
		return !whole
	})
	if !whole {
		return p, errors.New("it ends before its pixels")
	}
	each := bytesPerPixel(p.size.ColorModel)
	if gray := p.size.ColorModel == color.GrayModel || p.size.ColorModel == color.Gray16Model; gray && clear {
		each *= 4 // one grey is transparent, and the pixels have colour and opacity
	}
	p.memory = areaTimes(p.size, 2*each) / 2
	const interlace = 28
	if file[interlace] != 0 && p.memory < math.MaxInt64/2 {
		p.memory += p.memory / 2 // every second row is a picture of its own first
	}
	p.turn = readExif(exifOfPNG(file)).turn
	return p, nil
}

// inspectGIF takes every GIF for an interlaced one, whose frame is there twice while its rows
// are put in order.
func inspectGIF(file []byte) (picture, error) {
	p := picture{turn: upright, decode: decodeBy(gif.Decode, file)}
	var err error
	p.size, err = gif.DecodeConfig(bytes.NewReader(file))
	p.memory = areaTimes(p.size, 2)
	return p, err
}

// inspectBMP refuses pixels of 32 bits with a long head that names no bit fields: their fourth byte means nothing, and the
// decoder would take it for opacity.
func inspectBMP(file []byte) (picture, error) {
	p := picture{turn: upright, decode: decodeBy(bmp.Decode, file)}
	const headSize, bits, compression, shortHead = 14, 28, 30, 40
	if len(file) > compression+4 && binary.LittleEndian.Uint32(file[headSize:]) > shortHead &&
		binary.LittleEndian.Uint16(file[bits:]) == 32 && binary.LittleEndian.Uint32(file[compression:]) == 0 {
		return p, bmp.ErrUnsupported
	}
	var err error
	p.size, err = bmp.DecodeConfig(bytes.NewReader(file))
	p.memory = areaTimes(p.size, bytesPerPixel(p.size.ColorModel))
	return p, err
}

// inspectTIFF uses one parser for the head and the pixels, which reads the orientation too.
func inspectTIFF(file []byte) (picture, error) {
	f, err := tiff.Read(bytes.NewReader(file))
	if err != nil {
		return picture{}, err
	}
	return picture{
		size: f.Config(), turn: asOrientation(uint32(f.Orientation), upright), memory: f.Cost(),
		decode: func(ctx context.Context) (image.Image, error) { return f.Decode(ctx, file) },
	}, nil
}

// inspectWebP looks at the chunks up to the one with the pixels.
func inspectWebP(file []byte) (picture, error) {
	p := picture{turn: upright, decode: decodeBy(webp.Decode, file)}
	if animated(file) {
		return p, errAnimated
	}
	var err error
	if p.size, err = webp.DecodeConfig(bytes.NewReader(file)); err != nil {
		return p, err
	}
	const block = 16 // lossy pictures consist of squares
	blocks := image.Config{Width: ceilDiv(p.size.Width, block) * block, Height: ceilDiv(p.size.Height, block) * block}
	lossless := riffChunk(file, "VP8L")
	opacity := riffChunk(file, "ALPH")
	p.memory = areaTimes(blocks, 3)
	for _, packed := range [][]byte{lossless, opacity} {
		if packed != nil && p.memory < math.MaxInt64/2 {
			p.memory = max(p.memory, areaTimes(p.size, losslessPixel)) + codesMemory(p.size, len(packed))
		}
	}
	p.memory += int64(len(file)) // the decoder copies what it decodes
	p.turn = readExif(exifOfWebP(file)).turn
	return p, nil
}

var errAnimated = fmt.Errorf("%w: an animated WebP", ErrUnsupported)

// losslessPixel is how many bytes a pixel of a lossless WebP takes at most: it is there twice
// where its colours are those of a palette, with up to three pictures of a sixteenth of the
// size that say how it was transformed, and once more as a lossy picture's opacity.
const losslessPixel = 11

// codesMemory is what the Huffman codes of a lossless WebP take at most. Different parts of a
// picture, of 16 pixels at least, may have codes of their own, up to 2,600 sets of them, and a
// set can take 52 kB. A byte of the file describes no more than 1 kB of them.
func codesMemory(size image.Config, packed int) int64 {
	const most, set, partPixels, perByte = 2600, 52 << 10, 16, 1 << 10
	sets := min(areaTimes(size, 1)/partPixels+1, most)
	return min(sets*set, int64(packed)*perByte)
}

// eachChunk calls f with the chunks of a PNG until it returns false or the file ends.
func eachChunk(b []byte, f func(kind string, content []byte) bool) {
	for i := 8; i+12 <= len(b); {
		n := uint64(binary.BigEndian.Uint32(b[i:]))
		if uint64(i)+12+n > uint64(len(b)) {
			f(string(b[i+4:i+8]), nil)
			return
		}
		if !f(string(b[i+4:i+8]), b[i+8:i+8+int(n)]) {
			return
		}
		i += 12 + int(n)
	}
}
