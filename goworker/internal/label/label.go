// Package label turns the labels of a FiftyOne sample, as raw BSON, into the
// texts of table cells, and finds their ids, confidences and classes on the way.
package label

import (
	"math"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Label is what there is to know about one label of one sample. Its slices
// belong to the Formatter or point into the document that was formatted.
type Label struct {
	// Null is true where there is no label; everything else is empty then.
	Null bool
	// Text is the cell's text.
	Text []byte
	// Leaves are the single labels in stored order: the items of a list such as
	// Detections, else the label itself.
	Leaves []Leaf
	// Count is the number of predictions: the items of a list, the shapes of
	// GeoLocations, else 1.
	Count int
	// Avg is the mean of the leaves' confidences, not rounded; only with HasAvg.
	Avg    float64
	HasAvg bool
}

// Leaf is one single label.
type Leaf struct {
	// ID is the label's id; only with HasID.
	ID    bson.ObjectID
	HasID bool
	// Class is the label's class; nil where it has none.
	Class []byte
	// Confidence is always finite, for keypoints the mean over their points;
	// only with HasConfidence.
	Confidence    float64
	HasConfidence bool
}

// Formatter formats labels. It holds scratch memory that it uses again for each
// label, so every goroutine needs its own.
type Formatter struct {
	kind    kind
	parts   fields // of the current label
	text    []byte
	leaves  []Leaf
	classes counter
}

// NewFormatter makes a formatter for a field. labelType is the field's label
// class in FiftyOne's schema, such as "Detections"; it decides where a document
// names no class that FiftyOne has, and may be empty.
func NewFormatter(labelType string) *Formatter {
	return &Formatter{kind: kindOf([]byte(labelType))}
}

// Format formats one label. It never fails: values of odd types and whatever
// stands behind a defect in the BSON count as absent. Numbers that are not finite
// are in the text as Python prints them, and nowhere else. The result is valid
// until the next call, and as long as v's bytes are.
func (f *Formatter) Format(v bson.RawValue) Label {
	f.reset()
	if v.Type != bson.TypeEmbeddedDocument || !plausible(v.Value) {
		return Label{Null: true}
	}
	d := &f.parts
	*d = fields{}
	d.scan(v.Value)
	k := kindOf(className(d.cls))
	if k == unknown {
		k = f.kind
	}
	if k == unknown {
		k = d.guess()
	}
	if k.isList() {
		return f.list(k, d)
	}
	return f.single(k, d)
}

// single formats a label that is not a list of labels.
func (f *Formatter) single(k kind, d *fields) Label {
	f.leaves = append(f.leaves, Leaf{Class: class(d.label)})
	leaf := &f.leaves[0]
	leaf.ID, leaf.HasID = d.id.objectID()
	leaf.Confidence, leaf.HasConfidence = d.confidence.mean()
	count := specs[k].text(f, d, leaf)
	return Label{Text: f.text, Leaves: f.leaves, Count: count, Avg: leaf.Confidence, HasAvg: leaf.HasConfidence}
}

// mostKept is up to which size scratch memory is kept for the next label, in elements.
const mostKept = 64 << 10

// reset makes the scratch memory ready for the next label. What a very large one has taken is given back.
func (f *Formatter) reset() {
	if f.text = f.text[:0]; cap(f.text) > mostKept {
		f.text = nil
	}
	if f.leaves = f.leaves[:0]; cap(f.leaves) > mostKept {
		f.leaves = nil
	}
	if cap(f.classes.all) > mostKept {
		f.classes = counter{}
	}
}

func (f *Formatter) add(s string) { f.text = append(f.text, s...) }

// or writes the name, or instead what stands in for a missing one.
func (f *Formatter) or(name []byte, instead string) {
	if len(name) == 0 {
		f.add(instead)
		return
	}
	f.text = append(f.text, name...)
}

// named writes "cat (0.95)". What is missing prints as None: so do the tables
// that people have already, which came from Python.
func (f *Formatter) named(d *fields, _ *Leaf) int {
	if s := d.label.text(); s != nil {
		f.text = slices.Grow(f.text, len(s)+32) // with the confidence at once
		f.text = append(f.text, s...)
	} else {
		f.add("None")
	}
	f.certainty(d.confidence)
	return 1
}

// certainty writes " (0.95)" where there is a confidence, even 0.
func (f *Formatter) certainty(confidence elem) {
	x, ok := confidence.mean()
	if !ok {
		if x, ok = confidence.number(); !ok {
			return
		}
	}
	f.add(" (")
	f.rounded(x)
	f.add(")")
}

// value writes a regression. FiftyOne holds its value as a float even where an
// integer is stored, so 3 prints as 3.0.
func (f *Formatter) value(v, confidence elem) {
	if x, ok := v.number(); ok {
		f.text = appendPythonFloat(f.text, x)
	} else {
		f.add("None")
	}
	f.certainty(confidence)
}

// points writes " (25 points)".
func (f *Formatter) points(n int) {
	f.add(" (")
	f.text = strconv.AppendInt(f.text, int64(n), 10)
	f.add(" points)")
}

// heatmap writes "heatmap [0.00, 1.00]".
func (f *Formatter) heatmap(d *fields, _ *Leaf) int {
	f.add("heatmap")
	lo, hi, ok := d.span.pair()
	if !ok {
		return 1
	}
	f.add(" [")
	f.rounded(lo)
	f.add(", ")
	f.rounded(hi)
	f.add("]")
	return 1
}

// rounded writes a number with two decimals.
func (f *Formatter) rounded(x float64) {
	if name := notFinite(x); name != "" {
		f.add(name)
		return
	}
	f.text = strconv.AppendFloat(f.text, x, 'f', 2, 64)
}

// geo writes the first shape that a GeoLocation has.
func (f *Formatter) geo(d *fields) {
	if c := d.point.coordinates(); c.allNumbers() {
		f.add("point ")
		f.numbers(c)
	} else if n := d.line.coordinates().depth(1); n > 0 {
		f.add("line")
		f.points(n)
	} else if n := d.polygon.coordinates().depth(2); n > 0 {
		f.add("polygon")
		f.points(n)
	} else {
		f.add("geolocation")
	}
}

// numbers writes a list as Python prints it: [10, 45] or [-73.99, 40.73].
// Stored integers stay integers, since FiftyOne hands lists out as they are.
func (f *Formatter) numbers(e elem) {
	if !e.allNumbers() {
		f.add("None")
		return
	}
	sep := "["
	for w := walk(e.v); w.next(); sep = ", " {
		f.add(sep)
		if x, ok := w.integer(); ok {
			f.text = strconv.AppendInt(f.text, x, 10)
		} else {
			x, _ := w.number()
			f.text = appendPythonFloat(f.text, x)
		}
	}
	f.add("]")
}

// notFinite is how Python prints a number that is not finite; empty for others.
func notFinite(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return ""
}

// appendPythonFloat appends a number as repr prints it in Python: the shortest
// digits that read back as the same number, always with a point or an exponent,
// and an exponent below 1e-4 and from 1e16 on.
func appendPythonFloat(b []byte, x float64) []byte {
	if name := notFinite(x); name != "" {
		return append(b, name...)
	}
	a := math.Abs(x)
	if a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	b = strconv.AppendFloat(b, x, 'f', -1, 64)
	if x == math.Trunc(x) {
		b = append(b, ".0"...)
	}
	return b
}
