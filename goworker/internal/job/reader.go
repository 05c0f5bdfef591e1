package job

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// reader reads the rows of a view, once.
//
// Before the first row, what uses the rows registers what it reads of each (see view.Fields), and openPictures
// asks for their pictures. newTable makes a table with a row for each.
type reader struct {
	view.Fields
	c        *collector
	view     chosenView
	query    view.Query // of the rows that were chosen
	base     *rowBase
	pictures *picture.Maker // nil for none
}

func newReader(c *collector, v chosenView) (*reader, error) {
	query, err := v.query()
	r := &reader{c: c, view: v, query: query}
	r.base = newRowBase(&r.Fields, v.Rows)
	return r, err
}

// openPictures has pictures made for the rows, with what is drawn over them; none where conf is nil.
func (r *reader) openPictures(ctx context.Context, conf *picture.Config, d Dataset) (err error) {
	if conf != nil {
		memory.ForPictures()
	}
	r.pictures, err = picture.Open(ctx, conf, picture.Rows{
		Source: r.c.source, Query: r.query, Kind: r.view.Rows, Fields: &r.Fields, Only: r.view.onlyChosen, Shown: r.view.shows(),
		MaskTargetsJSON: d.MaskTargetsJSON, DefaultClassesJSON: d.DefaultClassesJSON, AllClasses: r.c.allClasses,
		Classes: r.c.classes,
	}, r.c)
	r.c.pictures = r.pictures
	return err
}

// pictureColumns are the columns of the rows' pictures.
func (r *reader) pictureColumns() []column {
	return table.Of(r.pictures.Columns(), func(one *row) picture.Cells { return one.pictures })
}

// endColumns are the columns that end every table of rows, behind those of the job: what tells rows of one sample
// apart, the plain fields that the user chose, and facts of the media.
func (r *reader) endColumns(plain []view.Field) []column {
	columns := append(r.base.columns(), r.plainColumns(plain)...)
	return append(columns, table.Of(r.pictures.FactColumns(), func(one *row) *view.Slots { return one.Slots })...)
}

// each calls fn with the rows in the view's order, and returns how many there are.
func (r *reader) each(ctx context.Context, fn func(*row) error) (n int64, err error) {
	one := row{Slots: view.NewSlots(r.Slots)}
	take := func(docs []bson.Raw, pictures []picture.Cells) error {
		for i, doc := range docs {
			one.Load(doc)
			r.base.load(&one)
			if pictures != nil {
				one.pictures = pictures[i]
			}
			if err := fn(&one); err != nil {
				return err
			}
		}
		n += int64(len(docs))
		r.c.tracker.rows(n)
		return ctx.Err()
	}
	if r.pictures != nil {
		err = r.pictures.Read(ctx, take)
		return n, err // n is read when all is done
	}
	err = r.c.source.Read(ctx, r.query, r.Paths, func(docs []bson.Raw) error { return take(r.view.onlyChosen(docs), nil) })
	return n, err
}

// rowTable is a table with a row for each row of the view.
type rowTable struct {
	*tableFile
	reader  *reader
	columns []column
}

// newTable starts a table of the view's rows.
func (r *reader) newTable(key string, columns []column) *rowTable {
	t := &rowTable{newTableFile(r.c.spool, key, table.Names(columns)), r, columns}
	t.prepare(r.c, r.pictures.Classes())
	return t
}

// add writes a row, and counts what is missing of its pictures.
func (t *rowTable) add(r *row) error {
	r.pictures.Warnings(func(code, rest string) { t.reader.c.warnings.add(code, rest, r.sampleID()) })
	return table.Add(t.w, t.columns, r)
}

// close ends the pictures and the table, and adds the table's files to the artifact's.
func (t *rowTable) close() error {
	if err := t.reader.pictures.Close(); err != nil {
		return err
	}
	return t.tableFile.close(t.reader.c)
}
