package jpegscale

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
	d.pos += d.entropy.read(d.data[d.pos:], keep)
	switch {
	case !keep:
		return nil
	case h.from == 0:
		return d.meanScan(h)
	}
	t := &d.acTables[c.ac]
	if err := t.build(&d.codes[1][c.ac], kindBand); err != nil {
		return err
	}
	band := d.bandFirst
	if h.high != 0 {
		band = d.bandAgain
	}
	err := d.eachUnit(h, func(x, y int) error {
		at := (y*c.strideX + x) * 64
		return band(t, c.coeffs[at:at+64:at+64], h)
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
func (d *Decoder) bandFirst(t *lookTable, co []int16, h scanHeader) error {
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
			co[k] = int16(e>>16) << h.low
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
		co[k] = int16(extend(b.take(size), size) << h.low)
	}
	return nil
}

// bandAgain decodes one bit more of a block's band: a correction for each
// coefficient that is known not to be 0, and those that appear with this bit.
func (d *Decoder) bandAgain(t *lookTable, co []int16, h scanHeader) error {
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
		k = d.correct(co, k, h.to, zeros, unit)
		if value != 0 {
			if k > h.to {
				return errPastBlock
			}
			co[k] = value
		}
		k++
	}
	if d.endOfBand > 0 {
		d.endOfBand--
		d.correct(co, k, h.to, 64, unit)
	}
	return nil
}

// correct adds a bit to the coefficients from k on that are not 0 and stops at
// the zero that comes after the given number of zeros, or after to.
func (d *Decoder) correct(co []int16, k, to, zeros int, unit int16) int {
	b := &d.bits
	for ; k <= to; k++ {
		if co[k] == 0 {
			if zeros == 0 {
				break
			}
			zeros--
			continue
		}
		b.ensure()
		if b.take(1) == 0 {
			continue
		}
		if co[k] > 0 {
			co[k] += unit
		} else {
			co[k] -= unit
		}
	}
	return k
}

// reconstruct turns a progressive picture's coefficients into its planes.
func (d *Decoder) reconstruct() {
	var b block
	for i := range d.frame.comps {
		c, p := &d.frame.comps[i], &d.planes[i]
		need := int(c.last)
		for y := range c.blocksY {
			for x := range c.blocksX {
				at := (y*c.strideX + x) * c.perBlock
				co := c.coeffs[at : at+c.perBlock : at+c.perBlock]
				last := 0
				for k, v := range co[:need+1] {
					if v != 0 {
						b[c.place[k].at] = bounded(int(v), c.place[k].scale)
						last = k
					}
				}
				transform(&b, last, c.size, p.Pix[y*c.size*p.Stride+x*c.size:], p.Stride)
			}
		}
	}
}
