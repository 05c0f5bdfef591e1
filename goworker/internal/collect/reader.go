package collect

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// Reader reads the rows of a view, once.
//
// Before the first row, what uses the rows registers what it reads of each (see view.Fields), and OpenPictures
// asks for their pictures. NewTable makes a table with a row for each.
type Reader struct {
	view.Fields
	Collector *Collector
	View      ChosenView
	Query     view.Query // of the rows that were chosen
	Base      *RowBase
	Pictures  *picture.Maker // nil for none
}

// NewReader makes a reader of the rows that were chosen.
func NewReader(c *Collector, v ChosenView) (*Reader, error) {
	query, err := v.ChosenQuery()
	r := &Reader{Collector: c, View: v, Query: query}
	r.Base = newRowBase(&r.Fields, v.Rows)
	return r, err
}

// OpenPictures has pictures made for the rows, with what is drawn over them; none where conf is nil.
func (r *Reader) OpenPictures(ctx context.Context, conf *picture.Config, d Dataset) (err error) {
	if conf != nil {
		memory.ForPictures()
	}
	r.Pictures, err = picture.Open(ctx, conf, picture.Rows{
		Source: r.Collector.Source, Query: r.Query, Kind: r.View.Rows, Fields: &r.Fields, Only: r.View.OnlyChosen, Shown: r.View.shows(),
		MaskTargetsJSON: d.MaskTargetsJSON, DefaultClassesJSON: d.DefaultClassesJSON, AllClasses: r.Collector.AllClasses,
		Classes: r.Collector.Classes,
	}, r.Collector)
	r.Collector.Pictures = r.Pictures
	return err
}

// PictureColumns are the columns of the rows' pictures.
func (r *Reader) PictureColumns() []Column {
	return table.Of(r.Pictures.Columns(), func(one *Row) picture.Cells { return one.pictures })
}

// EndColumns are the columns that end every table of rows, behind those of the job: what tells rows of one sample
// apart, the plain fields that the user chose, and facts of the media.
func (r *Reader) EndColumns(plain []view.Field) []Column {
	columns := append(r.Base.columns(), plainColumns(&r.Fields, plain, &r.Collector.Warnings)...)
	return append(columns, table.Of(r.Pictures.FactColumns(), func(one *Row) *view.Slots { return one.Slots })...)
}

// Each calls fn with the rows in the view's order, and returns how many there are.
func (r *Reader) Each(ctx context.Context, fn func(*Row) error) (n int64, err error) {
	one := Row{Slots: view.NewSlots(r.Slots)}
	take := func(docs []bson.Raw, pictures []picture.Cells) error {
		for i, doc := range docs {
			one.Load(doc)
			r.Base.load(&one)
			if pictures != nil {
				one.pictures = pictures[i]
			}
			if err := fn(&one); err != nil {
				return err
			}
		}
		n += int64(len(docs))
		r.Collector.Tracker.rows(n)
		return ctx.Err()
	}
	if r.Pictures != nil {
		err = r.Pictures.Read(ctx, take)
		return n, err // n is read when all is done
	}
	err = r.Collector.Source.Read(ctx, r.Query, r.Paths, func(docs []bson.Raw) error { return take(r.View.OnlyChosen(docs), nil) })
	return n, err
}

// RowTable is a table with a row for each row of the view.
type RowTable struct {
	*TableFile
	reader  *Reader
	columns []Column
}

// NewTable starts a table of the view's rows.
func (r *Reader) NewTable(key string, columns []Column) *RowTable {
	t := &RowTable{newTableFile(r.Collector.Spool, key, table.Names(columns)), r, columns}
	r.Collector.prepareTable(t.TableFile, r.Pictures.Classes())
	return t
}

// Add writes a row, and counts what is missing of its pictures.
func (t *RowTable) Add(r *Row) error {
	r.pictures.Warnings(func(code, rest string) { t.reader.Collector.Warnings.add(code, rest, r.sampleID()) })
	return table.Add(t.Writer, t.columns, r)
}

// Close ends the pictures and the table, and adds the table's files to the artifact's.
func (t *RowTable) Close() error {
	if err := t.reader.Pictures.Close(); err != nil {
		return err
	}
	return t.reader.Collector.closeTable(t.TableFile)
}
