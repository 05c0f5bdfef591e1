package table

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
)

// Types are the types of a table's columns as some of its rows have them. Several writers that have one part of the table each can so
// agree on the types of all rows, which stand at the end of each part: Merge has the result of one writer.
//
// They are kept and sent as JSON.
type Types struct{ cols []column }

// Body is a table, or a part of one, that still lacks its end.
type Body struct {
	// Parts is the number of rows of each part.
	Parts []int64
	Types Types
}

// SetTexts makes texts of all cells of these columns, counted from 0. It comes before the first row.
func (w *Writer) SetTexts(columns []int) {
	for _, i := range columns {
		if i < 0 || i >= len(w.cols) || w.rows > 0 {
			w.fail(errors.New("table: a column cannot become one of texts"))
			return
		}
		w.cols[i].become(0)
	}
}

// CloseRows ends the rows without the end of the parts, which Footer gives when the types of all rows of the table are known. The
// files are put aside, and not closed.
func (w *Writer) CloseRows() (Body, error) {
	w.endRows()
	body := Body{Types: Types{cols: w.cols}}
	for i := range w.parts {
		w.rewrite(i)
		if w.err == nil {
			w.failPart(i, w.parts[i].file.Park())
		}
		body.Parts = append(body.Parts, w.parts[i].rows)
	}
	w.parts = nil
	if w.err != nil {
		return Body{}, w.err
	}
	w.fail(errClosed)
	return body, nil
}

// Footer is what stands behind the rows of a part. Types are as JSON gives them.
func Footer(columns int, rows int64, types []byte) []byte {
	b := strconv.AppendInt([]byte(`],"ncols":`), int64(columns), 10)
	b = strconv.AppendInt(append(b, `,"nrows":`...), rows, 10)
	b = append(append(b, `,"column_types":`...), types...)
	return append(b, '}')
}

// Merge adds the types of the rows that follow. It fails where a column of pictures holds other values in them.
func (t *Types) Merge(next Types) error {
	if t.cols == nil {
		t.cols = make([]column, len(next.cols))
	}
	if len(t.cols) != len(next.cols) {
		return errors.New("table: parts of one table have different columns")
	}
	for i := range t.cols {
		c, more := &t.cols[i], &next.cols[i]
		if (c.kinds|more.kinds)&kImage != 0 && (c.text || more.text || (c.kinds|more.kinds)&^(kImage|kNull) != 0) {
			return errOtherThanPictures
		}
		if !c.text && !more.text {
			c.merge(&c.node, &more.node)
		}
		if (c.mixed || more.text) && !c.text {
			c.become(0)
		}
	}
	return nil
}

// Texts are the columns, counted from 0, whose cells are texts if these are all rows of the table.
func (t *Types) Texts() (columns []int) {
	for i := range t.cols {
		if c := &t.cols[i]; c.text || c.hasBareDict() {
			columns = append(columns, i)
		}
	}
	return columns
}

// Fit reports whether the cells of these rows are as they have to be in a table whose columns of texts are these: else
// they have to be written again, with SetTexts.
func (t *Types) Fit(texts []int) bool {
	for i := range t.cols {
		if c := &t.cols[i]; !c.text && c.kinds&^(kNull|kString) != 0 && slices.Contains(texts, i) {
			return false
		}
	}
	return true
}

// JSON is the value of "column_types", if these are all rows of the table. The classes are those of SetClasses.
func (t *Types) JSON(columns, classes []string) json.RawMessage {
	cols := slices.Clone(t.cols)
	for _, i := range t.Texts() {
		cols[i].text = true
	}
	return appendTypes(nil, columns, cols, classes)
}

// merge adds what later rows have at a place.
func (c *column) merge(n, more *node) {
	c.note(n, more.kinds)
	n.dicts += more.dicts
	n.seen += more.seen
	if more.kinds&kList != 0 {
		n.length = more.length
	}
	if more.elem != nil {
		if n.elem == nil {
			n.elem = new(node)
		}
		c.merge(n.elem, more.elem)
	}
	for _, key := range slices.Sorted(maps.Keys(more.keys)) {
		k := n.keys[key]
		if k == nil {
			if c.known == maxTypeKeys {
				c.mixed = true
				return
			}
			c.known++
			if n.keys == nil {
				n.keys = make(map[string]*node)
			}
			k = new(node)
			n.keys[key] = k
		}
		c.merge(k, more.keys[key])
	}
	if more.images != nil {
		if n.images == nil {
			n.images = newImageTypes()
		}
		n.images.merge(more.images)
	}
}

// merge adds what the layers of later pictures have.
func (t *imageTypes) merge(more *imageTypes) {
	for _, layers := range []struct{ to, from map[string]map[int]bool }{{t.boxes, more.boxes}, {t.masks, more.masks}} {
		for key, ids := range layers.from {
			note(layers.to, key, slices.Collect(maps.Keys(ids))...)
		}
	}
	maps.Copy(t.scores, more.scores)
	t.classes = t.classes || more.classes
}

// The forms in which types are kept. Keys of dicts are bytes: they need not be UTF-8.
type (
	columnForm struct {
		Text  bool      `json:"text,omitempty"`
		Known int       `json:"known,omitempty"`
		Node  *nodeForm `json:"node,omitempty"`
	}
	nodeForm struct {
		Kinds  kind        `json:"kinds,omitempty"`
		Elem   *nodeForm   `json:"elem,omitempty"`
		Length int         `json:"length,omitempty"`
		Keys   []keyForm   `json:"keys,omitempty"`
		Dicts  int         `json:"dicts,omitempty"`
		Seen   int         `json:"seen,omitempty"`
		Images *imagesForm `json:"images,omitempty"`
	}
	keyForm struct {
		Key  []byte    `json:"key"`
		Node *nodeForm `json:"node"`
	}
	imagesForm struct {
		Boxes   map[string]map[int]bool `json:"boxes,omitempty"`
		Masks   map[string]map[int]bool `json:"masks,omitempty"`
		Scores  map[string]bool         `json:"scores,omitempty"`
		Classes bool                    `json:"classes,omitempty"`
	}
)

// MarshalJSON implements json.Marshaler. The same rows give the same bytes.
func (t Types) MarshalJSON() ([]byte, error) {
	out := make([]columnForm, len(t.cols))
	for i := range t.cols {
		c := &t.cols[i]
		out[i] = columnForm{Text: c.text, Known: c.known}
		if !c.text {
			out[i].Node = c.form()
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Types) UnmarshalJSON(raw []byte) error {
	var in []columnForm
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	t.cols = make([]column, len(in))
	for i, form := range in {
		c := &t.cols[i]
		c.text, c.known = form.Text, form.Known
		if form.Node != nil {
			c.node = *form.Node.node()
		}
	}
	return nil
}

func (n *node) form() *nodeForm {
	if n == nil {
		return nil
	}
	out := &nodeForm{Kinds: n.kinds, Elem: n.elem.form(), Length: n.length, Dicts: n.dicts, Seen: n.seen}
	for _, key := range slices.Sorted(maps.Keys(n.keys)) {
		out.Keys = append(out.Keys, keyForm{[]byte(key), n.keys[key].form()})
	}
	if i := n.images; i != nil {
		out.Images = &imagesForm{i.boxes, i.masks, i.scores, i.classes}
	}
	return out
}

func (f *nodeForm) node() *node {
	if f == nil {
		return nil
	}
	out := &node{kinds: f.Kinds, elem: f.Elem.node(), length: f.Length, dicts: f.Dicts, seen: f.Seen}
	for _, k := range f.Keys {
		if out.keys == nil {
			out.keys = make(map[string]*node, len(f.Keys))
		}
		out.keys[string(k.Key)] = k.Node.node()
	}
	if f.Images != nil {
		out.images = newImageTypes()
		out.images.merge(&imageTypes{f.Images.Boxes, f.Images.Masks, f.Images.Scores, f.Images.Classes})
	}
	return out
}
