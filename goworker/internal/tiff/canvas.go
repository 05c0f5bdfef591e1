package tiff

import "image"

// canvas is the picture that is decoded into.
type canvas struct {
	f      *File
	pix    []byte
	stride int
	each   int // bytes of a pixel
}

// of makes the picture.
func (c *canvas) of(f *File) image.Image {
	c.f = f
	area := image.Rect(0, 0, f.Width, f.Height)
	wide := f.bits == 16
	switch {
	case f.mode == modePalette:
		m := image.NewPaletted(area, f.palette)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 1
		return m
	case f.mode == modeCMYK:
		m := image.NewCMYK(area)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 4
		return m
	case f.mode <= modeInverted && wide:
		m := image.NewGray16(area)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 2
		return m
	case f.mode <= modeInverted:
		m := image.NewGray(area)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 1
		return m
	case f.mode == modeNRGBA && wide:
		m := image.NewNRGBA64(area)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 8
		return m
	case f.mode == modeNRGBA:
		m := image.NewNRGBA(area)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 4
		return m
	case wide:
		m := image.NewRGBA64(area)
		c.pix, c.stride, c.each = m.Pix, m.Stride, 8
		return m
	}
	m := image.NewRGBA(area)
	c.pix, c.stride, c.each = m.Pix, m.Stride, 4
	return m
}

// row is the memory of a row's pixels from x0 on.
func (c *canvas) row(x0, y, width int) []byte {
	return c.pix[y*c.stride+x0*c.each:][:width*c.each]
}

// shown is how many of a pixel's samples the picture has room for.
func (c *canvas) shown() int {
	switch c.f.mode {
	case modeRGB:
		return 3
	case modeNRGBA, modeRGBA, modeCMYK:
		return 4
	}
	return 1
}

// plane puts a row of one sample a pixel in its place.
func (c *canvas) plane(samples []byte, plane, x0, y, width int) {
	row := c.row(x0, y, width)
	if plane >= c.shown() {
		return
	}
	size := max(c.f.bits, 8) / 8
	if c.shown() > 1 {
		for x := range width {
			copy(row[x*c.each+plane*size:][:size], samples[x*size:])
		}
		if plane == 0 && c.f.mode == modeRGB {
			c.opaque(row, size)
		}
		return
	}
	copy(row, samples[:width*size])
	if c.f.mode == modePalette || c.f.bits == 16 {
		return
	}
	if c.f.bits < 8 {
		scale := 255 / (byte(1)<<c.f.bits - 1)
		for i := range row {
			row[i] *= scale
		}
	}
	if c.f.mode == modeInverted {
		for i := range row {
			row[i] = ^row[i]
		}
	}
}

// opaque gives a row's pixels full opacity.
func (c *canvas) opaque(row []byte, size int) {
	for at := 3 * size; at < len(row); at += c.each {
		for i := range size {
			row[at+i] = 255
		}
	}
}

// pixels puts a row of several samples a pixel in its place.
func (c *canvas) pixels(d *decoder, line []byte, x0, y, width int) {
	row, shown, samples := c.row(x0, y, width), c.shown(), d.samples
	switch {
	case d.bits == 8 && shown == 4 && samples == 4:
		copy(row, line)
	case d.bits == 8 && shown == 3:
		for ; len(row) > 0; row, line = row[4:], line[samples:] {
			row[0], row[1], row[2], row[3] = line[0], line[1], line[2], 255
		}
	case d.bits == 8:
		for ; len(row) > 0; row, line = row[4:], line[samples:] {
			copy(row[:4], line[:4])
		}
	default:
		for ; len(row) > 0; row, line = row[8:], line[2*samples:] {
			for i := range shown {
				v := d.order.Uint16(line[2*i:])
				row[2*i], row[2*i+1] = byte(v>>8), byte(v)
			}
			if shown == 3 {
				row[6], row[7] = 255, 255
			}
		}
	}
}
