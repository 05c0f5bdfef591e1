package jpegscale

// readScans reads all scans of the picture.
func (d *Decoder) readScans() error {
	for more := true; more; {
		h, err := d.readScanHeader()
		if err != nil {
			return err
		}
		if d.scans++; d.scans > maxScans {
			return corrupt("more than %d scans", maxScans)
		}
		if d.frame.progressive {
			err = d.progressiveScan(h)
		} else {
			err = d.sequentialScan(h)
		}
		if err != nil {
			return err
		}
		if more, err = d.readTables(); err != nil {
			return err
		}
	}
	for i := range d.frame.comps {
		if !d.frame.comps[i].ready {
			return corrupt("it ends before all of its components")
		}
	}
	return nil
}

// sequentialScan decodes a baseline or extended sequential scan into the planes.
func (d *Decoder) sequentialScan(h scanHeader) error {
	for _, c := range h.comps {
		if err := d.useQuant(c.component); err != nil {
			return err
		}
		if err := d.dcTables[c.dc].build(&d.codes[0][c.dc], kindDC); err != nil {
			return err
		}
		if err := d.acTables[c.ac].build(&d.codes[1][c.ac], kindAC); err != nil {
			return err
		}
		if c.size < 8 {
			d.skips[c.ac].build(&d.acTables[c.ac])
		}
	}
	if err := d.readEntropy(h); err != nil {
		return err
	}
	var b block
	return d.eachUnit(h, func(x, y int) error {
		for i := range h.comps {
			c := &h.comps[i]
			dc, ac, skip := &d.dcTables[c.dc], &d.acTables[c.ac], &d.skips[c.ac]
			p := &d.planes[c.index]
			for v := range c.v {
				at := (y*c.v+v)*c.size*p.Stride + x*c.h*c.size
				for range c.h {
					last, err := d.bits.block(dc, ac, skip, c.component, &b)
					if err != nil {
						return err
					}
					transform(&b, last, c.size, p.Pix[at:], p.Stride)
					at += c.size
				}
			}
		}
		return nil
	})
}

// readEntropy reads a scan's data, and refuses a scan that would take more work or
// memory than was planned.
func (d *Decoder) readEntropy(h scanHeader) error {
	perUnit := 0
	for i := range h.comps {
		perUnit += h.comps[i].h * h.comps[i].v
	}
	units := int64(h.unitsX) * int64(h.unitsY)
	if d.visits -= units * int64(perUnit); d.visits < 0 {
		return corrupt("its scans go over the same blocks too many times")
	}
	intervals := int64(1)
	if d.restart > 0 {
		// Rounded up. More than there can be in what is left of the file are not needed.
		intervals = min((units+int64(d.restart)-1)/int64(d.restart), int64(len(d.data)-d.pos)/2+1)
	}
	if intervals > int64(d.intervals) {
		return unsupported("more restart intervals than its first scan has")
	}
	d.pos += d.entropy.read(d.data[d.pos:], int(intervals))
	return d.ctx.Err()
}

// eachUnit calls f for every MCU of a scan, its reader standing at the MCU's
// bits, and starts again at each restart. It fails where f does or the data ends.
func (d *Decoder) eachUnit(h scanHeader, f func(x, y int) error) error {
	interval, left, from := 0, 0, 0
	for y := range h.unitsY {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		for x := range h.unitsX {
			if left == 0 {
				if interval == len(d.entropy.ends) {
					return corrupt("it ends before its picture does")
				}
				to := int(d.entropy.ends[interval])
				d.bits.start(d.entropy.buf, from, to)
				from = to
				interval++
				d.endOfBand = 0
				for i := range h.comps {
					h.comps[i].pred = 0
				}
				left = d.restart
				if left == 0 {
					left = h.unitsX * h.unitsY
				}
			}
			left--
			if err := f(x, y); err != nil {
				return err
			}
			if d.bits.overrun() {
				return corrupt("it ends before its picture does")
			}
		}
	}
	return nil
}
