package stretch

import "image"

// Levels is the grey level of each value of 16 bits.
type Levels [1 << 16]byte

// full is the scale of samples of 16 bits.
var full = Range{0, 1<<16 - 1}

// Wide decides how pictures of 16 bits are shown. It holds the memory for that, and is for one
// goroutine at a time. The zero value is ready for use.
type Wide struct {
	counts [1 << 16]uint32
	bins   []bin
	levels Levels
	shown  Range // what levels are for
}

// Levels gives the levels of a picture: a *image.Gray16, *image.RGBA64 or *image.NRGBA64. They are the same for all
// colours, so that hues stay what they are, and opacity has no part in them. A fixed range that is set is taken as it
// is; otherwise it reports whether the picture is stretched. The result is valid until the next call.
func (w *Wide) Levels(img image.Image, fixed Range) (levels *Levels, stretched bool) {
	if !fixed.IsSet() {
		w.count(img)
		fixed, stretched = of(w.bins, full)
	}
	if w.shown != fixed {
		w.shown = fixed
		for v := range w.levels {
			w.levels[v] = fixed.Level(float64(v))
		}
	}
	return &w.levels, stretched
}

// count counts a picture's samples by their values.
func (w *Wide) count(img image.Image) {
	clear(w.counts[:])
	size := img.Bounds().Size()
	switch m := img.(type) {
	case *image.Gray16:
		for y := range size.Y {
			row := m.Pix[y*m.Stride:][:2*size.X]
			for i := 0; i < len(row); i += 2 {
				w.counts[int(row[i])<<8|int(row[i+1])]++
			}
		}
	case *image.RGBA64:
		for y := range size.Y {
			w.pixels(m.Pix[y*m.Stride:][:8*size.X], Divided)
		}
	case *image.NRGBA64:
		for y := range size.Y {
			w.pixels(m.Pix[y*m.Stride:][:8*size.X], func(v, _ uint32) uint32 { return v })
		}
	}
	if w.bins == nil {
		w.bins = make([]bin, 0, len(w.counts))
	}
	w.bins = w.bins[:0]
	for v, n := range w.counts {
		if n > 0 {
			w.bins = append(w.bins, bin{float32(v), n})
		}
	}
}

// pixels counts the colours of a row, but for those that cannot be seen.
func (w *Wide) pixels(row []byte, plain func(v, alpha uint32) uint32) {
	for ; len(row) >= 8; row = row[8:] {
		alpha := uint32(row[6])<<8 | uint32(row[7])
		if alpha == 0 {
			continue
		}
		for i := 0; i < 6; i += 2 {
			w.counts[plain(uint32(row[i])<<8|uint32(row[i+1]), alpha)&0xFFFF]++
		}
	}
}

// Divided takes opacity out of a sample of 16 bits that was multiplied by it.
func Divided(v, alpha uint32) uint32 {
	if alpha == 1<<16-1 || alpha == 0 {
		return v
	}
	return min((v*(1<<16-1)+alpha/2)/alpha, 1<<16-1)
}
