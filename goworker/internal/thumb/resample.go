package thumb

import (
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// weightBits is the precision of a filter weight: a sample's weights add up to
// exactly 1<<weightBits, so that an even surface stays what it is.
const weightBits = 14

// axis says how the samples of one direction of the result come from those of the
// source. Its entries are in the order of the source.
type axis struct {
	axisKey
	taps    int
	first   []int   // per result sample: the first source sample
	weights []int64 // taps of them per result sample
}

// axisKey is what an axis is computed from.
type axisKey struct {
	n int // how many samples the result has
	// span of them, a fraction less than n, cover the source's part src: an odd
	// number of luma samples goes with half as many chroma samples.
	span  float64
	src   interval
	limit int  // how many samples the source has
	flip  bool // the result runs against the source
}

// interval is a part of a direction of the source, in its samples.
type interval struct{ from, to float64 }

// set computes the weights, unless they are those already.
//
// The filter is the cubic convolution of Keys (a = -1/2), widened when it shrinks.
func (a *axis) set(key axisKey) {
	if a.axisKey == key {
		return
	}
	a.axisKey = key
	step := (key.src.to - key.src.from) / key.span
	wide := max(step, 1)
	taps := min(int(math.Ceil(4*wide)), key.limit)
	a.taps = taps
	a.first = grow(a.first, key.n)
	a.weights = grow(a.weights, key.n*taps)
	raw := make([]float64, taps)
	for i := range key.n {
		at := float64(i) + 0.5
		if key.flip {
			at = key.span - (float64(key.n-1-i) + 0.5)
		}
		center := key.src.from + float64(at*step)
		first := min(max(int(math.Ceil(center-2*wide-0.5)), 0), key.limit-taps)
		sum := 0.0
		for t := range raw {
			raw[t] = cubic((float64(first+t) + 0.5 - center) / wide)
			sum += raw[t]
		}
		a.first[i] = first
		left, best := int64(1<<weightBits), 0
		w := a.weights[i*taps : (i+1)*taps]
		for t, v := range raw {
			w[t] = int64(math.Round(v / sum * (1 << weightBits)))
			left -= w[t]
			if w[t] > w[best] {
				best = t
			}
		}
		w[best] += left
	}
}

// cubic is the filter's kernel. The conversions keep machines that can multiply and
// add at once from doing so, since that rounds otherwise.
func cubic(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64((float64(1.5*x)-2.5)*x*x) + 1
	case x < 2:
		return float64((float64((float64(-0.5*x)+2.5)*x)-4)*x) + 2
	}
	return 0
}

// to gives where in the result the i-th entry goes.
func (a *axis) to(i int) int {
	if a.flip {
		return a.n - 1 - i
	}
	return i
}

// Two samples are computed at once, in the halves of a 64-bit word. In the first
// pass a half holds 8-bit samples times weights plus bias, which keeps it above 0
// whatever the negative weights do. Between the passes drop bits of that are left
// off; the bias stays, and since weights add up to 1<<weightBits it is known after
// the second pass too.
const (
	halfBits = 32
	drop     = 10
	bias     = 1 << 22
	start    = (bias + 1<<(drop-1)) * (1<<halfBits + 1)
	dropped  = (1<<(halfBits-drop) - 1) * (1<<halfBits + 1)

	// excess is what a half has too much after both passes, and excessBits its fraction.
	excess     = bias >> drop << weightBits
	excessBits = 2*weightBits - drop
)

// band is how many pairs of rows go through the horizontal pass together.
const band = 4

// resampler holds what resampling needs from one plane to the next.
type resampler struct {
	x, y  axis
	ring  []uint64       // packed source rows, row r at place r modulo the ring's rows
	pairs []uint64       // two rows between the passes, in pairs of neighbours
	lines [][band]uint64 // band pairs of rows between the passes, in pairs one above the other
}

// plane resamples p into dst, whose samples are colStep apart along the source's
// rows and rowStep down its columns: swapping the two transposes.
func (r *resampler) plane(p *jpegscale.Plane, dst []byte, colStep, rowStep int) {
	pairs := (p.Width + 1) / 2
	rows := r.y.taps
	for i := 1; i < r.y.n; i++ {
		rows = max(rows, r.y.taps+r.y.first[i]-r.y.first[i-1])
	}
	r.ring = grow(r.ring, rows*pairs)
	r.pairs = grow(r.pairs, 2*pairs)
	r.lines = grow(r.lines, 2*pairs)
	upper, lower := r.pairs[:pairs], r.pairs[pairs:]
	packed := 0
	var to [2 * band]int
	for i := 0; i < r.y.n; i += 2 * band {
		for q := range band {
			// Rows beyond the last are the last again.
			a, b := min(i+2*q, r.y.n-1), min(i+2*q+1, r.y.n-1)
			to[2*q], to[2*q+1] = r.y.to(a)*rowStep, r.y.to(b)*rowStep
			packed = max(packed, r.y.first[a])
			for ; packed < r.y.first[b]+r.y.taps; packed++ {
				pack(r.ring[packed%rows*pairs:][:pairs], p.Pix[packed*p.Stride:][:p.Width])
			}
			r.down(upper, a, rows)
			r.down(lower, b, rows)
			for x, u := range upper {
				u = u >> drop & dropped
				l := lower[x] >> drop & dropped
				r.lines[2*x][q] = u&(1<<halfBits-1) | l<<halfBits
				r.lines[2*x+1][q] = u>>halfBits | l>>halfBits<<halfBits
			}
		}
		r.along(dst, &to, colStep)
	}
}

// pack puts pairs of neighbours into words.
func pack(dst []uint64, src []byte) {
	n := len(src) / 2
	for i := range n {
		dst[i] = uint64(src[2*i]) | uint64(src[2*i+1])<<halfBits
	}
	if n < len(dst) {
		dst[n] = uint64(src[len(src)-1])
	}
}

// down computes row i of the vertical pass from the packed rows, two at a time.
func (r *resampler) down(dst []uint64, i, rows int) {
	for at := range dst {
		dst[at] = start
	}
	weights := r.y.weights[i*r.y.taps : (i+1)*r.y.taps]
	row := func(t int) []uint64 {
		return r.ring[(r.y.first[i]+t)%rows*len(dst):][:len(dst)]
	}
	for ; len(weights) > 1; weights = weights[2:] {
		t := r.y.taps - len(weights)
		a, b := row(t), row(t+1)
		wa, wb := uint64(weights[0]), uint64(weights[1])
		for at := range dst {
			dst[at] += a[at]*wa + b[at]*wb
		}
	}
	if len(weights) == 1 {
		w := uint64(weights[0])
		for at, v := range row(r.y.taps - 1) {
			dst[at] += v * w
		}
	}
}

// along computes the horizontal pass of a band and puts its rows to their places.
func (r *resampler) along(dst []byte, to *[2 * band]int, colStep int) {
	weights := r.x.weights
	for i, first := range r.x.first[:r.x.n] {
		v := r.lines[first : first+r.x.taps]
		w := weights[:len(v)]
		weights = weights[len(v):]
		var a, b, c, d uint64
		for t := range v {
			f := uint64(w[t])
			a += v[t][0] * f
			b += v[t][1] * f
			c += v[t][2] * f
			d += v[t][3] * f
		}
		at := r.x.to(i) * colStep
		dst[at+to[0]], dst[at+to[1]] = toByte(a), toByte(a>>halfBits)
		dst[at+to[2]], dst[at+to[3]] = toByte(b), toByte(b>>halfBits)
		dst[at+to[4]], dst[at+to[5]] = toByte(c), toByte(c>>halfBits)
		dst[at+to[6]], dst[at+to[7]] = toByte(d), toByte(d>>halfBits)
	}
}

// toByte makes a byte of the lower half of a word after the horizontal pass.
func toByte(word uint64) byte {
	v := (int32(uint32(word)) - excess + 1<<(excessBits-1)) >> excessBits
	return byte(min(max(v, 0), 255))
}

// grow gives a slice of n elements, s if it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
