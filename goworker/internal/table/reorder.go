package table

import (
	"bufio"
	"errors"
	"io"
)

// Reorder copies a table file of a Writer's with its rows in another order: first row order[0], then row order[1], and so
// on. All rows must be in it.
func Reorder(dst io.Writer, file *io.SectionReader, columns []string, order []int) error {
	rows, err := findRows(file, int64(len(appendHeader(nil, columns))), len(order))
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(dst, pieceSize)
	part := func(from, to int64) error {
		_, err := io.Copy(out, io.NewSectionReader(file, from, to-from))
		return err
	}
	end := int64(len(appendHeader(nil, columns)))
	if err := part(0, end); err != nil {
		return err
	}
	for i, row := range order {
		if i > 0 {
			_ = out.WriteByte(',') // the first error sticks, and Flush returns it
		}
		if err := part(rows[row].from, rows[row].to); err != nil {
			return err
		}
		end = max(end, rows[row].to)
	}
	if err := part(end, file.Size()); err != nil {
		return err
	}
	return out.Flush()
}

// span is where a row stands in a file.
type span struct{ from, to int64 }

// findRows finds n rows from an offset on.
func findRows(file *io.SectionReader, at int64, n int) ([]span, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(file, at, file.Size()-at), pieceSize)
	rows := make([]span, 0, n)
	depth, inText, from := 0, false, at
	for len(rows) < n {
		b, err := in.ReadByte()
		if err != nil {
			return nil, cutOff(err)
		}
		at++
		switch {
		case inText && b == '\\':
			if _, err := in.Discard(1); err != nil {
				return nil, cutOff(err)
			}
			at++
		case b == '"':
			inText = !inText
		case inText:
		case b == '[' || b == '{':
			if depth == 0 {
				from = at - 1
			}
			depth++
		case b == ']' || b == '}':
			if depth--; depth < 0 {
				return nil, errFewRows
			}
			if depth == 0 {
				rows = append(rows, span{from, at})
			}
		}
	}
	return rows, nil
}

var errFewRows = errors.New("table: a file has fewer rows than there should be")
