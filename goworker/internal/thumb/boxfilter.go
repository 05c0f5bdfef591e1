package thumb

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// boxFilter averages squares of pixels and takes their channels apart. It holds
// the memory for that.
type boxFilter struct {
	row    []byte
	sums   []uint32
	pixels [4][]byte
	planes [4]jpegscale.Plane
}

// reduce gives the channels of r, of width x height pixels, as planes whose
// samples are the means of factor x factor pixels, or of what is left of them at
// the right and lower edges.
func (f *boxFilter) reduce(r rows, width, height, factor int) []jpegscale.Plane {
	return f.reduceInto(0, r, width, height, factor)
}

// reduceInto is reduce for one plane of several, or for all of them from plane 0.
func (f *boxFilter) reduceInto(plane int, r rows, width, height, factor int) []jpegscale.Plane {
	w, h := ceilDiv(width, factor), ceilDiv(height, factor)
	f.row = grow(f.row, width*r.channels)
	f.sums = grow(f.sums, w*r.channels)
	for c := range r.channels {
		f.pixels[plane+c] = grow(f.pixels[plane+c], w*h)
		f.planes[plane+c] = jpegscale.Plane{
			Pix: f.pixels[plane+c], Stride: w, Width: w, Height: h,
			SpanX: float64(width) / float64(factor), SpanY: float64(height) / float64(factor),
		}
	}
	for y := range h {
		clear(f.sums)
		lines := min(factor, height-y*factor)
		for line := range lines {
			r.read(y*factor+line, f.row)
			f.add(r.channels, factor)
		}
		for c := range r.channels {
			out := f.pixels[plane+c][y*w:][:w]
			for x := range out {
				n := uint32(lines * min(factor, width-x*factor))
				out[x] = byte((f.sums[x*r.channels+c] + n/2) / n)
			}
		}
	}
	return f.planes[plane : plane+r.channels]
}

// add adds the row's pixels to their squares' sums.
func (f *boxFilter) add(channels, factor int) {
	row, square := f.row, factor*channels
	for at := 0; len(row) > 0; at += channels {
		n := min(square, len(row))
		sums := f.sums[at : at+channels]
		for i := 0; i < n; i += channels {
			for c := range sums {
				sums[c] += uint32(row[i+c])
			}
		}
		row = row[n:]
	}
}
