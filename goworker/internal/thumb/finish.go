package thumb

import (
	"bytes"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegwrite"
)

// planar is a decoded picture, possibly shrunk, on its way to a thumbnail.
type planar struct {
	color jpegscale.Color
	// alpha says that a fourth plane after R, G and B holds opacity, by which the
	// others are multiplied.
	alpha bool
	// video says that Y runs from 16 to 235 and Cb and Cr from 16 to 240.
	video bool
	// drawing says that the picture has few colours and better stays without the
	// blur of JPEG.
	drawing bool
	// exact says that no JPEG or lossy WebP was decoded: the picture has no losses yet.
	exact bool
	// stretched says that its samples were stretched to be seen.
	stretched     bool
	planes        []jpegscale.Plane
	width, height int // as stored
}

// finish resamples, converts and encodes.
func (t *Thumbnailer) finish(p *planar, g *geometry, o Options) (Thumb, error) {
	thumb := Thumb{Format: "jpg", Width: g.width, Height: g.height, SourceWidth: p.width, SourceHeight: p.height, Stretched: p.stretched}
	if g.turn.transposed() {
		thumb.SourceWidth, thumb.SourceHeight = p.height, p.width
	}
	var out [4]raster
	n := len(p.planes)
	for i := range p.planes {
		part := 1
		if p.color == jpegscale.YCbCr && i > 0 && g.halfChroma() {
			part = 2
		}
		out[i] = t.resample(i, &p.planes[i], g, part)
	}
	switch p.color {
	case jpegscale.YCbCr:
		if p.video {
			fullRange(out[:])
		}
	case jpegscale.YCCK:
		toInk(out[:])
		addBlack(out[:])
	case jpegscale.CMYK:
		addBlack(out[:])
	}
	var err error
	tiny := p.exact && max(p.width, p.height) <= tinySide
	if p.drawing || tiny || p.alpha && !opaque(out[3]) {
		thumb.Format = "png"
		thumb.Bytes, err = t.png.encode(out[:n], p.alpha, tiny)
		return thumb, err
	}
	shown := out[:min(n, 3)]
	planes := shown
	if p.color != jpegscale.YCbCr && p.color != jpegscale.Gray {
		planes = t.toYCbCr(shown, g.halfChroma())
	}
	asJPEG := t.writer.Encode(written(planes), g.width, g.height, o.Quality, g.halfChroma())
	if p.exact {
		if asPNG, err := t.png.smaller(shown, len(asJPEG)); err != nil || asPNG != nil {
			thumb.Format, thumb.Bytes = "png", asPNG
			return thumb, err
		}
	}
	thumb.Bytes = bytes.Clone(asJPEG)
	return thumb, nil
}

// opaque reports whether a plane of opacity is full everywhere.
func opaque(alpha raster) bool {
	for _, v := range alpha.pix {
		if v != 255 {
			return false
		}
	}
	return true
}

// fullRange stretches Y, Cb and Cr of video to those of JFIF.
func fullRange(p []raster) {
	for i, v := range p[0].pix {
		p[0].pix[i] = videoLuma(v)
	}
	for _, c := range p[1:3] {
		for i, v := range c.pix {
			c.pix[i] = videoChroma(v)
		}
	}
}

// videoLuma gives the luma of JFIF for that of video, which runs from 16 to 235.
func videoLuma(v byte) byte {
	return byte(min(max(((int(v)-16)*255+109)/219, 0), 255))
}

// videoChroma gives the chroma of JFIF for that of video, which runs from 16 to 240.
func videoChroma(v byte) byte {
	return byte(min(max(((int(v)-128)*255+128*224+112)/224, 0), 255))
}

// toInk turns Y, Cb and Cr of YCCK into inverted C, M and Y in place: what JFIF 1.02
// gives as R, G and B is ink. It computes with 16 places.
func toInk(p []raster) {
	u, v, w := p[0].pix, p[1].pix, p[2].pix
	for i := range u {
		y, cb, cr := int(u[i])<<16+1<<15, int(v[i])-128, int(w[i])-128
		u[i] = 255 - byte(min(max((y+91881*cr)>>16, 0), 255))
		v[i] = 255 - byte(min(max((y-22554*cb-46802*cr)>>16, 0), 255))
		w[i] = 255 - byte(min(max((y+116130*cb)>>16, 0), 255))
	}
}

// addBlack turns inverted C, M and Y into R, G and B by the inverted K.
func addBlack(p []raster) {
	for _, c := range p[:3] {
		for i, k := range p[3].pix {
			c.pix[i] = byte((int(c.pix[i])*int(k) + 127) / 255)
		}
	}
}

// toYCbCr converts R, G and B to Y, Cb and Cr (JFIF 1.02), of which Cb and Cr have half the size if that is asked for.
func (t *Thumbnailer) toYCbCr(p []raster, halfChroma bool) []raster {
	width, height := p[0].width, p[0].height
	luma := t.raster(4, width, height)
	r, g, b := p[0].pix, p[1].pix, p[2].pix
	for i := range luma.pix {
		luma.pix[i] = byte((19595*int(r[i]) + 38470*int(g[i]) + 7471*int(b[i]) + 1<<15) >> 16)
	}
	if !halfChroma {
		blue, red := t.raster(5, width, height), t.raster(6, width, height)
		for i := range blue.pix {
			const middle = 128<<16 + 1<<15
			blue.pix[i] = byte(min((-11058*int(r[i])-21710*int(g[i])+32768*int(b[i])+middle)>>16, 255))
			red.pix[i] = byte(min((32768*int(r[i])-27439*int(g[i])-5329*int(b[i])+middle)>>16, 255))
		}
		return []raster{luma, blue, red}
	}
	half := [2]int{ceilDiv(width, 2), ceilDiv(height, 2)}
	blue, red := t.raster(5, half[0], half[1]), t.raster(6, half[0], half[1])
	for i := range blue.pix {
		x, y := i%half[0]*2, i/half[0]*2
		at := [4]int{y*width + x, y*width + x, y*width + x, y*width + x}
		if x+1 < width {
			at[1]++
			at[3]++
		}
		if y+1 < height {
			at[2] += width
			at[3] += width
		}
		var sr, sg, sb int
		for _, j := range at {
			sr, sg, sb = sr+int(r[j]), sg+int(g[j]), sb+int(b[j])
		}
		const middle = 128<<18 + 1<<17
		blue.pix[i] = byte(min((-11058*sr-21710*sg+32768*sb+middle)>>18, 255))
		red.pix[i] = byte(min((32768*sr-27439*sg-5329*sb+middle)>>18, 255))
	}
	return []raster{luma, blue, red}
}

// written are planes as the writer of JPEGs takes them.
func written(planes []raster) []jpegwrite.Plane {
	out := make([]jpegwrite.Plane, len(planes))
	for i, p := range planes {
		out[i] = jpegwrite.Plane{Pix: p.pix, Stride: p.stride, Width: p.width, Height: p.height}
	}
	return out
}
