package view

// RowKind says what a row of a view stands for.
type RowKind int

// The kinds of rows.
const (
	RowSample RowKind = iota
	RowPatch
	RowClip
	RowFrame
)

// Field is one field of a view's schema.
type Field struct {
	// Path is as users write it, DBPath as the documents have it.
	Path, DBPath string
	// LabelType is the nearest label class of FiftyOne's own.
	LabelType string
	// FieldType and ItemType are the classes of a plain field and of its items.
	FieldType, ItemType string
}

// IsText reports whether the field holds strings, not labels.
func (f Field) IsText() bool { return f.FieldType == "StringField" }

// FieldPaths are the fields' paths as users write them.
func FieldPaths(fields []Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Path
	}
	return out
}
