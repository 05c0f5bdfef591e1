package job

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// fields collects what is to be read of each document: the slots that rows are
// made from, and the paths that may leave MongoDB.
type fields struct {
	slots []string
	paths []string
}

// slot registers a value and returns its number. The parts are paths below it;
// with none the value is read whole.
func (f *fields) slot(path string, parts ...string) int {
	f.slots = append(f.slots, path)
	if len(parts) == 0 {
		f.paths = append(f.paths, path)
	}
	for _, part := range parts {
		if part == "" {
			f.paths = append(f.paths, path)
			continue
		}
		f.paths = append(f.paths, path+"."+part)
	}
	return len(f.slots) - 1
}

// rowBase is what every row has, whatever is logged of it.
type rowBase struct {
	kind                              RowKind
	id, source, filepath, tags, extra int
	splits                            map[string]int64
}

// splitTags are the tags that count as splits of a dataset.
var splitTags = []string{"train", "val", "test", "validation", "training", "testing"}

func newRowBase(f *fields, kind RowKind) *rowBase {
	b := &rowBase{kind: kind, id: f.slot("_id"), filepath: f.slot("filepath"), tags: f.slot("tags"),
		source: -1, extra: -1, splits: map[string]int64{}}
	if kind != RowSample {
		b.source = f.slot("_sample_id")
	}
	switch kind {
	case RowClip:
		b.extra = f.slot("support")
	case RowFrame:
		b.extra = f.slot("frame_number")
	}
	return b
}

// columns are the names of the columns that tell rows of one sample apart.
func (b *rowBase) columns() []string {
	switch b.kind {
	case RowPatch:
		return []string{"patch_id"}
	case RowClip:
		return []string{"support"}
	case RowFrame:
		return []string{"frame_id", "frame_number"}
	}
	return nil
}

// ids are the id of the sample that the row comes from, and the row's own.
func (b *rowBase) ids(s *view.Slots) (source, own bson.ObjectID) {
	own, _ = s.Value(b.id).ObjectIDOK()
	if b.source >= 0 {
		if id, ok := s.Value(b.source).ObjectIDOK(); ok {
			return id, own
		}
	}
	return own, own
}

// eachTag calls fn with each tag of the row.
func (b *rowBase) eachTag(s *view.Slots, fn func(tag string)) {
	list, ok := s.Value(b.tags).ArrayOK()
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

// scan reads the rows of a view, and makes their pictures where there shall be some.
func scan(ctx context.Context, src *view.Source, v View, f *fields, t *tracker, p *pictures, row func(*view.Slots, rowPictures) error) (int64, error) {
	if p != nil {
		return scanPictures(ctx, src, v, f, t, p, row)
	}
	query, err := v.query()
	if err != nil {
		return 0, err
	}
	slots := view.NewSlots(f.slots)
	var n int64
	err = src.Read(ctx, query, f.paths, func(docs []bson.Raw) error {
		docs = v.keep(docs)
		for _, doc := range docs {
			slots.Load(doc)
			if err := row(slots, nil); err != nil {
				return err
			}
		}
		n += int64(len(docs))
		t.rows(n)
		return ctx.Err()
	})
	return n, err
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
