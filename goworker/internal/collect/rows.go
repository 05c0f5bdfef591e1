package collect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// Row is one row of a view. It is valid until the function that got it returns.
type Row struct {
	*view.Slots
	// Source is the id of the sample that the row comes from, own the row's own.
	Source, Own bson.ObjectID
	hex         [24]byte // source as text
	pictures    picture.Cells
}

// sampleID is the text of the source's id.
func (r *Row) sampleID() string { return string(r.hex[:]) }

// Column is a column of a table that has a row for each row of the view.
type Column = table.Column[*Row]

// RowBase is what every row has, whatever is logged of it.
type RowBase struct {
	kind                              view.RowKind
	id, source, filepath, tags, extra int
	Splits                            map[string]int64
}

// SplitTags are the tags that count as splits of a dataset.
var SplitTags = []string{"train", "val", "test", "validation", "training", "testing"}

func newRowBase(f *view.Fields, kind view.RowKind) *RowBase {
	b := &RowBase{kind: kind, id: f.Slot("_id"), filepath: f.Slot("filepath"), tags: f.Slot("tags"),
		source: -1, extra: -1, Splits: map[string]int64{}}
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

// SampleIDColumn is the first column of every table.
func (b *RowBase) SampleIDColumn() Column {
	return Column{Name: "sample_id", Cell: func(w *table.Writer, r *Row) { w.TextBytes(r.hex[:]) }}
}

// columns are the columns that tell rows of one sample apart.
func (b *RowBase) columns() []Column {
	own := func(w *table.Writer, r *Row) {
		id := hexID(r.Own)
		w.TextBytes(id[:])
	}
	switch b.kind {
	case view.RowPatch:
		return []Column{{Name: "patch_id", Cell: own}}
	case view.RowClip:
		return []Column{{Name: "support", Cell: func(w *table.Writer, r *Row) {
			text, _ := supportText(r.Value(b.extra))
			w.OptionalText(text)
		}}}
	case view.RowFrame:
		return []Column{
			{Name: "frame_id", Cell: own},
			{Name: "frame_number", Cell: func(w *table.Writer, r *Row) { w.BSON(r.Value(b.extra)) }},
		}
	}
	return nil
}

// load fills a row from the document that its slots hold.
func (b *RowBase) load(r *Row) {
	r.Own, _ = r.Value(b.id).ObjectIDOK()
	r.Source = r.Own
	if b.source >= 0 {
		if id, ok := r.Value(b.source).ObjectIDOK(); ok {
			r.Source = id
		}
	}
	r.hex = hexID(r.Source)
}

// Path is that of the row's media file.
func (b *RowBase) Path(r *Row) string {
	path, _ := r.Value(b.filepath).StringValueOK()
	return path
}

// EachTag calls fn with each tag of the row.
func (b *RowBase) EachTag(r *Row, fn func(tag string)) {
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

// CountSplits counts the row under its split tags.
func (b *RowBase) CountSplits(tag string) {
	for _, split := range SplitTags {
		if tag == split {
			b.Splits[split]++
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

// saltOf is a seed as randomKey takes it.
func saltOf(seed int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(seed)) //nolint:gosec // bits only
}

// randomKey is a row's place in an order that looks like chance and depends on nothing but
// the seed and the row. The ids of clips are new each time.
func randomKey(seed []byte, base *RowBase, r *Row) uint64 {
	h := sha256.New()
	h.Write(seed)
	h.Write(r.Source[:])
	if base.kind == view.RowClip {
		h.Write(r.Value(base.extra).Value)
	} else {
		h.Write(r.Own[:])
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// shows gives a function that reports whether a row shows pictures, for one goroutine at a time; nil where all do.
func (v ChosenView) shows() func(bson.Raw) bool {
	if v.Shown == nil {
		return nil
	}
	var fields view.Fields
	base := newRowBase(&fields, v.Rows)
	one, salt := Row{Slots: view.NewSlots(fields.Slots)}, saltOf(v.Shown.Seed)
	return func(doc bson.Raw) bool {
		one.Load(doc)
		base.load(&one)
		return randomKey(salt, base, &one) <= v.Shown.Last
	}
}
