package label

import (
	"bytes"
	"slices"
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
	// The lists of labels stand last: see isList.
	classifications
	detections
	temporalDetections
	polylines
	keypoints
)

// kindOf is the kind of a class name, unknown for the users' own classes.
func kindOf(name []byte) kind {
	switch string(name) {
	case "Regression":
		return regression
	case "Classification":
		return classification
	case "Classifications":
		return classifications
	case "Detection":
		return detection
	case "Detections":
		return detections
	case "TemporalDetection":
		return temporalDetection
	case "TemporalDetections":
		return temporalDetections
	case "Polyline":
		return polyline
	case "Polylines":
		return polylines
	case "Keypoint":
		return keypoint
	case "Keypoints":
		return keypoints
	case "Segmentation":
		return segmentation
	case "Heatmap":
		return heatmap
	case "GeoLocation":
		return geoLocation
	case "GeoLocations":
		return geoLocations
	}
	return unknown
}

func (k kind) isList() bool { return k >= classifications }

// plural is how a list's text calls its items.
func (k kind) plural() string {
	switch k {
	case classifications:
		return " classifications"
	case temporalDetections:
		return " temporal detections"
	case polylines:
		return " polylines"
	case keypoints:
		return " keypoints"
	default:
		return " detections"
	}
}

// className is the bare class that a _cls names: a document library may write
// it with its parents and dots in front.
func className(cls elem) []byte {
	name := cls.text()
	return name[bytes.LastIndexByte(name, '.')+1:]
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

// items is the list of a list kind.
func (d *fields) items(k kind) elem {
	switch k {
	case classifications:
		return d.classifications
	case polylines:
		return d.polylines
	case keypoints:
		return d.keypoints
	default:
		return d.detections
	}
}

// guess is the kind that a user's own class resembles, if its field's type does
// not tell either.
func (d *fields) guess() kind {
	if len(d.label.text()) > 0 {
		return classification
	}
	for _, k := range [...]kind{detections, classifications, polylines, keypoints} {
		if d.items(k).isArray() {
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
	switch k := kindOf([]byte(labelType)); k {
	case unknown:
		paths := append([]string{"_cls", "value", "range", "support", "points", "points3d", "point", "line", "polygon", "lines", "polygons"}, leafPaths...)
		for _, key := range []string{"classifications", "detections", "keypoints", "polylines"} {
			paths = append(paths, listPaths(key)...)
		}
		return paths
	case classifications:
		return append(listPaths("classifications"), "_cls")
	case detections, temporalDetections:
		return append(listPaths("detections"), "_cls")
	case polylines:
		return append(listPaths("polylines"), "_cls")
	case keypoints:
		return append(listPaths("keypoints"), "_cls")
	default:
		return append(ownPaths(k), "_cls", "_id")
	}
}

func listPaths(key string) []string {
	paths := make([]string, 0, len(leafPaths)+1)
	for _, p := range leafPaths {
		paths = append(paths, key+"."+p)
	}
	return paths
}

// ownPaths is what a single label of a kind is made of.
func ownPaths(k kind) []string {
	named := slices.Clone(leafPaths[1:])
	switch k {
	case regression:
		return []string{"value", "confidence"}
	case temporalDetection:
		return append(named, "support")
	case polyline:
		return append(named, "points", "points3d")
	case heatmap:
		return []string{"range"}
	case geoLocation:
		return []string{"point", "line", "polygon"}
	case geoLocations:
		return []string{"points", "lines", "polygons"}
	case segmentation:
		return nil
	default:
		return named
	}
}
