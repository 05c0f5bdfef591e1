package jpegscale

// block holds the dequantised coefficients of one block at its size; the entries
// from 64 on are where unwanted ones go.
type block [256]int32

// placement says for a zigzag index where in a block its coefficient goes and
// what to multiply it by. Indices from 64 on are past the end of the block.
type placement [128]struct {
	at    uint8
	scale int32
}

// nowhere is the place for coefficients that the size does not need.
const nowhere = 64

// wildest bounds a dequantised coefficient. It is far beyond what a picture of 8
// bits can hold and keeps the transform within its integers.
const wildest = 1 << 29

// errPastBlock is for a run of zeros that leads past a block's or band's end. Some
// readers go on with what follows, which is then noise.
var errPastBlock = corrupt("its data leads past the end of a block")

// errNoCode is for bits that are not a Huffman code.
var errNoCode = corrupt("its data holds a code that does not exist")

// errUndefined is for a symbol without a meaning in the sequential modes. Some
// readers give it that of the progressive ones, some the end of the block.
var errUndefined = corrupt("its data holds a symbol without a meaning")

// block decodes one block's coefficients into out as c places them, and gives the
// zigzag index of the last that may not be zero; out must be zero before. After
// c.last it only looks for the block's end.
func (b *bitReader) block(dc, ac *lookTable, skip *skipTable, c *component, out *block) (last int, err error) {
	if err := b.difference(dc, c); err != nil {
		return 0, err
	}
	out[0] = bounded(c.pred, c.place[0].scale)
	k := uint(1)
	if c.last > 0 {
		if k, err = b.coefficients(ac, c, out); err != nil {
			return 0, err
		}
	}
	last = int(k) - 1
	switch {
	case k < 64:
		k, err = b.skip(ac, skip, k)
	case k > endOfBlock:
		last = int(k) - endOfBlock - 2
	}
	if k > 64 && k < endOfBlock {
		err = errPastBlock
	}
	return last, err
}

// difference decodes the difference of a block's mean to that of the one before
// and adds it to the component's.
func (b *bitReader) difference(t *lookTable, c *component) error {
	b.ensure()
	if e := t.look[b.acc>>(64-lookBits)]; e&entrySlow == 0 {
		b.acc <<= e & 63
		b.n -= uint(e & entryBits)
		c.pred += int(int16(e >> 16))
		return nil
	}
	size, length := t.slow(b.acc)
	if length == 0 || size > 16 {
		return errNoCode
	}
	b.take(length)
	c.pred += extend(b.take(uint(size)), uint(size))
	return nil
}

// coefficients decodes the coefficients from 1 to c.last at least. It gives the
// index after the last, to which endOfBlock is added if the block has ended.
func (b *bitReader) coefficients(t *lookTable, c *component, out *block) (uint, error) {
	buf, pos, acc, n := b.buf, b.pos, b.acc, b.n
	k, need := uint(1), c.last
	for k <= need {
		if n < lookBits {
			pos, acc, n = fill(buf, pos, acc, n)
		}
		e := t.look[acc>>(64-lookBits)]
		if e&entrySlow == 0 {
			acc <<= e & 63
			n -= uint(e & entryBits)
			k += uint(e >> 8 & 0xFF)
			p := &c.place[k&127]
			out[p.at] = int32(int16(e>>16)) * p.scale
			k++
			continue
		}
		b.pos, b.acc, b.n = pos, acc, n
		run, value, err := b.slowly(t)
		if err != nil {
			return 0, err
		}
		pos, acc, n = b.pos, b.acc, b.n
		k += run
		p := &c.place[k&127]
		out[p.at] = bounded(value, p.scale)
		k++
	}
	b.pos, b.acc, b.n = pos, acc, n
	return k, nil
}

// slowly decodes one symbol and its value, and gives how many positions to step
// over before the value: endOfBlock for the symbol that says so.
func (b *bitReader) slowly(t *lookTable) (run uint, value int, err error) {
	b.ensure()
	symbol, length := t.slow(b.acc)
	if length == 0 {
		return 0, 0, errNoCode
	}
	b.take(length)
	size := uint(symbol & 15)
	switch {
	case symbol == 0:
		return endOfBlock, 0, nil
	case size == 0 && symbol != runOfZeros:
		return 0, 0, errUndefined
	}
	return uint(symbol >> 4), extend(b.take(size), size), nil
}

// skip steps over the coefficients from k on. What it gives is as of coefficients.
func (b *bitReader) skip(t *lookTable, skip *skipTable, k uint) (uint, error) {
	buf, pos, acc, n := b.buf, b.pos, b.acc, b.n
	for k < 64 {
		if n < skipBits {
			pos, acc, n = fill(buf, pos, acc, n)
		}
		e := skip.entries[acc>>(64-skipBits)]
		to := k + uint(e>>8)
		if e != 0 && to < 64 || to >= endOfBlock && to < endOfBlock+64 {
			acc <<= e & 63
			n -= uint(e & 0xFF)
			k = to
			continue
		}
		b.pos, b.acc, b.n = pos, acc, n
		run, _, err := b.slowly(t)
		if err != nil {
			return 0, err
		}
		pos, acc, n = b.pos, b.acc, b.n
		k += run + 1
	}
	b.pos, b.acc, b.n = pos, acc, n
	return k, nil
}

// bounded multiplies and keeps the product within the transform's range.
func bounded(v int, scale int32) int32 {
	return int32(min(max(int64(v)*int64(scale), -wildest), wildest))
}
