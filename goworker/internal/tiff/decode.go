package tiff

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// decoder decodes one picture.
type decoder struct {
	*File
	ctx     context.Context
	data    []byte
	out     canvas
	block   []byte // the decompressed block
	row     []byte // a row's samples
	inflate io.ReadCloser
}

// Decode decodes the picture in data, the whole file that Read was given. A done context ends
// it soon, with the context's error.
func (f *File) Decode(ctx context.Context, data []byte) (image.Image, error) {
	offsets, counts, err := f.places(data)
	if err != nil {
		return nil, err
	}
	d := &decoder{File: f, ctx: ctx, data: data, row: make([]byte, 2*f.blockW)}
	img := d.out.of(f)
	block := 0
	for plane := range f.blocks() / (f.across * f.down) {
		for y := range f.down {
			for x := range f.across {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				offset, count := offsets[block], counts[block]
				if size := uint64(len(data)); offset > size || count > size-offset {
					return nil, corrupt("a strip or tile is beyond its end")
				}
				if err := d.decodeBlock(data[offset:offset+count], plane, x*f.blockW, y*f.blockH); err != nil {
					return nil, err
				}
				block++
			}
		}
	}
	return img, nil
}

// places reads where the blocks are.
func (f *File) places(data []byte) (offsets, counts []uint64, err error) {
	tagOffsets, tagCounts := uint16(tagStripOffsets), uint16(tagStripByteCounts)
	if f.tiled {
		tagOffsets, tagCounts = tagTileOffsets, tagTileByteCounts
	}
	r := bytes.NewReader(data)
	if offsets, err = f.all(r, tagOffsets, f.blocks()); err != nil {
		return nil, nil, err
	}
	if counts, err = f.all(r, tagCounts, f.blocks()); err != nil {
		return nil, nil, err
	}
	if offsets == nil || counts == nil {
		return nil, nil, unsupported("it does not say where its strips or tiles are")
	}
	return offsets, counts, nil
}

// decodeBlock decodes a strip or tile whose first pixel is at (x0, y0).
func (d *decoder) decodeBlock(data []byte, plane, x0, y0 int) error {
	width, height := min(d.blockW, d.Width-x0), min(d.blockH, d.Height-y0)
	stride := int(d.rowBytes())
	size := stride * height
	if d.tiled {
		size = stride * d.blockH
	}
	block, err := d.decompress(data, size)
	if err != nil {
		return err
	}
	for y := range height {
		line := block[y*stride:][:stride]
		if d.predictor {
			d.addUp(line)
		}
		if d.perBlock() == 1 {
			d.unpack(line, width)
			d.out.plane(d.row, plane, x0, y0+y, width)
		} else {
			d.out.pixels(d, line, x0, y0+y, width)
		}
	}
	return nil
}

// decompress gives the bytes of a block, of which there have to be size. It is the file's own
// memory where nothing had to be done.
func (d *decoder) decompress(data []byte, size int) ([]byte, error) {
	if d.compression == compressionNone {
		if len(data) < size {
			return nil, corrupt("a strip or tile is too short")
		}
		if !d.reversed {
			return data[:size], nil
		}
	}
	if d.block == nil {
		d.block = make([]byte, int(d.rowBytes())*d.blockH)
	}
	out := d.block[:size]
	var r io.Reader = bytes.NewReader(data)
	if d.reversed {
		r = &reverser{r}
	}
	var err error
	switch d.compression {
	case compressionPackBits:
		return out, d.unpackBits(data, out)
	case compressionLZW:
		z := lzw.NewReader(r, lzw.MSB, 8)
		err = d.fill(out, z)
		_ = z.Close()
	case compressionDeflate:
		if d.inflate == nil {
			d.inflate, err = zlib.NewReader(r)
		} else {
			err = d.inflate.(zlib.Resetter).Reset(r, nil)
		}
		if err == nil {
			err = d.fill(out, d.inflate)
		}
	case compressionGroup3, compressionGroup4:
		kind := ccitt.Group4
		if d.compression == compressionGroup3 {
			kind = ccitt.Group3
		}
		// As libtiff has it, black runs are ones, whatever black is then.
		err = d.fill(out, ccitt.NewReader(r, ccitt.MSB, kind, d.blockW, size/int(d.rowBytes()), &ccitt.Options{Invert: true}))
	default:
		err = d.fill(out, r)
	}
	if err != nil && !errors.Is(err, d.ctx.Err()) {
		err = fmt.Errorf("%w: a strip or tile: %w", ErrCorrupt, err)
	}
	return out, err
}

// fill reads exactly as many bytes as there is room for.
func (d *decoder) fill(out []byte, r io.Reader) error {
	const piece = 1 << 20
	for len(out) > 0 {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(r, out[:min(piece, len(out))])
		if err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// unpackBits is the decompression of the same name (TIFF 6.0, section 9).
func (d *decoder) unpackBits(in, out []byte) error {
	if d.reversed {
		return unsupported("PackBits with reversed bits")
	}
	for len(out) > 0 {
		if len(in) < 2 {
			return corrupt("a strip or tile is too short")
		}
		n := int(int8(in[0]))
		switch {
		case n >= 0:
			n = min(n+1, len(out))
			if len(in) < n+1 {
				return corrupt("a strip or tile is too short")
			}
			copy(out[:n], in[1:])
			in, out = in[n+1:], out[n:]
		case n == -128:
			in = in[1:]
		default:
			n = min(1-n, len(out))
			for i := range n {
				out[i] = in[1]
			}
			in, out = in[2:], out[n:]
		}
	}
	return nil
}

// reverser turns the bits of each byte around.
type reverser struct{ r io.Reader }

// Read implements io.Reader.
func (r *reverser) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	for i, v := range p[:n] {
		p[i] = bits.Reverse8(v)
	}
	return n, err
}

// addUp undoes the horizontal predictor: each sample was written as its difference to the one
// before it.
func (d *decoder) addUp(line []byte) {
	step := d.perBlock()
	if d.bits == 8 {
		for i := step; i < len(line); i++ {
			line[i] += line[i-step]
		}
		return
	}
	for i := 2 * step; i+1 < len(line); i += 2 {
		d.order.PutUint16(line[i:], d.order.Uint16(line[i:])+d.order.Uint16(line[i-2*step:]))
	}
}

// unpack gives a row of single samples: a byte for each, or two where they have 16 bits, the
// higher one first.
func (d *decoder) unpack(line []byte, width int) {
	switch d.bits {
	case 8:
		copy(d.row, line[:width])
	case 16:
		for x := range width {
			v := d.order.Uint16(line[2*x:])
			d.row[2*x], d.row[2*x+1] = byte(v>>8), byte(v)
		}
	default:
		each, mask := 8/d.bits, byte(1)<<d.bits-1
		for x := range width {
			d.row[x] = line[x/each] >> (8 - d.bits*(x%each+1)) & mask
		}
	}
}
