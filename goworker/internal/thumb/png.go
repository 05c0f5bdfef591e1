package thumb

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
)

// tinySide is the longest side of pictures without losses that stay PNG, since JPEG would blur all that there is of them.
const tinySide = 64

// pngWriter writes PNGs and reuses its memory.
type pngWriter struct {
	buffer *png.EncoderBuffer
	img    image.NRGBA
	seen   []uint32
}

// Get implements png.EncoderBufferPool.
func (e *pngWriter) Get() *png.EncoderBuffer { return e.buffer }

// Put implements png.EncoderBufferPool.
func (e *pngWriter) Put(b *png.EncoderBuffer) { e.buffer = b }

// encode writes a plane of grey, or R, G and B planes and, with alpha, opacity by which they are
// multiplied.
func (e *pngWriter) encode(p []raster, alpha, tiny bool) ([]byte, error) {
	var out bytes.Buffer
	// The usual level takes three times as long for a tenth less.
	encoder := png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: e}
	if tiny {
		encoder.CompressionLevel = png.DefaultCompression
	}
	if err := encoder.Encode(&out, e.image(p, alpha)); err != nil {
		return nil, fmt.Errorf("encode a thumbnail as PNG: %w", err)
	}
	return out.Bytes(), nil
}

// image makes an image of planes.
func (e *pngWriter) image(p []raster, alpha bool) image.Image {
	area := image.Rect(0, 0, p[0].width, p[0].height)
	if len(p) == 1 {
		return &image.Gray{Pix: p[0].pix, Stride: p[0].stride, Rect: area}
	}
	e.img = image.NRGBA{Pix: grow(e.img.Pix, 4*area.Dx()*area.Dy()), Stride: 4 * area.Dx(), Rect: area}
	pix := e.img.Pix
	for c := range 3 {
		for i, v := range p[c].pix {
			pix[4*i+c] = v
		}
	}
	for i := 3; i < len(pix); i += 4 {
		pix[i] = 255
	}
	if alpha {
		for i, a := range p[3].pix {
			px := pix[4*i : 4*i+4]
			px[3] = a
			for c := range 3 {
				px[c] = divide(px[c], a)
			}
		}
	}
	return &e.img
}

// smaller writes an opaque picture if that takes fewer bytes than are given, and gives nil if it does not.
func (e *pngWriter) smaller(p []raster, than int) ([]byte, error) {
	if e.atLeast(p) >= than {
		return nil, nil
	}
	out, err := e.encode(p, false, false)
	if err != nil || len(out) >= than {
		return nil, err
	}
	return out, nil
}

// atLeast estimates, in a tenth of the time that it takes to write it, how many bytes a PNG has at least. In every fourth row
// it counts the pixels that PNG cannot foresee: those that differ from what their neighbours suggest, and do not end
// a run of three pixels that was there before. Each takes some bits; in photographs most are so.
func (e *pngWriter) atLeast(p []raster) int {
	const step, bitsOfChannel = 4, 2
	e.seen = grow(e.seen, 1<<seenBits)
	clear(e.seen)
	surprises := 0
	for y := step - 1; y < p[0].height; y += step {
		var run [3]uint32
		for x := range p[0].width {
			pixel := uint32(0)
			smooth := x > 0
			for c := range p {
				at := y*p[c].stride + x
				v := p[c].pix[at]
				pixel = pixel<<8 | uint32(v)
				if smooth {
					row := p[c].pix[at-p[c].stride-1:]
					off := int(v) - (int(p[c].pix[at-1]) + int(row[1]) - int(row[0]))
					smooth = -1 <= off && off <= 1
				}
			}
			run[0], run[1], run[2] = run[1], run[2], pixel
			hash := (run[0]*0x9E3779B1 ^ run[1]*0x85EBCA77 ^ run[2]*0xC2B2AE3D) * 0x27D4EB2F
			place := &e.seen[hash>>(32-seenBits)]
			known := *place == hash
			*place = hash
			if !smooth && !known {
				surprises++
			}
		}
	}
	return surprises * step * len(p) * bitsOfChannel / 8
}

// seenBits is how many runs of pixels are remembered, as a power of two.
const seenBits = 12

// divide takes opacity out of a colour.
func divide(v, alpha byte) byte {
	if alpha == 0 {
		return 0
	}
	return byte(min((int(v)*255+int(alpha)/2)/int(alpha), 255))
}
