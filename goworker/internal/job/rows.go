package job

import (
	"encoding/hex"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// row is one row of a view. It is valid until the function that got it returns.
type row struct {
	*view.Slots
	// source is the id of the sample that the row comes from, own the row's own.
	source, own bson.ObjectID
	hex         [24]byte // source as text
	pictures    picture.Cells
}

// sampleID is the text of the source's id.
func (r *row) sampleID() string { return string(r.hex[:]) }

// column is a column of a table that has a row for each row of the view.
type column = table.Column[*row]

// rowBase is what every row has, whatever is logged of it.
type rowBase struct {
	kind                              view.RowKind
	id, source, filepath, tags, extra int
	splits                            map[string]int64
}

// splitTags are the tags that count as splits of a dataset.
var splitTags = []string{"train", "val", "test", "validation", "training", "testing"}

func newRowBase(f *view.Fields, kind view.RowKind) *rowBase {
	b := &rowBase{kind: kind, id: f.Slot("_id"), filepath: f.Slot("filepath"), tags: f.Slot("tags"),
		source: -1, extra: -1, splits: map[string]int64{}}
	if kind != view.RowSample {
		b.source = f.Slot("_sample_id")
	}
	switch kind {
	case view.RowClip:
		b.extra = f.Slot("support")
	case view.RowFrame:
		b.extra = f.Slot("frame_number")
	}
	return b
}

// sampleIDColumn is the first column of every table.
func (b *rowBase) sampleIDColumn() column {
	return column{Name: "sample_id", Cell: func(w *table.Writer, r *row) { w.TextBytes(r.hex[:]) }}
}

// columns are the columns that tell rows of one sample apart.
func (b *rowBase) columns() []column {
	own := func(w *table.Writer, r *row) {
		id := hexID(r.own)
		w.TextBytes(id[:])
	}
	switch b.kind {
	case view.RowPatch:
		return []column{{Name: "patch_id", Cell: own}}
	case view.RowClip:
		return []column{{Name: "support", Cell: func(w *table.Writer, r *row) {
			text, _ := supportText(r.Value(b.extra))
			w.OptionalText(text)
		}}}
	case view.RowFrame:
		return []column{
			{Name: "frame_id", Cell: own},
			{Name: "frame_number", Cell: func(w *table.Writer, r *row) { w.BSON(r.Value(b.extra)) }},
		}
	}
	return nil
}

// load fills a row from the document that its slots hold.
func (b *rowBase) load(r *row) {
	r.own, _ = r.Value(b.id).ObjectIDOK()
	r.source = r.own
	if b.source >= 0 {
		if id, ok := r.Value(b.source).ObjectIDOK(); ok {
			r.source = id
		}
	}
	r.hex = hexID(r.source)
}

// eachTag calls fn with each tag of the row.
func (b *rowBase) eachTag(r *row, fn func(tag string)) {
	list, ok := r.Value(b.tags).ArrayOK()
	if !ok {
		return
	}
	values, err := list.Values()
	if err != nil {
		return
	}
	for _, v := range values {
		if tag, ok := v.StringValueOK(); ok {
			fn(tag)
		}
	}
}

// countSplits counts the row under its split tags.
func (b *rowBase) countSplits(tag string) {
	for _, split := range splitTags {
		if tag == split {
			b.splits[split]++
		}
	}
}

// supportText is the frames of a clip, such as "[1, 30]".
func supportText(v bson.RawValue) (string, bool) {
	list, ok := v.ArrayOK()
	if !ok {
		return "", false
	}
	values, err := list.Values()
	if err != nil || len(values) != 2 {
		return "", false
	}
	first, ok1 := values[0].AsInt64OK()
	last, ok2 := values[1].AsInt64OK()
	return fmt.Sprintf("[%d, %d]", first, last), ok1 && ok2
}

// hexID is an id as text, without an allocation.
func hexID(id bson.ObjectID) (text [24]byte) {
	hex.Encode(text[:], id[:])
	return text
}
