// Package jpegwrite writes baseline JPEGs (ITU-T T.81), the same bytes on every machine.
package jpegwrite

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Plane is the samples of one component, Stride bytes from row to row.
type Plane struct {
	Pix           []byte
	Stride        int
	Width, Height int
}

// Writer writes baseline JPEGs: one grey plane, or Y, Cb and Cr, with chroma of
// full or of half the resolution in both directions. Its Huffman tables are made for each
// picture, which saves some 6 % of a thumbnail, and its arithmetic is all integer,
// so that the same samples give the same bytes on every machine and with every
// version of Go. It is four times as fast as image/jpeg.
type Writer struct {
	quality int
	half    bool // chroma has half the resolution
	quant   [2]quantiser
	symbols []uint32       // the picture's symbols: see note
	counts  [4][256]uint32 // how often each symbol comes, by table: 2*component class + (0 DC, 1 AC)
	codes   [4]huffmanCode
	out     []byte
}

// quantiser is one quantisation table.
type quantiser struct {
	zigzag [64]byte // as the file has it
	// inverse multiplies an unscaled coefficient in natural order; the product has
	// inverseBits of fraction.
	inverse [64]uint64
}

const (
	// inputBits is the fraction that samples get before the transform.
	inputBits   = 4
	inverseBits = 36
)

// T.81 tables K.1 and K.2: the quantisation of quality 50, in natural order.
var baseQuant = [2][64]byte{
	{
		16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
		14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
		18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
		49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
	}, {
		17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
		24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	},
}

// naturalOrder gives the place of each coefficient of the file's zigzag order.
var naturalOrder = func() (order [64]byte) {
	i := 0
	for diagonal := range 15 {
		for step := range diagonal + 1 {
			row, col := diagonal-step, step
			if diagonal%2 == 1 {
				row, col = col, row
			}
			if row < 8 && col < 8 {
				order[i] = byte(8*row + col)
				i++
			}
		}
	}
	return order
}()

// setQuality makes the quantisation tables of a quality from 1 to 100, on the
// scale that libjpeg made common.
func (e *Writer) setQuality(quality int) {
	if e.quality == quality {
		return
	}
	e.quality = quality
	percent := 200 - 2*quality
	if quality < 50 {
		percent = 5000 / quality
	}
	for t := range e.quant {
		q := &e.quant[t]
		for k, at := range naturalOrder {
			v := min(max((int(baseQuant[t][at])*percent+50)/100, 1), 255)
			q.zigzag[k] = byte(v)
			unscaled := float64(v) * forwardScale(int(at)/8) * forwardScale(int(at)%8) * (8 << inputBits)
			q.inverse[at] = uint64(math.Round((1 << inverseBits) / unscaled))
		}
	}
}

// forwardScale is by how much the forward transform leaves frequency i too large.
func forwardScale(i int) float64 {
	if i == 0 {
		return 1
	}
	return math.Sqrt2 * math.Cos(float64(i)*math.Pi/16)
}

// Encode writes a picture of width x height from one or three planes; with halfChroma the others
// than the first hold half of width and height, rounded up. The result is valid
// until the next call.
func (e *Writer) Encode(planes []Plane, width, height, quality int, halfChroma bool) []byte {
	e.setQuality(quality)
	e.half = halfChroma
	e.symbols = e.symbols[:0]
	e.counts = [4][256]uint32{}
	if len(planes) > 1 && e.half {
		e.scanHalf(planes)
	} else {
		e.scanFull(planes)
	}
	for i := range 2 * min(len(planes), 2) {
		e.codes[i].make(&e.counts[i])
	}
	e.out = e.header(e.out[:0], len(planes), width, height)
	e.emit()
	e.out = append(e.out, 0xFF, 0xD9)
	return e.out
}

// scanFull turns planes of one size into symbols, in units of 8 x 8 pixels.
func (e *Writer) scanFull(p []Plane) {
	var mean [3]int
	for y := 0; y < p[0].Height; y += 8 {
		for x := 0; x < p[0].Width; x += 8 {
			for i := range p {
				mean[i] = e.block(&p[i], x, y, min(i, 1), mean[i])
			}
		}
	}
}

// scanHalf turns a picture with chroma of half the resolution into symbols, in units of 16 x 16 pixels.
func (e *Writer) scanHalf(p []Plane) {
	var mean [3]int
	for y := 0; y < p[0].Height; y += 16 {
		for x := 0; x < p[0].Width; x += 16 {
			for i := range 4 {
				mean[0] = e.block(&p[0], x+8*(i&1), y+8*(i>>1), 0, mean[0])
			}
			mean[1] = e.block(&p[1], x/2, y/2, 1, mean[1])
			mean[2] = e.block(&p[2], x/2, y/2, 1, mean[2])
		}
	}
}

// block transforms and quantises the block at x, y and notes its symbols. Beyond
// its edges a plane goes on as it ended.
func (e *Writer) block(p *Plane, x, y, class, mean int) int {
	var b [64]int32
	if x+8 <= p.Width && y+8 <= p.Height {
		for r := range 8 {
			row := p.Pix[(y+r)*p.Stride+x:][:8]
			for c, v := range row {
				b[8*r+c] = (int32(v) - 128) << inputBits
			}
		}
	} else {
		for i := range b {
			at := min(y+i/8, p.Height-1)*p.Stride + min(x+i%8, p.Width-1)
			b[i] = (int32(p.Pix[at]) - 128) << inputBits
		}
	}
	forward(&b)
	return e.quantise(&b, class, mean)
}

// note appends a symbol: bits 0 to 7 are the symbol, 8 to 9 its table and from 16
// on the bits of its value, as many as the symbol's lower half says.
func (e *Writer) note(table int, symbol byte, value uint32) {
	e.counts[table][symbol]++
	e.symbols = append(e.symbols, value<<16|uint32(table)<<8|uint32(symbol))
}

// quantise rounds a block's coefficients and notes them; it gives their mean.
func (e *Writer) quantise(b *[64]int32, class, mean int) int {
	q := &e.quant[class]
	next := q.round(b[0], 0)
	size, value := magnitude(next - int32(mean))
	e.note(2*class, byte(size), value)
	run := 0
	for _, at := range naturalOrder[1:] {
		v := q.round(b[at&63], at&63)
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			e.note(2*class+1, 0xF0, 0)
		}
		size, value := magnitude(v)
		e.note(2*class+1, byte(run<<4|size), value)
		run = 0
	}
	if run > 0 {
		e.note(2*class+1, 0, 0)
	}
	return int(next)
}

// round quantises the coefficient at a place.
func (q *quantiser) round(v int32, at byte) int32 {
	sign := v >> 31
	r := int32((uint64((v^sign)-sign)*q.inverse[at] + 1<<(inverseBits-1)) >> inverseBits)
	return (r ^ sign) - sign
}

// magnitude gives the number of bits of a value and those bits (T.81 F.1.2.1).
func magnitude(v int32) (size int, value uint32) {
	sign := v >> 31
	size = bits.Len32(uint32((v ^ sign) - sign))
	return size, uint32(v+sign) & (1<<size - 1)
}

// forward is the forward transform, its results scaled by 8 and forwardScale of
// row and column (Arai, Agui and Nakajima 1988).
func forward(b *[64]int32) {
	for i := 0; i < 64; i += 8 {
		r := b[i : i+8 : i+8]
		r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7] = forward8(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
	}
	for i := range 8 {
		b[i], b[i+8], b[i+16], b[i+24], b[i+32], b[i+40], b[i+48], b[i+56] = forward8(
			b[i], b[i+8], b[i+16], b[i+24], b[i+32], b[i+40], b[i+48], b[i+56])
	}
}

// forward8 is the transform in one direction. Its constants have 14 places: the
// cosine of pi/4 and the sine of pi/8, their difference's and sum's like.
func forward8(x0, x1, x2, x3, x4, x5, x6, x7 int32) (y0, y1, y2, y3, y4, y5, y6, y7 int32) {
	const (
		places   = 14
		cos4     = 11585 // cos(pi/4)
		sin8     = 6270  // sin(pi/8)
		cosMinus = 8867  // cos(pi/8) - sin(pi/8)
		cosPlus  = 21407 // cos(pi/8) + sin(pi/8)
	)
	s0, d0, s1, d1 := x0+x7, x0-x7, x1+x6, x1-x6
	s2, d2, s3, d3 := x2+x5, x2-x5, x3+x4, x3-x4

	a, b, c, d := s0+s3, s0-s3, s1+s2, s1-s2
	y0, y4 = a+c, a-c
	turned := int32(int64(d+b) * cos4 >> places)
	y2, y6 = b+turned, b-turned

	e, f, g := int64(d3+d2), int64(d2+d1), int64(d1+d0)
	common := (e - g) * sin8
	low := int32((e*cosMinus + common) >> places)
	high := int32((g*cosPlus + common) >> places)
	middle := int32(f * cos4 >> places)
	h, l := d0+middle, d0-middle
	y5, y3, y1, y7 = l+low, l-low, h+high, h-high
	return
}

// header writes everything before the entropy-coded data.
func (e *Writer) header(out []byte, planes, width, height int) []byte {
	classes := min(planes, 2)
	out = append(out, 0xFF, 0xD8, 0xFF, 0xE0, 0, 16)
	out = append(out, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"...)
	out = append(out, 0xFF, 0xDB, 0, byte(2+65*classes))
	for i := range classes {
		out = append(append(out, byte(i)), e.quant[i].zigzag[:]...)
	}
	out = append(out, 0xFF, 0xC0, 0, byte(8+3*planes), 8)
	out = binary.BigEndian.AppendUint16(out, uint16(height))
	out = binary.BigEndian.AppendUint16(out, uint16(width))
	out = append(out, byte(planes))
	for i := range planes {
		sampling := byte(0x11)
		if i == 0 && planes > 1 && e.half {
			sampling = 0x22
		}
		out = append(out, byte(i+1), sampling, byte(min(i, 1)))
	}
	out = append(out, 0xFF, 0xC4, 0, 0)
	from := len(out)
	for i := range 2 * classes {
		c := &e.codes[i]
		out = append(append(out, byte(i&1<<4|i>>1)), c.counts[:]...)
		out = append(out, c.order[:c.n]...)
	}
	binary.BigEndian.PutUint16(out[from-2:], uint16(len(out)-from+2))
	out = append(out, 0xFF, 0xDA, 0, byte(6+2*planes), byte(planes))
	for i := range planes {
		out = append(out, byte(i+1), byte(min(i, 1)*0x11))
	}
	return append(out, 0, 63, 0)
}

// emit writes the symbols with their codes and values.
func (e *Writer) emit() {
	var acc uint64
	var n uint
	for _, s := range e.symbols {
		symbol := s & 0xFF
		code := e.codes[s>>8&3].words[symbol]
		size := uint(symbol & 15)
		acc = acc<<(code&31) | uint64(code>>8)
		acc = acc<<size | uint64(s>>16)
		if n += uint(code&31) + size; n >= 32 {
			n -= 32
			e.word(uint32(acc >> (n & 63)))
		}
	}
	// The last byte is filled with ones (T.81 F.1.2.3).
	for acc, n = acc<<7|0x7F, n+7; n >= 8; {
		n -= 8
		e.byte(byte(acc >> (n & 63)))
	}
}

// word writes four bytes.
func (e *Writer) word(v uint32) {
	if inverted := ^v; (inverted-0x01010101)&v&0x80808080 == 0 {
		e.out = binary.BigEndian.AppendUint32(e.out, v)
		return
	}
	for shift := 24; shift >= 0; shift -= 8 {
		e.byte(byte(v >> shift))
	}
}

// byte writes one byte and, after 0xFF, the 0 that tells it from a marker.
func (e *Writer) byte(v byte) {
	e.out = append(e.out, v)
	if v == 0xFF {
		e.out = append(e.out, 0)
	}
}
