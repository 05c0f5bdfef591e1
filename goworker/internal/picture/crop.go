package picture

import (
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// span is the smallest box around some points, in fractions of a picture.
type span struct{ left, top, right, bottom float64 }

// emptySpan is the span around no points.
func emptySpan() span {
	return span{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
}

// add widens the span to a point. Missing points, which are NaN, do not count.
func (b *span) add(x, y float64) {
	if math.IsNaN(x) || math.IsNaN(y) {
		return
	}
	b.left, b.top = min(b.left, x), min(b.top, y)
	b.right, b.bottom = max(b.right, x), max(b.bottom, y)
}

// shape widens the span to a label's shape. A turned box counts as it was before it was turned.
func (b *span) shape(s *label.Shape) {
	if s.HasBox {
		b.add(s.Box[0], s.Box[1])
		b.add(s.Box[0]+s.Box[2], s.Box[1]+s.Box[3])
	}
	for _, p := range s.Points {
		b.add(p.X, p.Y)
	}
}

// cropOf is the part of the picture that a patch is, or bad where it has none.
func (m *mediaSlots) cropOf(s *view.Slots) (box thumb.Box, bad bool) {
	b := emptySpan()
	for _, field := range m.crop {
		label.NewShaper(field.labelType).Each(s.Value(field.slot), b.shape)
	}
	left, top, right, bottom := max(b.left, 0), max(b.top, 0), min(b.right, 1), min(b.bottom, 1)
	if !(left < right && top < bottom) {
		return box, true
	}
	return thumb.Box{X: left, Y: top, Width: right - left, Height: bottom - top}, false
}
