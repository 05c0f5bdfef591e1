// Package stretch shows samples of more than 8 bits as grey levels: it decides which of them is
// black and which is white.
//
// Thermal, depth and radar pictures use a small part of what their samples could hold, and would
// come out evenly black or grey. They are stretched between their 1st and 99th percentile. A
// picture is stretched if these are less than a third of its scale apart. The scale is 0 to 65535
// for unsigned samples of 16 bits, and 0 to 1 for floats that are all within it. Other floats, and
// integers that came as floats, have no scale and are always stretched.
//
// Samples that are not finite count for nothing and are black, as is what a file calls "no data".
// So does a picture's lowest or highest value if it is further away from the others than those are
// from each other: it means "no data", too.
package stretch

import (
	"math"
	"slices"
)

// Range is which sample is black and which one white. Those beyond are the same. The zero value
// is not a range.
type Range struct{ Low, High float64 }

// IsSet reports whether it is a range.
func (r Range) IsSet() bool { return r.Low < r.High }

// Level is the grey level of a sample; 0 for one that is not a number.
func (r Range) Level(v float64) byte {
	// Quotients first, since differences of the largest floats are infinite.
	half := r.High/2 - r.Low/2
	share := (v/2 - r.Low/2) / half
	if !(share > 0) {
		return 0
	}
	return byte(float64(min(share, 1)*255) + 0.5)
}

// minShare is the part of its scale that a picture has to use to be shown as it is.
const minShare = 1.0 / 3

// percent is how much of the samples is beyond either end of a stretched picture.
const percent = 100

// bin is a value and how many samples have it.
type bin struct {
	value float32
	n     uint32
}

// of decides for the values of a picture, in rising order. It reports whether the picture is stretched; else
// the range is the scale, or, where that is not set, whatever shows its one value as black.
func of(bins []bin, scale Range) (r Range, stretched bool) {
	if len(bins) > 0 {
		r = between(bins)
	}
	switch {
	case scale.IsSet() && (!r.IsSet() || r.High-r.Low >= minShare*(scale.High-scale.Low)):
		return scale, false
	case !r.IsSet():
		return Range{r.Low, math.Nextafter(r.Low, math.Inf(1))}, false
	}
	return r, true
}

// between is the range between the 1st and the 99th percentile, without "no data"; not set for a single value.
func between(bins []bin) Range {
	all := percentiles(bins)
	if len(bins) > 2 {
		last := len(bins) - 1
		inner := percentiles(bins[1:last])
		if span := inner.High - inner.Low; span > 0 {
			from, to := 0, last+1
			if inner.Low-float64(bins[0].value) > span {
				from++
			}
			if float64(bins[last].value)-inner.High > span {
				to--
			}
			all = percentiles(bins[from:to])
			if !all.IsSet() { // nearly all samples are the same, but some are not
				return inner
			}
		}
	}
	if !all.IsSet() {
		return Range{float64(bins[0].value), float64(bins[len(bins)-1].value)}
	}
	return all
}

// percentiles are the 1st and the 99th, by nearest rank.
func percentiles(bins []bin) Range {
	n := 0
	for _, b := range bins {
		n += int(b.n)
	}
	at := func(rank int) float64 {
		i := slices.IndexFunc(bins, func(b bin) bool {
			rank -= int(b.n)
			return rank <= 0
		})
		return float64(bins[i].value)
	}
	return Range{at((n + percent - 1) / percent), at((n*(percent-1) + percent - 1) / percent)}
}
