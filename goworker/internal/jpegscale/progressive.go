package jpegscale

import "math/bits"

// progressiveScan decodes one scan of a progressive picture into the components'
// coefficients (T.81 annex G). Where the means are enough the other scans are stepped
// over; else all are needed, since how a later scan is coded depends on which
// coefficients, of its whole band, were not 0 before.
func (d *Decoder) progressiveScan(h scanHeader) error {
	switch {
	case h.from == 0 && h.to != 0, h.from > h.to, h.to > 63, h.low > 13,
		h.high != 0 && h.high != h.low+1, h.from > 0 && len(h.comps) > 1:
		return corrupt("bad progressive scan")
	}
	for _, c := range h.comps {
		if err := d.useQuant(c.component); err != nil {
			return err
		}
	}
	c := h.comps[0]
	keep := h.from == 0 || c.perBlock > 1
	if !keep {
		d.pos += d.entropy.read(d.data[d.pos:], 0)
		return d.ctx.Err()
	}
	if err := d.readEntropy(h); err != nil {
		return err
	}
	switch {
	case h.from == 0:
		return d.meanScan(h)
	}
	t, kind, band := &d.acTables[c.ac], kindBand, d.bandFirst
	if h.high != 0 {
		kind, band = kindAgain, d.bandAgain
	}
	if err := t.build(&d.codes[1][c.ac], kind); err != nil {
		return err
	}
	err := d.eachUnit(h, func(x, y int) error {
		at := y*c.strideX + x
		return band(t, (*[64]int16)(c.coeffs[64*at:]), &c.nonzero[at], h)
	})
	if err == nil && d.endOfBand > 0 {
		return errPastBlock
	}
	return err
}

// meanScan decodes a scan of the blocks' means: their first bits or one bit more.
func (d *Decoder) meanScan(h scanHeader) error {
	if h.high == 0 {
		for _, c := range h.comps {
			if err := d.dcTables[c.dc].build(&d.codes[0][c.dc], kindDC); err != nil {
				return err
			}
		}
	}
	return d.eachUnit(h, func(x, y int) error {
		for i := range h.comps {
			c := &h.comps[i]
			for v := range c.v {
				at := ((y*c.v+v)*c.strideX + x*c.h) * c.perBlock
				for range c.h {
					if err := d.mean(&d.dcTables[c.dc], c.component, &c.coeffs[at], h); err != nil {
						return err
					}
					at += c.perBlock
				}
			}
		}
		return nil
	})
}

// mean decodes one block's mean or a bit of it.
func (d *Decoder) mean(t *lookTable, c *component, to *int16, h scanHeader) error {
	b := &d.bits
	if h.high != 0 {
		b.ensure()
		*to |= int16(b.take(1) << h.low)
		return nil
	}
	err := b.difference(t, c)
	*to = int16(c.pred << h.low)
	return err
}

// bandFirst decodes a block's first bits of the band of frequencies of a scan.
func (d *Decoder) bandFirst(t *lookTable, co *[64]int16, nonzero *uint64, h scanHeader) error {
	if d.endOfBand > 0 {
		d.endOfBand--
		return nil
	}
	b := &d.bits
	for k := h.from; k <= h.to; k++ {
		b.ensure()
		e := t.look[b.acc>>(64-lookBits)]
		if e&entrySlow == 0 {
			b.acc <<= e & 63
			b.n -= uint(e & entryBits)
			k += int(e >> 8 & 0xFF)
			if k > h.to {
				return errPastBlock
			}
			if value := int16(e >> 16); value != 0 {
				co[k&63] = value << h.low
				*nonzero |= 1 << k
			}
			continue
		}
		symbol, length := t.slow(b.acc)
		if length == 0 {
			return errNoCode
		}
		b.take(length)
		run, size := int(symbol>>4), uint(symbol&15)
		if size == 0 && symbol != runOfZeros {
			d.endOfBand = 1<<run - 1 + b.take(uint(run))
			return nil
		}
		if k += run; k > h.to {
			return errPastBlock
		}
		if size > 0 {
			co[k&63] = int16(extend(b.take(size), size) << h.low)
			*nonzero |= 1 << k
		}
	}
	return nil
}

// bandAgain decodes one bit more of a block's band: a correction for each
// coefficient that is known not to be 0, and those that appear with this bit.
func (d *Decoder) bandAgain(t *lookTable, co *[64]int16, nonzero *uint64, h scanHeader) error {
	b := &d.bits
	unit := int16(1) << h.low
	k := h.from
	for d.endOfBand == 0 && k <= h.to {
		b.ensure()
		symbol, length := t.slow(b.acc)
		if length == 0 {
			return errNoCode
		}
		b.take(length)
		zeros, value := int(symbol>>4), int16(0)
		switch {
		case symbol&15 > 1:
			return errNoCode
		case symbol&15 == 1:
			value = unit
			if b.take(1) == 0 {
				value = -unit
			}
		case symbol != runOfZeros:
			d.endOfBand = 1<<zeros + b.take(uint(zeros))
			continue
		}
		k = b.correct(co, *nonzero, k, h.to, zeros, unit)
		if value != 0 {
			if k > h.to {
				return errPastBlock
			}
			co[k&63] = value
			*nonzero |= 1 << k
		}
		k++
	}
	if d.endOfBand > 0 {
		d.endOfBand--
		b.correct(co, *nonzero, k, h.to, 64, unit)
	}
	return nil
}

// correct adds a bit to the coefficients from k to to that are not 0 and gives the
// index of the zero that comes after the given number of zeros, or the one after to.
func (b *bitReader) correct(co *[64]int16, nonzero uint64, k, to, zeros int, unit int16) int {
	rest := nonzero >> k << k & (1<<63>>(63-to)<<1 - 1)
	buf, pos, acc, n := b.buf, b.pos, b.acc, b.n
	for ; rest != 0; rest &= rest - 1 {
		next := bits.TrailingZeros64(rest)
		if zeros < next-k {
			break
		}
		zeros -= next - k
		k = next + 1
		if n == 0 {
			pos, acc, n = fill(buf, pos, acc, n)
		}
		n--
		if acc>>63 != 0 {
			if co[next] > 0 {
				co[next] += unit
			} else {
				co[next] -= unit
			}
		}
		acc <<= 1
	}
	b.pos, b.acc, b.n = pos, acc, n
	return min(k+zeros, to+1)
}

// reconstruct turns a progressive picture's coefficients into its planes.
func (d *Decoder) reconstruct() error {
	var b block
	for i := range d.frame.comps {
		c, p := &d.frame.comps[i], &d.planes[i]
		needed := uint64(1)<<1<<c.last - 1
		for y := range c.blocksY {
			if err := d.ctx.Err(); err != nil {
				return err
			}
			for x := range c.blocksX {
				at := y*c.strideX + x
				co := c.coeffs[at*c.perBlock:][:c.perBlock]
				b[0] = bounded(int(co[0]), c.place[0].scale)
				last := 0
				if c.perBlock > 1 {
					for rest := c.nonzero[at] & needed; rest != 0; rest &= rest - 1 {
						last = bits.TrailingZeros64(rest)
						b[c.place[last].at] = bounded(int(co[last]), c.place[last].scale)
					}
				}
				transform(&b, last, c.size, p.Pix[y*c.size*p.Stride+x*c.size:], p.Stride)
			}
		}
	}
	return nil
}
