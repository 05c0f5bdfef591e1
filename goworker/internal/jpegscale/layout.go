package jpegscale

import (
	"fmt"
	"math"
)

// zigzag gives the row (high half) and column (low half) of the coefficients in
// the order of the file (T.81 figure A.6).
var zigzag = func() (order [64]byte) {
	row, col := 0, 0
	for i := range order {
		order[i] = byte(row<<4 | col)
		switch up := (row+col)%2 == 0; {
		case up && col == 7:
			row++
		case up && row == 0:
			col++
		case up:
			row, col = row-1, col+1
		case row == 7:
			col++
		case col == 0:
			row++
		default:
			row, col = row+1, col-1
		}
	}
	return order
}()

// memory is what decoding a picture takes, in elements of the Decoder's buffers.
type memory struct {
	pixels, coeffs, masks, intervals int64
}

// bytes is the memory in bytes.
func (m memory) bytes() int64 { return m.pixels + 2*m.coeffs + 8*m.masks + 4*m.intervals }

// layOut chooses each component's size, checks the limits and plans the memory.
func (d *Decoder) layOut() (memory, error) {
	f := &d.frame
	if pixels := int64(f.width) * int64(f.height); pixels > d.opts.MaxPixels {
		return memory{}, fmt.Errorf("%w: %d x %d pixels, the limit is %d pixels", ErrTooLarge, f.width, f.height, d.opts.MaxPixels)
	}
	f.mcusX, f.mcusY = ceilDiv(f.width, 8*f.hMax), ceilDiv(f.height, 8*f.vMax)
	var m memory
	blocks := int64(0)
	for i := range f.comps {
		c := &f.comps[i]
		c.blocksX = ceilDiv(ceilDiv(f.width*c.h, f.hMax), 8)
		c.blocksY = ceilDiv(ceilDiv(f.height*c.v, f.vMax), 8)
		c.strideX, c.strideY = f.mcusX*c.h, f.mcusY*c.v
		c.size = d.sizeOf(i)
		c.last = lastNeeded(c.size)
		c.perBlock = 64
		if c.size == 1 {
			c.perBlock = 1
		}
		blocks += int64(c.blocksX) * int64(c.blocksY)
		all := int64(c.strideX) * int64(c.strideY)
		m.pixels += all * int64(c.size*c.size)
		if f.progressive {
			m.coeffs += all * int64(c.perBlock)
			if c.perBlock > 1 {
				m.masks += all
			}
		}
	}
	// Every block takes a bit at least, and two where each has its own end.
	need := blocks
	if !f.progressive {
		need = 2 * blocks
	}
	if need > 8*int64(len(d.data)) {
		return memory{}, corrupt("it is too short for %d x %d pixels", f.width, f.height)
	}
	if d.restart > 0 {
		// Each restart marker takes two bytes.
		m.intervals = min(blocks/int64(d.restart)+1, int64(len(d.data)-d.pos)/2+1)
	}
	if bytes := m.bytes(); bytes > d.opts.MaxMemory {
		return memory{}, fmt.Errorf("%w: %d x %d pixels take %d bytes to decode, the limit is %d", ErrTooLarge, f.width, f.height, bytes, d.opts.MaxMemory)
	}
	d.visits = max(maxVisits*blocks, freeVisits)
	return m, nil
}

// take takes the memory and gives the components their parts of it.
func (d *Decoder) take(m memory) {
	pixels, coeffs, masks := int(m.pixels), int(m.coeffs), int(m.masks)
	d.intervals = max(int(m.intervals), 1)
	if cap(d.pixels) < pixels {
		d.pixels = make([]byte, pixels)
	}
	if cap(d.coeffs) < coeffs {
		d.coeffs = make([]int16, coeffs)
	}
	if cap(d.nonzero) < masks {
		d.nonzero = make([]uint64, masks)
	}
	pix, co, nonzero := d.pixels[:pixels], d.coeffs[:coeffs], d.nonzero[:masks]
	clear(co)
	clear(nonzero)
	f := &d.frame
	for i := range f.comps {
		c := &f.comps[i]
		stride := c.strideX * c.size
		n := stride * c.strideY * c.size
		spanX := float64(f.width*c.h*c.size) / float64(8*f.hMax)
		spanY := float64(f.height*c.v*c.size) / float64(8*f.vMax)
		d.planes[i] = Plane{
			Pix: pix[:n:n], Stride: stride, SpanX: spanX, SpanY: spanY,
			Width: int(math.Ceil(spanX)), Height: int(math.Ceil(spanY)),
		}
		pix = pix[n:]
		if f.progressive {
			n = c.strideX * c.strideY * c.perBlock
			c.coeffs, co = co[:n:n], co[n:]
			if c.perBlock > 1 {
				n = c.strideX * c.strideY
				c.nonzero, nonzero = nonzero[:n:n], nonzero[n:]
			}
		}
	}
}

// sizeOf gives the side of component i's blocks after the transform: the least
// whose plane is as fine as the picture's size asks for. Subsampled components get
// larger blocks than the others, so that they need no enlarging later.
func (d *Decoder) sizeOf(i int) int {
	f, c := &d.frame, &d.frame.comps[i]
	want := 8 / d.opts.Scale
	half := 1
	if color := d.color(); d.opts.HalfChroma && (color == YCbCr || color == YCCK) && (i == 1 || i == 2) {
		half = 2
	}
	size := 1
	for size < 8 && (size*c.h*half < want*f.hMax || size*c.v*half < want*f.vMax) {
		size *= 2
	}
	return size
}

// lastNeeded gives the last zigzag index of the size x size lowest frequencies.
func lastNeeded(size int) uint {
	return uint([]int{1: 0, 2: 4, 4: 24, 8: 63}[size])
}

// useQuant sets up a component's placement from its quantisation table as it is
// at the component's first scan.
func (d *Decoder) useQuant(c *component) error {
	if c.ready {
		return nil
	}
	q := &d.quant[c.table]
	if !q.set {
		return errNoQuant
	}
	c.ready = true
	for k := range c.place {
		p := &c.place[k]
		p.at, p.scale = nowhere, 0
		if k >= 64 {
			continue
		}
		row, col := int(zigzag[k]>>4), int(zigzag[k]&15)
		if row < c.size && col < c.size {
			p.at = uint8(row*c.size + col)
			p.scale = int32(math.Round(float64(q.values[k]) * prescale(row, c.size) * prescale(col, c.size) * (1 << fraction / 8)))
		}
	}
	return nil
}

// prescale is the factor that the transform of the given size expects its i-th
// frequency to have been multiplied by.
func prescale(i, size int) float64 {
	if i == 0 || size < 4 {
		return 1
	}
	return math.Sqrt2 * math.Cos(float64(i)*math.Pi/float64(2*size))
}

// ceilDiv divides and rounds up.
func ceilDiv(a, b int) int { return (a + b - 1) / b }
