package thumb

import (
	"image"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// visibleChannels is four for a picture with opacity that shows, else three.
func visibleChannels(img image.Image) int {
	if see, ok := img.(interface{ Opaque() bool }); ok && see.Opaque() {
		return 3
	}
	return 4
}

// wideRows gives the rows of a picture of 16 bits.
func wideRows(img image.Image, levels *stretch.Levels) rows {
	r := rows{color: jpegscale.RGB, channels: visibleChannels(img)}
	switch m := img.(type) {
	case *image.Gray16:
		return rows{color: jpegscale.Gray, channels: 1, read: func(y int, dst []byte) {
			for x := range dst {
				dst[x] = levels[wideAt(m.Pix[y*m.Stride:], x)]
			}
		}}
	case *image.RGBA64:
		r.read = func(y int, dst []byte) { readWide(dst, m.Pix[y*m.Stride:], r.channels, levels, stretch.Divided) }
	case *image.NRGBA64:
		r.read = func(y int, dst []byte) {
			readWide(dst, m.Pix[y*m.Stride:], r.channels, levels, func(v, _ uint32) uint32 { return v })
		}
	}
	return r
}

// wideAt is the i-th big-endian sample of 16 bits.
func wideAt(b []byte, i int) uint16 { return uint16(b[2*i])<<8 | uint16(b[2*i+1]) }

// readWide narrows a row of pixels of four samples to channels of 8 bits, multiplied by their opacity.
func readWide(dst, src []byte, channels int, levels *stretch.Levels, plain func(v, alpha uint32) uint32) {
	if channels == 3 {
		for x := 0; x*3 < len(dst); x++ {
			for c := range 3 {
				dst[3*x+c] = levels[wideAt(src, 4*x+c)]
			}
		}
		return
	}
	for x := 0; x*4 < len(dst); x++ {
		alpha := uint32(wideAt(src, 4*x+3))
		for c := range 3 {
			dst[4*x+c] = levels[plain(uint32(wideAt(src, 4*x+c)), alpha)&0xFFFF]
		}
		dst[4*x+3] = narrow(alpha)
	}
	premultiply(dst, channels)
}
