package thumb

import (
	"math"
	"slices"
)

// Point is a place in a picture, in fractions of its width and height.
type Point struct{ X, Y float64 }

// FillPolygon gives the pixels inside of a polygon its class. The polygon is one
// or more closed outlines; a pixel is inside if its centre is within an odd number
// of them, so that an outline in another is a hole. Points that are not numbers are
// left out, as is what lies beyond the picture.
func (m Mask) FillPolygon(outlines [][]Point, class uint8) {
	if m.check() != nil {
		return
	}
	crossings := make([][]float64, m.Height)
	for _, outline := range outlines {
		points := make([]Point, 0, len(outline))
		for _, p := range outline {
			if p = (Point{p.X * float64(m.Width), p.Y * float64(m.Height)}); finite(p.X) && finite(p.Y) {
				points = append(points, p)
			}
		}
		for i, p := range points {
			cross(crossings, p, points[(i+1)%len(points)])
		}
	}
	for y, at := range crossings {
		slices.Sort(at)
		row := m.Pix[y*m.Width:][:m.Width]
		for ; len(at) > 1; at = at[2:] {
			first, end := center(at[0], m.Width), center(at[1], m.Width)
			for x := first; x < end; x++ {
				row[x] = class
			}
		}
	}
}

// finite reports whether a number is one, and not endless.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// center gives the first of n pixels whose centre is not before v.
func center(v float64, n int) int {
	return int(math.Min(math.Max(math.Ceil(v-0.5), 0), float64(n)))
}

// cross notes where the line from a to b crosses the centres of rows.
func cross(crossings [][]float64, a, b Point) {
	if a.Y > b.Y {
		a, b = b, a
	}
	for y, end := center(a.Y, len(crossings)), center(b.Y, len(crossings)); y < end; y++ {
		share := (float64(y) + 0.5 - a.Y) / (b.Y - a.Y)
		crossings[y] = append(crossings[y], a.X+float64(share*(b.X-a.X)))
	}
}
