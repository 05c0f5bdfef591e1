package job

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

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
	base     *rowBase
	pictures *pictures // nil for none
}

func newReader(c *collector, v chosenView) *reader {
	r := &reader{c: c, view: v}
	r.base = newRowBase(&r.Fields, v.Rows)
	return r
}

// openPictures has pictures made for the rows, with what is drawn over them; none where conf is nil.
func (r *reader) openPictures(ctx context.Context, conf *Pictures, d Dataset) (err error) {
	if r.pictures, err = openPictures(r.c, conf, r.base, &r.Fields); err != nil {
		return err
	}
	return r.pictures.openOverlays(ctx, r.view, d, &r.Fields)
}

// endColumns are the columns that end every table of rows, behind those of the job: what tells rows of one sample
// apart, the plain fields that the user chose, and facts of the media.
func (r *reader) endColumns(plain []Field) []column {
	columns := append(r.base.columns(), r.plainColumns(plain)...)
	return append(columns, r.pictures.factColumns()...)
}

// each calls fn with the rows in the view's order, and returns how many there are.
func (r *reader) each(ctx context.Context, fn func(*row) error) (int64, error) {
	if r.pictures != nil {
		return r.eachWithPictures(ctx, fn)
	}
	query, err := r.view.query()
	if err != nil {
		return 0, err
	}
	one := row{Slots: view.NewSlots(r.Slots)}
	var n int64
	err = r.c.source.Read(ctx, query, r.Paths, func(docs []bson.Raw) error {
		docs = r.view.onlyChosen(docs)
		for _, doc := range docs {
			if err := r.hand(&one, doc, fn); err != nil {
				return err
			}
		}
		n += int64(len(docs))
		r.c.tracker.rows(n)
		return ctx.Err()
	})
	return n, err
}

// hand fills a row from its document and hands it on.
func (r *reader) hand(one *row, doc bson.Raw, fn func(*row) error) error {
	one.Load(doc)
	r.base.load(one)
	return fn(one)
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
	r.pictures.setClasses(t.w)
	return t
}

// add writes a row, and counts what is missing of its pictures.
func (t *rowTable) add(r *row) error {
	t.reader.pictures.note(&t.reader.c.warnings, r)
	return table.Add(t.w, t.columns, r)
}

// close ends the pictures and the table, and adds the table's files to the artifact's.
func (t *rowTable) close() error {
	if err := t.reader.pictures.close(); err != nil {
		return err
	}
	return t.tableFile.close(t.reader.c)
}
