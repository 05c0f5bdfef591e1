package jpegscale

import (
	"bytes"
	"encoding/binary"
)

// entropyData is the entropy-coded data of one scan with its stuffing removed, so
// that the bit reader can load eight bytes at once without looking for markers.
type entropyData struct {
	buf  []byte
	ends []uint32 // where each restart interval ends in buf
}

// slack is how many zero bytes follow the data. It is more than an MCU of ten
// blocks of the longest codes takes (10 x 64 x 31 bits), so that running off the
// end needs a check only once an MCU.
const slack = 4096

// forget drops memory beyond the limit.
func (e *entropyData) forget(limit int) {
	if cap(e.buf) > limit {
		e.buf = nil
	}
	if 4*cap(e.ends) > limit {
		e.ends = nil
	}
}

// read takes the data of a scan from the beginning of src up to the next marker
// that is not a restart, and gives how many bytes of src it was. With no intervals it
// only looks for its end; restart intervals beyond those are left out.
func (e *entropyData) read(src []byte, intervals int) int {
	keep := intervals > 0
	if keep && cap(e.buf) < len(src)+slack {
		e.buf = make([]byte, 0, len(src)+slack)
	}
	if keep && cap(e.ends) < intervals {
		e.ends = make([]uint32, 0, intervals)
	}
	e.buf, e.ends = e.buf[:0], e.ends[:0]
	pos := 0
	for {
		i := bytes.IndexByte(src[pos:], 0xFF)
		if i < 0 {
			i = len(src) - pos
		}
		if keep {
			e.buf = append(e.buf, src[pos:pos+i]...)
		}
		pos += i
		fill := pos
		for fill < len(src) && src[fill] == 0xFF {
			fill++
		}
		switch {
		case fill >= len(src):
			pos = len(src)
		case src[fill] == 0:
			if keep {
				e.buf = append(e.buf, 0xFF)
			}
			pos = fill + 1
			continue
		case src[fill] >= markRST0 && src[fill] <= markRST7:
			if len(e.ends) < intervals {
				e.ends = append(e.ends, uint32(len(e.buf)))
			}
			pos = fill + 1
			continue
		}
		break
	}
	if keep {
		if len(e.ends) < intervals {
			e.ends = append(e.ends, uint32(len(e.buf)))
		}
		end := len(e.buf)
		e.buf = e.buf[:end+slack]
		clear(e.buf[end:])
	}
	return pos
}

// bitReader reads bits, the most significant first. The next bit is the top one
// of acc, whose n topmost bits are read already; the bits below those are either
// right or 0.
type bitReader struct {
	buf []byte
	pos int
	acc uint64
	n   uint
	end int // the bits of buf that belong to this restart interval end here
}

// start begins at byte from of buf; the interval's data ends at byte to.
func (b *bitReader) start(buf []byte, from, to int) {
	*b = bitReader{buf: buf, pos: from, end: 8 * to}
}

// overrun reports whether more bits were taken than there are.
func (b *bitReader) overrun() bool { return 8*b.pos-int(b.n) > b.end }

// fill loads bits so that at least 56 are ready.
func fill(buf []byte, pos int, acc uint64, n uint) (int, uint64, uint) {
	acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
	return pos + int((63-n)>>3), acc, n | 56
}

// ensure makes at least 32 bits ready.
func (b *bitReader) ensure() {
	if b.n < 32 {
		b.pos, b.acc, b.n = fill(b.buf, b.pos, b.acc, b.n)
	}
}

// take reads count bits, at most 16, of those that ensure made ready.
func (b *bitReader) take(count uint) int {
	v := b.acc >> 1 >> (63 - count&63)
	b.acc <<= count & 63
	b.n -= count
	return int(v)
}

// extend gives the signed number that the count bits v stand for (T.81 F.2.2.1).
func extend(v int, count uint) int {
	if count > 0 && v < 1<<(count-1) {
		v += 1 - 1<<count
	}
	return v
}
