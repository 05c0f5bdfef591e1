package job

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// span is the smallest box around some points, in fractions of a picture.
type span struct{ left, top, right, bottom float64 }

// nothing is the span around no points.
func nothing() span {
	return span{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
}

func (b *span) add(x, y float64) {
	if math.IsNaN(x) || math.IsNaN(y) {
		return
	}
	b.left, b.top = min(b.left, x), min(b.top, y)
	b.right, b.bottom = max(b.right, x), max(b.bottom, y)
}

// cropOf is the part of the picture that a patch is, or bad where it has none.
func (m *mediaSlots) cropOf(s *view.Slots) (box thumb.Box, bad bool) {
	b := nothing()
	for _, slot := range m.crop {
		if label, ok := s.Value(slot).DocumentOK(); ok {
			b.label(label)
		}
	}
	left, top, right, bottom := max(b.left, 0), max(b.top, 0), min(b.right, 1), min(b.bottom, 1)
	if !(left < right && top < bottom) {
		return box, true
	}
	return thumb.Box{X: left, Y: top, Width: right - left, Height: bottom - top}, false
}

// label adds the shape of a label, or of all labels of a list.
func (b *span) label(label bson.Raw) {
	if v := numbers(label.Lookup("bounding_box")); len(v) == 4 {
		b.add(v[0], v[1])
		b.add(v[0]+v[2], v[1]+v[3])
	}
	b.points(label.Lookup("points"))
	for _, key := range []string{"detections", "polylines", "keypoints"} {
		list, _ := label.Lookup(key).ArrayOK()
		values, _ := list.Values()
		for _, v := range values {
			if one, ok := v.DocumentOK(); ok {
				b.label(one)
			}
		}
	}
}

// points adds points, which are pairs of numbers at any depth of lists.
func (b *span) points(v bson.RawValue) {
	if pair := numbers(v); len(pair) == 2 {
		b.add(pair[0], pair[1])
		return
	}
	list, _ := v.ArrayOK()
	values, _ := list.Values()
	for _, one := range values {
		b.points(one)
	}
}

// numbers is a list of numbers, or nil for anything else.
func numbers(v bson.RawValue) []float64 {
	list, ok := v.ArrayOK()
	if !ok {
		return nil
	}
	values, err := list.Values()
	if err != nil {
		return nil
	}
	out := make([]float64, len(values))
	for i, one := range values {
		if out[i], ok = one.AsFloat64OK(); !ok {
			return nil
		}
	}
	return out
}
