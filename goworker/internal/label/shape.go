package label

import (
	"bytes"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// ShapeKind says what a Shape is.
type ShapeKind uint8

// The kinds of shapes.
const (
	// Rectangle is a detection: a box, perhaps turned, perhaps with a mask in it.
	Rectangle ShapeKind = iota + 1
	// Outline is a polyline: one or more lines or polygons.
	Outline
	// Dots is a keypoint: its points.
	Dots
	// Area is a segmentation: a mask of the whole picture.
	Area
	// Map is a heatmap.
	Map
	// Word is a classification, which has no place in the picture.
	Word
)

// Point is a place in a picture, in fractions of its width and height.
type Point struct{ X, Y float64 }

// Shape is where one single label lies in its picture. Its slices belong to the Shaper or
// point into the document.
type Shape struct {
	Kind ShapeKind
	// Class is the label's class; nil where it has none.
	Class []byte
	// Confidence is finite; only with HasConfidence.
	Confidence    float64
	HasConfidence bool

	// Box is x, y, width and height of a Rectangle as fractions of the picture; only with
	// HasBox. A detection in 3D has none.
	Box    [4]float64
	HasBox bool
	// Turn is by how much a Rectangle is turned clockwise about its centre, in radians. It
	// does not count where there is a mask.
	Turn float64

	// Points are those of all lines of an Outline, of which line i ends before Ends[i], or
	// those of Dots. Missing points of Dots are NaN; outlines have none.
	Points []Point
	Ends   []int
	// Scores are the confidences of Dots' points, NaN where there is none.
	Scores []float64
	// Closed and Filled tell what kind of lines an Outline has.
	Closed, Filled bool

	// Raster is the mask of a Rectangle or an Area or the values of a Map, as stored; its
	// Type is 0 where there is none. Path is the file that holds it instead.
	Raster bson.RawValue
	Path   []byte
	// Low and High are the range of a Map; only with HasRange.
	Low, High float64
	HasRange  bool

	// Mark is what evaluations say of the label, see NewMarkingShaper.
	Mark []byte

	// Broken is true where a position is there and cannot be read, such as a box with NaN.
	Broken bool
}

// Shaper finds the shapes of labels. It uses its memory again, so every goroutine needs
// its own.
type Shaper struct {
	kind  kind
	shape Shape
	marks []string
	found [][]byte // values of the marks
}

// NewShaper makes a Shaper for a field; see NewFormatter.
func NewShaper(labelType string) *Shaper { return &Shaper{kind: kindOf([]byte(labelType))} }

// NewMarkingShaper makes a Shaper that reads what evaluations say of each label, too: marks are their keys. What they say
// is joined with "/" where there are several, in upper case: "TP/FN".
func NewMarkingShaper(labelType string, marks []string) *Shaper {
	s := NewShaper(labelType)
	s.marks, s.found = marks, make([][]byte, len(marks))
	return s
}

// Each calls fn with the shape of each single label of v, in stored order. It never fails: what
// has no shape is left out.
func (s *Shaper) Each(v bson.RawValue, fn func(*Shape)) {
	if v.Type != bson.TypeEmbeddedDocument || !plausible(v.Value) {
		return
	}
	k, list := s.kind, elem{}
	for w := walk(v.Value); w.next(); {
		switch string(w.key) {
		case "_cls":
			if own := kindOf(className(w.elem)); own != unknown {
				k = own
			}
		case "detections", "classifications", "polylines", "keypoints":
			list = w.elem
		}
	}
	if !k.isList() {
		s.one(k, v.Value, fn)
		return
	}
	if !list.isArray() {
		return
	}
	for w := walk(list.v); w.next(); {
		if w.t == bson.TypeEmbeddedDocument {
			s.one(specs[k].item, w.v, fn)
		}
	}
}

// one reads a single label.
func (s *Shaper) one(k kind, doc []byte, fn func(*Shape)) {
	kind := specs[k].shape
	if kind == 0 {
		return
	}
	x := &s.shape
	*x = Shape{Kind: kind, Points: x.Points[:0], Ends: x.Ends[:0], Scores: x.Scores[:0], Mark: x.Mark[:0]}
	clear(s.found)
	var points elem
	for w := walk(doc); w.next(); {
		switch string(w.key) {
		case "label":
			x.Class = class(w.elem)
		case "confidence":
			x.Confidence, x.HasConfidence = w.mean()
			if kind == Dots {
				x.scores(w.elem)
			}
		case "bounding_box":
			x.box(w.elem)
		case "rotation":
			x.turn(w.elem)
		case "points":
			points = w.elem
		case "closed":
			x.Closed = w.isTrue()
		case "filled":
			x.Filled = w.isTrue()
		case "mask", "map":
			if w.t == bson.TypeBinary || w.t == bson.TypeArray {
				x.Raster = bson.RawValue{Type: w.t, Value: w.v}
			}
		case "mask_path", "map_path":
			x.Path = w.text()
		case "range":
			x.Low, x.High, x.HasRange = w.pair()
			x.HasRange = x.HasRange && notFinite(x.Low) == "" && notFinite(x.High) == ""
		default:
			if i := slices.Index(s.marks, string(w.key)); i >= 0 {
				s.found[i] = w.text()
			}
		}
	}
	x.mark(s.found)
	switch kind {
	case Outline:
		x.lines(points)
	case Dots:
		x.dots(points)
	}
	fn(x)
}

// mark joins what evaluations say; "-" for those that say nothing, if another one says something.
func (s *Shape) mark(found [][]byte) {
	said := false
	for i, one := range found {
		if i > 0 {
			s.Mark = append(s.Mark, '/')
		}
		if len(one) == 0 {
			s.Mark = append(s.Mark, '-')
			continue
		}
		said = true
		s.Mark = append(s.Mark, bytes.ToUpper(one)...)
	}
	if !said {
		s.Mark = s.Mark[:0]
	}
}

func (e elem) isTrue() bool { return e.t == bson.TypeBoolean && e.v[0] != 0 }

// turn reads a rotation. FiftyOne's are radians; what is beyond a whole turn of them can only be the
// degrees that labels from CVAT have.
func (s *Shape) turn(e elem) {
	s.Turn, _ = e.finite()
	if math.Abs(s.Turn) > 2*math.Pi {
		s.Turn *= math.Pi / 180
	}
}

// box reads the four numbers of a box; an empty list is not a box.
func (s *Shape) box(e elem) {
	if !e.isArray() {
		return
	}
	n := 0
	for w := walk(e.v); w.next(); n++ {
		v, ok := w.finite()
		if !ok || n == len(s.Box) {
			s.Broken = true
			return
		}
		s.Box[n] = v
	}
	s.HasBox = n == len(s.Box) && s.Box[2] >= 0 && s.Box[3] >= 0
	s.Broken = n > 0 && !s.HasBox
}

// lines reads the points of a polyline, leaving out those that are not numbers.
func (s *Shape) lines(e elem) {
	if !e.isArray() {
		return
	}
	missing := false
	for line := walk(e.v); line.next(); {
		if !line.isArray() {
			continue
		}
		for w := walk(line.v); w.next(); {
			if p, ok := w.point(); ok {
				s.Points = append(s.Points, p)
			} else {
				missing = true
			}
		}
		if len(s.Ends) == 0 && len(s.Points) > 0 || len(s.Ends) > 0 && s.Ends[len(s.Ends)-1] < len(s.Points) {
			s.Ends = append(s.Ends, len(s.Points))
		}
	}
	s.Broken = missing && len(s.Points) == 0
}

// dots reads the points of a keypoint.
func (s *Shape) dots(e elem) {
	if !e.isArray() {
		return
	}
	for w := walk(e.v); w.next(); {
		p, ok := w.point()
		if !ok {
			p = Point{math.NaN(), math.NaN()}
		}
		s.Points = append(s.Points, p)
	}
}

// scores reads the confidences of a keypoint's points.
func (s *Shape) scores(e elem) {
	if !e.isArray() {
		return
	}
	for w := walk(e.v); w.next(); {
		score, ok := w.finite()
		if !ok {
			score = math.NaN()
		}
		s.Scores = append(s.Scores, score)
	}
}

// point is a list that begins with two finite numbers.
func (e elem) point() (p Point, ok bool) {
	if !e.isArray() {
		return p, false
	}
	w := walk(e.v)
	if !w.next() {
		return p, false
	}
	if p.X, ok = w.finite(); !ok || !w.next() {
		return p, false
	}
	p.Y, ok = w.finite()
	return p, ok
}

// ShapePaths lists what a Shaper needs of a field, as paths below it: nothing for labels that
// are not drawn. Masks and maps, which are large, are among them only if rasters are asked for.
// Marks are those of NewMarkingShaper.
func ShapePaths(labelType string, rasters bool, marks ...string) []string {
	k, list := kindOf([]byte(labelType)), ""
	if k.isList() {
		list, k = specs[k].key+".", specs[k].item
	}
	one := specs[k]
	if one.shape == 0 {
		return nil
	}
	own := slices.Concat(one.drawn, marks)
	if rasters {
		own = slices.Concat(one.drawn, one.raster, marks)
	}
	paths := []string{"_cls"}
	for _, path := range own {
		paths = append(paths, list+path)
	}
	return paths
}
