package picture

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// row makes a row's pictures. It is called for many rows at a time, in any order; the
// row's values are in w.slots, and what each cell shows is in its shown. Only what
// ends the job is an error.
func (w *worker) row(ctx context.Context, doc bson.Raw) (Cells, error) {
	w.slots.Load(doc)
	m := w.p.slots.of(w.slots)
	m.taken = w.taken
	cells, err := w.cells(ctx, nil, m)
	if err != nil {
		return nil, err
	}
	if cells, err = w.drawRow(ctx, cells); err != nil {
		return nil, err
	}
	for _, m := range w.p.slicesOf(w.slots, w.slice) {
		if m.path == "" { // the group lacks this slice
			cells = append(cells, make(Cells, w.p.perMedia())...)
			continue
		}
		first := len(cells)
		if cells, err = w.cells(ctx, cells, m); err != nil {
			return nil, err
		}
		if _, err := w.draw(ctx, cells[first:], m.labels); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// perMedia is how many cells there are for one media file.
func (p *Maker) perMedia() int {
	if p.conf.Mode == Reference {
		return 2
	}
	return 1
}

// cells adds the cells of one media file.
func (w *worker) cells(ctx context.Context, cells Cells, m media) (Cells, error) {
	switch w.p.conf.Mode {
	case Original:
		cell, err := w.cell(w.original(ctx, m))
		return append(cells, cell), err
	case Reference:
		uri, err := w.reference(ctx, m.path)
		if err != nil {
			return nil, err
		}
		cells = append(cells, Cell{text: uri})
	}
	cell, err := w.cell(w.thumbnail(ctx, m))
	return append(cells, cell), err
}

// cell turns a reason for no picture into an empty cell.
func (w *worker) cell(c Cell, err error) (Cell, error) {
	var why *noPicture
	if errors.As(err, &why) {
		return Cell{why: why}, nil
	}
	return c, err
}

// thumbnail makes a cell of a small copy of a picture.
func (w *worker) thumbnail(ctx context.Context, m media) (Cell, error) {
	if m.badCrop {
		return Cell{}, errNoCrop
	}
	o := w.p.options(m)
	small, ok := w.smaller(ctx, m, o)
	if !ok {
		path := m.path
		if m.projection != "" {
			path = m.projection
		}
		file, err := w.open(path)
		if err != nil {
			return Cell{}, err
		}
		if small, err = w.p.shrink(ctx, file, m, o); err != nil {
			return Cell{}, err
		}
	}
	return w.thumbCell(small, m.crop)
}

// rowOf makes the pictures of a row. What it shows of a video may be there.
func (w *worker) rowOf(ctx context.Context, s spot, taken *takenFrame) error {
	w.taken = taken
	cells, err := w.row(ctx, s.doc())
	if err != nil {
		return err
	}
	s.batch.cells[s.row] = cells
	if s.batch.left.Add(-1) == 0 {
		close(s.batch.done)
	}
	return nil
}
