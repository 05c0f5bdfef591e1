package overlay

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// SeenField is a field whose labels have classes.
type SeenField struct {
	Field
	// DBPath is its path in the documents.
	DBPath string
}

// fewClasses is how many classes need no counting: there is room for all of them in masks.
const fewClasses = 120

// Survey learns the classes of a view's labels. run runs stages behind the view's own.
func (s *ClassSpec) Survey(fields []SeenField, mode MaskMode, run func(stages []bson.D, row func(bson.Raw)) error) error {
	names := nameStages(fields)
	if names == nil {
		return nil
	}
	if err := run(names, s.readSeen); err != nil {
		return err
	}
	masked := false
	if stages := maskStages(fields, mode); stages != nil {
		if err := run(stages, func(bson.Raw) { masked = true }); err != nil {
			return err
		}
	}
	if !masked {
		return nil
	}
	room := fewClasses
	for _, t := range s.Targets {
		room -= len(t.classes())
	}
	if len(s.Seen) <= room {
		for i := range s.Seen {
			s.Seen[i].Masks = s.Seen[i].Rows // which of them have masks matters where there are too many
		}
		return nil
	}
	s.Seen, s.Truncated = nil, false
	return run(countStages(fields, mode), s.readSeen)
}

// nameStages list the names of labels and in how many rows they occur. It looks at no more than the
// names: this is read before the rows, and should cost a small part of them. nil if no field has classes.
func nameStages(fields []SeenField) []bson.D {
	var lists bson.A
	for _, f := range fields {
		if list := f.names(); list != nil {
			lists = append(lists, list)
		}
	}
	if lists == nil {
		return nil
	}
	name := cond(typeIs("$c", "string"), "$c", "")
	return append(union(lists), grouped(name, bson.E{Key: "rows", Value: bson.D{{Key: "$sum", Value: 1}}})...)
}

// maskStages find a row with a mask; nil where no field can have one.
func maskStages(fields []SeenField, mode MaskMode) []bson.D {
	var either bson.A
	is := func(path string, types ...string) {
		either = append(either, bson.D{{Key: path, Value: bson.D{{Key: "$type", Value: types}}}})
	}
	for _, f := range fields {
		list, _ := f.list()
		switch f.Type {
		case "Detections", "Detection":
			is(list+".mask", "binData", "array")
			is(list+".mask_path", "string")
			if mode == AllMasks {
				is(list+".rotation", "double", "int", "long")
			}
		case "Polylines", "Polyline":
			either = append(either, bson.D{{Key: list + ".filled", Value: true}})
			if mode == AllMasks {
				either = append(either, bson.D{{Key: list + ".closed", Value: true}})
			}
		}
	}
	if mode == NoMasks || either == nil {
		return nil
	}
	return []bson.D{
		{{Key: "$match", Value: bson.D{{Key: "$or", Value: either}}}},
		{{Key: "$limit", Value: 1}},
		{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
	}
}

// countStages count the classes, the ones first that need an id in masks most.
func countStages(fields []SeenField, mode MaskMode) []bson.D {
	var lists bson.A
	for _, f := range fields {
		if list := f.seen(mode); list != nil {
			lists = append(lists, list)
		}
	}
	return append(union(lists), grouped("$c.l",
		bson.E{Key: "rows", Value: bson.D{{Key: "$sum", Value: 1}}},
		bson.E{Key: "masks", Value: bson.D{{Key: "$sum", Value: cond("$c.m", 1, 0)}}})...)
}

// union makes documents c of what lists hold: of each value one for each row, which is far less than one
// for every label.
func union(lists bson.A) []bson.D {
	return []bson.D{
		{{Key: "$project", Value: bson.D{{Key: "_id", Value: 0}, {Key: "c", Value: bson.D{{Key: "$setUnion", Value: lists}}}}}},
		{{Key: "$unwind", Value: "$c"}},
	}
}

// grouped counts by name. There are up to MaxClasses + 1 rows: see readSeen.
func grouped(name any, counts ...bson.E) []bson.D {
	return []bson.D{
		{{Key: "$group", Value: append(bson.D{{Key: "_id", Value: name}}, counts...)}},
		{{Key: "$sort", Value: bson.D{{Key: "masks", Value: -1}, {Key: "rows", Value: -1}, {Key: "_id", Value: 1}}}},
		{{Key: "$limit", Value: MaxClasses + 1}},
	}
}

// list is the path of the field's single labels, and whether there is only one.
func (f SeenField) list() (path string, single bool) {
	switch f.Type {
	case "Detections":
		return f.DBPath + ".detections", false
	case "Polylines":
		return f.DBPath + ".polylines", false
	case "Keypoints":
		return f.DBPath + ".keypoints", false
	case "Detection", "Polyline", "Keypoint":
		return f.DBPath, true
	}
	return "", false
}

// names is the expression for the list of a field's names in a document, in which "" and what is not text
// stand for labels without one.
func (f SeenField) names() any {
	path, single := f.list()
	switch {
	case path == "":
		return nil
	case single:
		return cond(typeIs("$"+path, "object"), bson.A{"$" + path + ".label"}, bson.A{})
	}
	size := func(path string) bson.D { return bson.D{{Key: "$size", Value: path}} }
	labels, all := "$"+path+".label", "$"+path
	some := bson.D{{Key: "$lt", Value: bson.A{size(labels), size(all)}}} // labels that are not there are not in the list
	names := bson.D{{Key: "$concatArrays", Value: bson.A{labels, cond(some, bson.A{""}, bson.A{})}}}
	return cond(bson.D{{Key: "$isArray", Value: all}}, names, bson.A{})
}

// seen is the expression for the list of a field's classes in a document, and whether they are drawn as masks.
func (f SeenField) seen(mode MaskMode) any {
	path, single := f.list()
	if path == "" {
		return nil
	}
	list := "$" + path
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

// readSeen adds a row of the stages' result, which may come from several places.
func (s *ClassSpec) readSeen(row bson.Raw) {
	name, _ := row.Lookup("_id").StringValueOK()
	rows, _ := row.Lookup("rows").AsInt64OK()
	masks, _ := row.Lookup("masks").AsInt64OK()
	if i := slices.IndexFunc(s.Seen, func(x Seen) bool { return x.Name == name }); i >= 0 {
		s.Seen[i].Rows += rows
		s.Seen[i].Masks += masks
		return
	}
	if len(s.Seen) == MaxClasses {
		s.Truncated = true
		return
	}
	s.Seen = append(s.Seen, Seen{Name: name, Rows: rows, Masks: masks})
}
