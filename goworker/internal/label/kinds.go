package label

import (
	"bytes"
	"slices"
	"strconv"
)

// kind is a label class of FiftyOne's own.
type kind uint8

const (
	unknown kind = iota
	regression
	classification
	detection
	temporalDetection
	polyline
	keypoint
	segmentation
	heatmap
	geoLocation
	geoLocations
	classifications
	detections
	temporalDetections
	polylines
	keypoints
)

// spec is all that is particular about a kind of label. A new label type is one more kind and its spec.
type spec struct {
	name string // of its class
	// parts is what its text is made of, as paths below it, beside _cls and _id.
	parts []string
	// text writes its text and returns the number of predictions that it is. Lists have none.
	text func(f *Formatter, d *fields, leaf *Leaf) int

	// shape is what it is drawn as; 0 for what is not drawn. It is found by drawn, and with masks by raster too.
	shape         ShapeKind
	drawn, raster []string

	// A list of labels keeps items of another kind under a key, and its text calls them so.
	item   kind
	key    string
	items  func(d *fields) elem
	plural string
}

var specs = [...]spec{
	unknown: {text: (*Formatter).other},
	regression: {name: "Regression", parts: []string{"value", "confidence"},
		text: func(f *Formatter, d *fields, _ *Leaf) int { f.value(d.value, d.confidence); return 1 }},
	classification: {name: "Classification", parts: named, text: (*Formatter).named, shape: Word, drawn: named},
	detection: {name: "Detection", parts: named, text: (*Formatter).named, shape: Rectangle,
		drawn: []string{"label", "confidence", "bounding_box", "rotation"}, raster: []string{"mask", "mask_path"}},
	temporalDetection: {name: "TemporalDetection", parts: []string{"label", "confidence", "support"}, text: (*Formatter).temporal},
	polyline: {name: "Polyline", parts: []string{"label", "confidence", "points", "points3d"}, text: (*Formatter).polyline,
		shape: Outline, drawn: []string{"label", "confidence", "points", "closed", "filled"}},
	keypoint: {name: "Keypoint", parts: named, text: (*Formatter).keypoint, shape: Dots, drawn: []string{"label", "confidence", "points"}},
	segmentation: {name: "Segmentation", shape: Area, raster: []string{"mask", "mask_path"},
		text: func(f *Formatter, _ *fields, _ *Leaf) int { f.add("segmentation mask"); return 1 }},
	heatmap: {name: "Heatmap", parts: []string{"range"}, text: (*Formatter).heatmap, shape: Map, raster: []string{"map", "map_path", "range"}},
	geoLocation: {name: "GeoLocation", parts: []string{"point", "line", "polygon"},
		text: func(f *Formatter, d *fields, _ *Leaf) int { f.geo(d); return 1 }},
	geoLocations: {name: "GeoLocations", parts: []string{"points", "lines", "polygons"}, text: (*Formatter).geos},
	classifications: {name: "Classifications", item: classification, key: "classifications", plural: " classifications",
		items: func(d *fields) elem { return d.classifications }},
	detections: {name: "Detections", item: detection, key: "detections", plural: " detections",
		items: func(d *fields) elem { return d.detections }},
	temporalDetections: {name: "TemporalDetections", item: temporalDetection, key: "detections", plural: " temporal detections",
		items: func(d *fields) elem { return d.detections }},
	polylines: {name: "Polylines", item: polyline, key: "polylines", plural: " polylines",
		items: func(d *fields) elem { return d.polylines }},
	keypoints: {name: "Keypoints", item: keypoint, key: "keypoints", plural: " keypoints",
		items: func(d *fields) elem { return d.keypoints }},
}

// named is what most labels are made of.
var named = []string{"label", "confidence"}

// kindsByName are the kinds by their classes' names.
var kindsByName = func() map[string]kind {
	byName := make(map[string]kind, len(specs))
	for k := unknown + 1; int(k) < len(specs); k++ {
		byName[specs[k].name] = k
	}
	return byName
}()

// kindOf is the kind of a class name, unknown for the users' own classes.
func kindOf(name []byte) kind { return kindsByName[string(name)] }

func (k kind) isList() bool { return specs[k].item != unknown }

// className is the bare class that a _cls names: a document library may write
// it with its parents and dots in front.
func className(cls elem) []byte {
	name := cls.text()
	return name[bytes.LastIndexByte(name, '.')+1:]
}

// temporal writes "cat (0.95) @ [10, 45]".
func (f *Formatter) temporal(d *fields, leaf *Leaf) int {
	n := f.named(d, leaf)
	f.add(" @ ")
	f.numbers(d.support)
	return n
}

// polyline writes "cat (25 points)".
func (f *Formatter) polyline(d *fields, leaf *Leaf) int {
	f.or(leaf.Class, "polyline")
	f.points(d.points.depth(2) + d.points3d.depth(2))
	return 1
}

func (f *Formatter) keypoint(_ *fields, leaf *Leaf) int {
	f.or(leaf.Class, "keypoint")
	return 1
}

// geos writes "3 geolocations".
func (f *Formatter) geos(d *fields, _ *Leaf) int {
	n := d.points.coordinates().depth(1) + d.lines.coordinates().depth(1) + d.polygons.coordinates().depth(1)
	f.text = strconv.AppendInt(f.text, int64(n), 10)
	f.add(" geolocations")
	return n
}

// other writes the name of a user's own class.
func (f *Formatter) other(d *fields, _ *Leaf) int {
	f.or(className(d.cls), "label")
	return 1
}

// fields are the parts of a label that matter for some kind of it.
type fields struct {
	cls, id, label, confidence, value, span, support  elem
	points, points3d                                  elem
	point, line, polygon, lines, polygons             elem
	detections, classifications, polylines, keypoints elem
}

// scan finds the parts in a document, in whatever order they stand.
func (d *fields) scan(doc []byte) {
	for w := walk(doc); w.next(); {
		if at := d.slot(w.key); at != nil {
			*at = w.elem
		}
	}
}

// slot is where the value of a key belongs; nil for keys that do not matter.
func (d *fields) slot(key []byte) *elem {
	switch string(key) {
	case "_cls":
		return &d.cls
	case "_id":
		return &d.id
	case "label":
		return &d.label
	case "confidence":
		return &d.confidence
	case "value":
		return &d.value
	case "range":
		return &d.span
	case "support":
		return &d.support
	case "points":
		return &d.points
	case "points3d":
		return &d.points3d
	case "detections":
		return &d.detections
	case "classifications":
		return &d.classifications
	case "polylines":
		return &d.polylines
	case "keypoints":
		return &d.keypoints
	case "point":
		return &d.point
	case "line":
		return &d.line
	case "polygon":
		return &d.polygon
	case "lines":
		return &d.lines
	case "polygons":
		return &d.polygons
	}
	return nil
}

// guess is the kind that a user's own class resembles, if its field's type does
// not tell either.
func (d *fields) guess() kind {
	if len(d.label.text()) > 0 {
		return classification
	}
	for _, k := range [...]kind{detections, classifications, polylines, keypoints} {
		if specs[k].items(d).isArray() {
			return k
		}
	}
	if _, ok := d.value.finite(); ok {
		return regression
	}
	return unknown
}

// leafPaths is what every item of a list is asked for.
var leafPaths = []string{"_id", "label", "confidence"}

// Paths lists what Format needs of a field, as paths below it, so that masks,
// maps, logits, boxes and a list's points stay in MongoDB. labelType is the
// field's label class; for a class that is not FiftyOne's own the paths cover
// what a label of any class may hold.
func Paths(labelType string) []string {
	k := kindOf([]byte(labelType))
	switch s := specs[k]; {
	case k == unknown:
		paths := append([]string{"_cls", "value", "range", "support", "points", "points3d", "point", "line", "polygon", "lines", "polygons"}, leafPaths...)
		for _, list := range [...]kind{classifications, detections, keypoints, polylines} {
			paths = append(paths, listPaths(specs[list].key)...)
		}
		return paths
	case k.isList():
		return append(listPaths(s.key), "_cls")
	default:
		return append(slices.Clone(s.parts), "_cls", "_id")
	}
}

func listPaths(key string) []string {
	paths := make([]string, 0, len(leafPaths)+1)
	for _, p := range leafPaths {
		paths = append(paths, key+"."+p)
	}
	return paths
}
