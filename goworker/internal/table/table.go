// Package table streams rows into W&B table files: the JSON of the cells, the column
// types that W&B's readers check every cell against, and parts for long tables.
//
// A column has one type for all of its cells, null or not. W&B's pages show no row of a table in which a
// column is of texts and moments, and they guess the type of a column that is "any", or has "unknown"
// within, from at most 1,000 of its rows: one cell of another kind, and they fail. So neither is written. A column
// whose cells are of several kinds becomes one of texts, see text.go.
package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// A table of at most WholeRows rows is one file: wandb.Table's own MAX_ARTIFACT_ROWS, above which the official
// package cuts a table silently. A longer one has parts of PartRows rows each, all but the last. They are this short so that
// several workers can write one table. Other files that hold something of each row are cut at the same rows.
const (
	WholeRows = 200_000
	PartRows  = 20_000
)

// flushSize is how many bytes are gathered before they go to the part's file.
const flushSize = 64 << 10

// outside is the cell index between two rows.
const outside = math.MaxInt

// Part is the file of a part.
type Part interface {
	io.WriteCloser
	// Park puts the file aside: what it holds in memory and its file handle are given back until the next
	// Write, which comes when the table is closed. A table of very many rows needs no more handles than a
	// short one that way.
	Park() error
	// Reopen reads what was written, after Close.
	Reopen() (io.ReadCloser, error)
}

// Writer streams rows into one or more parts, each of which is a complete W&B table
// file. Cells are given in column order between BeginRow and EndRow. A Writer is for
// one goroutine. The first error sticks: it comes from EndRow and Close.
//
// The types of the columns are known only when the last row is. Parts that are full are
// therefore left open (see Part) until Close, which ends all of them with the same types.
type Writer struct {
	columns []string
	open    func(part int) (Part, error)
	cols    []column
	// wholeRows and partRows are WholeRows and PartRows, but in tests.
	wholeRows, partRows int64

	parts   []part
	current Part // the part that rows go to; nil when the next row opens one
	inParts bool // the table has more than wholeRows rows
	rows    int64
	// flushed is how many bytes the current file has, and cuts are the offsets in the file of a whole table at which
	// each of its parts would end.
	flushed int64
	cuts    []int64
	buf     []byte
	mark    int // where the current cell begins in buf
	scratch []byte
	cell    int
	classes []string
	err     error
}

type part struct {
	file Part
	rows int64
}

// Summary says what was written.
type Summary struct {
	// Rows is the number of rows of all parts together.
	Rows int64
	// Parts is the number of rows of each part; there is always at least one part.
	Parts []int64
	// Columns are the columns' names as written (see Names).
	Columns []string
	// Types is the value of "column_types", the same in all parts.
	Types json.RawMessage
	// Texts are the columns whose cells became texts because they were of several kinds, deep or wide.
	Texts []string
}

// NewWriter streams rows into one part, or into parts of PartRows rows each where there are more than WholeRows. open is
// asked for the file of each part, counted from 0, when its first row begins; a table without
// rows has one part too. It is asked for a part again, and the first file is no longer needed then, where
// a later row has changed the type of a column, and for the first part of a table that turns out to be long. The Writer closes the files.
//
// The names have to be as Names gives them.
func NewWriter(columns []string, open func(part int) (Part, error)) *Writer {
	w := &Writer{columns: columns, open: open, wholeRows: WholeRows, partRows: PartRows, cell: outside}
	w.cols = make([]column, len(columns))
	taken := make(map[string]bool, len(columns))
	for _, name := range columns {
		if taken[name] {
			w.fail(fmt.Errorf("table: two columns are named %q", name))
		}
		taken[name] = true
	}
	return w
}

// SetClasses gives the names of the classes that boxes and masks refer to: class id i is
// names[i], see Classes. Only the column types need them, so it may come at any time before Close.
func (w *Writer) SetClasses(names []string) { w.classes = names }

// SetLimits sets up to how many rows a table is one file, and how many a part has of a longer one, in place of WholeRows and
// PartRows. Full parts have to make up the former. It comes before the first row.
func (w *Writer) SetLimits(whole, part int64) {
	if w.wholeRows, w.partRows = whole, part; whole%part != 0 {
		w.fail(errors.New("table: the limit of a table in one file is not that of full parts"))
	}
}

// BeginRow starts a row.
func (w *Writer) BeginRow() {
	if w.err != nil {
		return
	}
	if w.cell != outside {
		w.fail(fmt.Errorf("table: a row begins inside another one"))
		return
	}
	if w.rows == w.wholeRows && !w.inParts {
		w.split()
	}
	if w.current == nil && w.err == nil {
		w.openPart()
	}
	if w.err != nil {
		return
	}
	if w.parts[len(w.parts)-1].rows > 0 {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '[')
	w.cell = 0
}

// EndRow ends a row, which must have as many cells as there are columns.
func (w *Writer) EndRow() error {
	if w.err != nil {
		return w.err
	}
	if w.cell != len(w.cols) {
		w.fail(fmt.Errorf("table: a row must have %d cells", len(w.cols)))
		return w.err
	}
	w.cell = outside
	w.buf = append(w.buf, ']')
	p := &w.parts[len(w.parts)-1]
	p.rows++
	w.rows++
	if len(w.buf) >= flushSize {
		w.flush()
	}
	if p.rows%w.partRows == 0 {
		if w.inParts {
			w.parkPart()
		} else {
			w.cuts = append(w.cuts, w.flushed+int64(len(w.buf)))
		}
	}
	return w.err
}

// Close ends the table: it writes the column types to every part and closes the
// files, also after an error.
func (w *Writer) Close() (Summary, error) {
	w.endRows()
	for i := range w.cols {
		w.cols[i].end(w.rows)
	}
	sum := Summary{Columns: w.columns, Types: appendTypes(nil, w.columns, w.cols, w.classes), Texts: w.texts()}
	for i := range w.parts {
		p := &w.parts[i]
		w.rewrite(i)
		if w.err == nil {
			_, err := p.file.Write(Footer(len(w.columns), p.rows, sum.Types))
			w.failPart(i, err)
		}
		w.failPart(i, p.file.Close())
		sum.Rows += p.rows
		sum.Parts = append(sum.Parts, p.rows)
	}
	w.parts = nil
	if w.err != nil {
		return Summary{}, w.err
	}
	w.fail(errClosed)
	return sum, nil
}

// endRows ends the last row, and makes sure that there is a part.
func (w *Writer) endRows() {
	if w.cell != outside {
		w.fail(errors.New("table: closed inside a row"))
	}
	if w.err == nil && len(w.parts) == 0 {
		w.openPart()
	}
	if w.err == nil && w.current != nil {
		w.flush()
	}
}

var errClosed = errors.New("table: used after Close")

// fail keeps the first error and makes what follows harmless.
func (w *Writer) fail(err error) {
	if w.err == nil && err != nil {
		w.err = err
	}
	w.cell = outside
}

func (w *Writer) failPart(i int, err error) {
	if err != nil {
		w.fail(fmt.Errorf("table: part %d: %w", i, err))
	}
}

func (w *Writer) openPart() {
	file, err := w.open(len(w.parts))
	if err != nil {
		w.failPart(len(w.parts), err)
		return
	}
	w.parts = append(w.parts, part{file: file})
	w.current, w.flushed = file, 0
	w.buf = appendHeader(w.buf, w.columns)
}

// appendHeader adds what stands before the rows of a part.
func appendHeader(dst []byte, columns []string) []byte {
	dst = append(dst, `{"_type":"table","log_mode":"IMMUTABLE","columns":[`...)
	for i, name := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, name)
	}
	return append(dst, `],"data":[`...)
}

func (w *Writer) flush() {
	_, err := w.current.Write(w.buf)
	w.failPart(len(w.parts)-1, err)
	w.flushed += int64(len(w.buf))
	w.buf = w.buf[:0]
}

// parkPart puts a full part aside until Close.
func (w *Writer) parkPart() {
	w.flush()
	if w.err == nil {
		w.failPart(len(w.parts)-1, w.current.Park())
	}
	w.current = nil
}

// next begins a cell and gives its column; nil when no cell may come here.
func (w *Writer) next() *column {
	if w.cell >= len(w.cols) {
		if w.cell != outside {
			w.fail(fmt.Errorf("table: a row has more than %d cells", len(w.cols)))
		} else if w.err == nil {
			w.fail(fmt.Errorf("table: a cell outside of a row"))
		}
		return nil
	}
	c := &w.cols[w.cell]
	if w.cell > 0 {
		w.buf = append(w.buf, ',')
	}
	w.cell++
	w.mark = len(w.buf)
	if !c.text {
		c.before = c.kinds &^ kNull
	}
	return c
}
