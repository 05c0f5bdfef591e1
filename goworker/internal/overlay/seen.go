package overlay

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// SeenField is a field whose labels have classes.
type SeenField struct {
	Field
	// DBPath is its path in the documents.
	DBPath string
}

// SeenStages are the stages that count, behind a view's own, the classes of its labels, the ones first
// that need an id in masks most; nil if no field has classes. There are up to MaxClasses + 1 rows:
// see ReadSeen.
func SeenStages(fields []SeenField, mode MaskMode) []bson.D {
	var lists bson.A
	for _, f := range fields {
		if list := f.seen(mode); list != nil {
			lists = append(lists, list)
		}
	}
	if lists == nil {
		return nil
	}
	// Each class once for each row: far less to unwind than every label.
	return []bson.D{
		{{Key: "$project", Value: bson.D{{Key: "_id", Value: 0}, {Key: "c", Value: bson.D{{Key: "$setUnion", Value: lists}}}}}},
		{{Key: "$unwind", Value: "$c"}},
		{{Key: "$group", Value: bson.D{
			{Key: "_id", Value: "$c.l"},
			{Key: "rows", Value: bson.D{{Key: "$sum", Value: 1}}},
			{Key: "masks", Value: bson.D{{Key: "$sum", Value: cond("$c.m", 1, 0)}}},
		}}},
		{{Key: "$sort", Value: bson.D{{Key: "masks", Value: -1}, {Key: "rows", Value: -1}, {Key: "_id", Value: 1}}}},
		{{Key: "$limit", Value: MaxClasses + 1}},
	}
}

// seen is the expression for the list of a field's classes in a document.
func (f SeenField) seen(mode MaskMode) any {
	list, single := "$"+f.DBPath, false
	switch f.Type {
	case "Detections":
		list += ".detections"
	case "Polylines":
		list += ".polylines"
	case "Keypoints":
		list += ".keypoints"
	case "Detection", "Polyline", "Keypoint":
		single = true
	default:
		return nil
	}
	var input any = cond(bson.D{{Key: "$isArray", Value: list}}, list, bson.A{})
	if single {
		input = cond(typeIs(list, "object"), bson.A{list}, bson.A{})
	}
	return bson.D{{Key: "$map", Value: bson.D{
		{Key: "input", Value: input},
		{Key: "as", Value: "x"},
		{Key: "in", Value: bson.D{
			{Key: "l", Value: cond(typeIs("$$x.label", "string"), "$$x.label", "")},
			{Key: "m", Value: f.hasMask(mode)},
		}},
	}}}
}

// hasMask is the expression for whether a label is drawn as a mask.
func (f SeenField) hasMask(mode MaskMode) any {
	var is bson.A
	switch f.Type {
	case "Detections", "Detection":
		is = bson.A{typeIs("$$x.mask", "binData", "array"), typeIs("$$x.mask_path", "string")}
		if mode == AllMasks {
			is = append(is, typeIs("$$x.rotation", "double", "int", "long"))
		}
	case "Polylines", "Polyline":
		is = bson.A{isTrue("$$x.filled")}
		if mode == AllMasks {
			is = append(is, isTrue("$$x.closed"))
		}
	}
	if mode == NoMasks || is == nil {
		return bson.D{{Key: "$literal", Value: false}}
	}
	return bson.D{{Key: "$or", Value: is}}
}

func typeIs(path string, types ...string) bson.D {
	return bson.D{{Key: "$in", Value: bson.A{bson.D{{Key: "$type", Value: path}}, types}}}
}

func isTrue(path string) bson.D { return bson.D{{Key: "$eq", Value: bson.A{path, true}}} }

func cond(is, then, otherwise any) bson.D {
	return bson.D{{Key: "$cond", Value: bson.A{is, then, otherwise}}}
}

// ReadSeen adds a row of the stages' result to the spec.
func (s *ClassSpec) ReadSeen(row bson.Raw) {
	if len(s.Seen) == MaxClasses {
		s.Truncated = true
		return
	}
	name, _ := row.Lookup("_id").StringValueOK()
	rows, _ := row.Lookup("rows").AsInt64OK()
	masks, _ := row.Lookup("masks").AsInt64OK()
	s.Seen = append(s.Seen, Seen{Name: name, Rows: rows, Masks: masks})
}
