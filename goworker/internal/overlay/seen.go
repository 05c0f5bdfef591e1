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

const (
	// fewClasses is how many classes need no counting: there is room for all of them in masks.
	fewClasses = 120
	// firstRows is how many rows Sample looks at.
	firstRows = 2000
)

// Sample learns the classes of the labels of a view's first rows, which most often are those of all its rows. It reports
// whether they are few: then, if they are all, they get the same ids as Survey's. A Drawer reports any other as LateClass.
// run runs stages behind the view's own.
func (s *ClassSpec) Sample(fields []SeenField, mode MaskMode, run func(stages []bson.D, row func(bson.Raw)) error) (few bool, err error) {
	if slices.Contains(s.Targets, nil) {
		return false, nil // masks may bring further classes
	}
	few, err = s.find(fields, mode, func(stages []bson.D, row func(bson.Raw)) error {
		return run(append([]bson.D{{{Key: "$limit", Value: firstRows}}}, stages...), row)
	})
	return few && !s.Truncated && len(s.Seen)+len(s.Default)+s.named() <= fewClasses, err
}

// Survey learns the classes of a view's labels. run runs stages behind the view's own.
func (s *ClassSpec) Survey(fields []SeenField, mode MaskMode, run func(stages []bson.D, row func(bson.Raw)) error) error {
	if few, err := s.find(fields, mode, run); few || err != nil {
		return err
	}
	s.Seen, s.Truncated = nil, false
	return run(countStages(fields, mode), s.readSeen)
}

// find lists the classes. It is false where they need counting: many, with masks.
func (s *ClassSpec) find(fields []SeenField, mode MaskMode, run func(stages []bson.D, row func(bson.Raw)) error) (few bool, err error) {
	names := nameStages(fields)
	if names == nil {
		return true, nil
	}
	s.Seen, s.Truncated = nil, false
	if err := run(names, s.readSeen); err != nil {
		return false, err
	}
	masked := false
	if stages := maskStages(fields, mode); stages != nil {
		if err := run(stages, func(bson.Raw) { masked = true }); err != nil {
			return false, err
		}
	}
	if !masked {
		return true, nil
	}
	if len(s.Seen) <= fewClasses-s.named() {
		s.setMasks()
		return true, nil
	}
	return false, nil
}

// named counts the classes that mask targets name.
func (s *ClassSpec) named() (n int) {
	for _, t := range s.Targets {
		n += len(t.classes())
	}
	return n
}

// setMasks is for few classes: which of them have masks matters where there are too many.
func (s *ClassSpec) setMasks() {
	for i := range s.Seen {
		s.Seen[i].Masks = s.Seen[i].Rows
	}
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
	for _, f := range fields {
		list, _ := f.list()
		either = append(either, f.maskMatches(list+".", mode)...)
	}
	if either == nil {
		return nil
	}
	return []bson.D{
		{{Key: "$match", Value: bson.D{{Key: "$or", Value: either}}}},
		{{Key: "$limit", Value: 1}},
		{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
	}
}

// maskMatches are the conditions of which one holds where a label is drawn as a mask, as hasMask has them.
func (f SeenField) maskMatches(prefix string, mode MaskMode) (either bson.A) {
	is := func(key string, types ...string) {
		either = append(either, bson.D{{Key: prefix + key, Value: bson.D{{Key: "$type", Value: types}}}})
	}
	switch f.Type {
	case "Detections", "Detection":
		is("mask", "binData", "array")
		is("mask_path", "string")
		if mode == AllMasks {
			is("rotation", "double", "int", "long")
		}
	case "Polylines", "Polyline":
		either = append(either, bson.D{{Key: prefix + "filled", Value: true}})
		if mode == AllMasks {
			either = append(either, bson.D{{Key: prefix + "closed", Value: true}})
		}
	}
	if mode == NoMasks {
		return nil
	}
	return either
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
	unlabelled := bson.D{{Key: "$lt", Value: bson.A{size(labels), size(all)}}} // labels that are not there are not in the list
	names := bson.D{{Key: "$concatArrays", Value: bson.A{labels, cond(unlabelled, bson.A{""}, bson.A{})}}}
	return cond(bson.D{{Key: "$isArray", Value: all}}, names, bson.A{})
}

// seen is the expression for the list of a field's classes in a document, and whether they are drawn as masks.
func (f SeenField) seen(mode MaskMode) any {
	if path, _ := f.list(); path == "" {
		return nil
	}
	return f.eachLabel(bson.D{
		{Key: "l", Value: cond(typeIs("$$x.label", "string"), "$$x.label", "")},
		{Key: "m", Value: f.hasMask(mode)},
	})
}

// eachLabel is the list of an expression's values for the field's labels, each as $$x.
func (f SeenField) eachLabel(value any) bson.D {
	path, single := f.list()
	list := "$" + path
	var input any = cond(bson.D{{Key: "$isArray", Value: list}}, list, bson.A{})
	if single {
		input = cond(typeIs(list, "object"), bson.A{list}, bson.A{})
	}
	return bson.D{{Key: "$map", Value: bson.D{
		{Key: "input", Value: input}, {Key: "as", Value: "x"}, {Key: "in", Value: value},
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
