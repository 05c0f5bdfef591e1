package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// MaxHead bounds how many bytes of a table file ReadHead reads.
const MaxHead = 16 << 20

// The kinds of error of ReadHead, beside those of its reader.
var (
	// ErrNotTable: the file is not a W&B table.
	ErrNotTable = errors.New("table: the file is not a table")
	// ErrLongRows: not even the first row ends within MaxHead bytes.
	ErrLongRows = errors.New("table: the first row is too long")
)

// Head is the beginning of a table. Whoever could write to the project may have made it.
type Head struct {
	Columns []string
	// Rows are the first rows, each with as many cells as there are columns; their JSON is as it stands in the file, but
	// for numbers that JSON does not have, which are null.
	Rows [][]json.RawMessage
	// More reports that there are more rows.
	More bool
	// Types are the types of the columns by name, nil where they stand behind the rows: see ReadTail.
	Types map[string]json.RawMessage
}

// ReadHead reads the first rows of a table file, which this package, W&B's client or anybody may have
// written, and no more of the file than it must.
func ReadHead(file io.Reader, rows int) (*Head, error) {
	bounded := &io.LimitedReader{R: file, N: MaxHead}
	d := json.NewDecoder(&strictNumbers{in: bufio.NewReader(bounded)})
	h := &Head{}
	err := h.read(d, rows)
	switch {
	case err == nil && h.Columns == nil:
		return nil, ErrNotTable
	case err == nil:
		h.square()
		return h, nil
	case bounded.N == 0 && h.Columns != nil && len(h.Rows) > 0: // the bound, not the file, has ended it
		h.More = true
		h.square()
		return h, nil
	case bounded.N == 0:
		return nil, ErrLongRows
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, ErrNotTable
	}
	return nil, err
}

func (h *Head) read(d *json.Decoder, rows int) error {
	if err := expect(d, '{'); err != nil {
		return err
	}
	hasRows := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		switch key {
		case "columns":
			var names []any
			if err = d.Decode(&names); err == nil {
				h.Columns = namesOf(names)
			}
		case "column_types":
			var types columnTypes
			if err = d.Decode(&types); err == nil {
				h.Types = types.Params.Map
			}
		case "data":
			hasRows = true
			err = h.readRows(d, rows)
		default:
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil || hasRows && h.Columns != nil {
			return err
		}
	}
	if !hasRows {
		return ErrNotTable
	}
	return nil
}

// readRows reads the list of the rows: all of it only where the names of the columns are still to come.
func (h *Head) readRows(d *json.Decoder, most int) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	for d.More() {
		if len(h.Rows) == most {
			h.More = true
			if h.Columns != nil {
				return nil
			}
			if err := d.Decode(new(json.RawMessage)); err != nil {
				return err
			}
			continue
		}
		var row []json.RawMessage
		if err := d.Decode(&row); err != nil {
			return err
		}
		h.Rows = append(h.Rows, row)
	}
	_, err := d.Token()
	return err
}

// square gives each row as many cells as there are columns.
func (h *Head) square() {
	for i, row := range h.Rows {
		for len(row) < len(h.Columns) {
			row = append(row, json.RawMessage("null"))
		}
		h.Rows[i] = row[:len(h.Columns)]
	}
}

// namesOf are the names of columns, which may be numbers in tables that others made.
func namesOf(values []any) []string {
	names := make([]string, len(values))
	for i, value := range values {
		text, ok := value.(string)
		if !ok {
			raw, _ := json.Marshal(value) // it was JSON before
			text = string(raw)
		}
		names[i] = text
	}
	return names
}

func expect(d *json.Decoder, delim json.Delim) error {
	token, err := d.Token()
	if err == nil && token != delim {
		return ErrNotTable
	}
	return err
}

// columnTypes is the value of "column_types".
type columnTypes struct {
	Params struct {
		Map map[string]json.RawMessage `json:"type_map"`
	} `json:"params"`
}

// ReadTail finds what stands behind the rows in the last bytes of a table file: the types of the columns by
// name, nil if they are not there, and the number of rows, -1 if it is not there.
func ReadTail(tail []byte) (types map[string]json.RawMessage, rows int64) {
	rows = -1
	if raw := lastValue(tail, "nrows"); raw != nil {
		var n int64
		if json.Unmarshal(raw, &n) == nil && n >= 0 {
			rows = n
		}
	}
	var found columnTypes
	if raw := lastValue(tail, "column_types"); raw != nil && json.Unmarshal(raw, &found) == nil {
		types = found.Params.Map
	}
	return types, rows
}

// lastValue is the value of the last key of this name. Within a text the quotes around the name would be escaped.
func lastValue(tail []byte, key string) json.RawMessage {
	quoted := []byte(`"` + key + `"`)
	for {
		at := bytes.LastIndex(tail, quoted)
		if at < 0 {
			return nil
		}
		if rest, ok := bytes.CutPrefix(bytes.TrimLeft(tail[at+len(quoted):], " \t\r\n"), []byte(":")); ok {
			var value json.RawMessage
			if json.NewDecoder(bytes.NewReader(rest)).Decode(&value) == nil {
				return value
			}
		}
		tail = tail[:at]
	}
}

// IsTime reports whether a column's type is that of moments, which stand in the cells as milliseconds since 1970.
func IsTime(columnType json.RawMessage) bool {
	var t struct {
		Name   string `json:"wb_type"`
		Params struct {
			Allowed []struct {
				Name string `json:"wb_type"`
			} `json:"allowed_types"`
		} `json:"params"`
	}
	if json.Unmarshal(columnType, &t) != nil {
		return false
	}
	for _, one := range t.Params.Allowed {
		if one.Name == "timestamp" {
			return true
		}
	}
	return t.Name == "timestamp"
}

// strictNumbers hands JSON on with null instead of NaN, Infinity and -Infinity, which Python writes though JSON does not
// have them.
type strictNumbers struct {
	in              *bufio.Reader
	inText, escaped bool
	waiting         string
}

// Read implements io.Reader.
func (s *strictNumbers) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if s.waiting != "" {
			p[n], s.waiting = s.waiting[0], s.waiting[1:]
			n++
			continue
		}
		if n > 0 && s.in.Buffered() == 0 {
			return n, nil // what is there is enough
		}
		b, err := s.in.ReadByte()
		if err != nil {
			return n, err
		}
		if p[n], err = s.next(b); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// next is what to hand on for a byte.
func (s *strictNumbers) next(b byte) (byte, error) {
	switch {
	case s.escaped:
		s.escaped = false
	case s.inText:
		s.escaped, s.inText = b == '\\', b != '"'
	case b == '"':
		s.inText = true
	case b == '-':
		if peeked, _ := s.in.Peek(1); len(peeked) == 1 && peeked[0] == 'I' {
			return s.null(len("Infinity"))
		}
	case b == 'N':
		return s.null(len("aN"))
	case b == 'I':
		return s.null(len("nfinity"))
	}
	return b, nil
}

func (s *strictNumbers) null(rest int) (byte, error) {
	s.waiting = "ull"
	_, err := s.in.Discard(rest)
	return 'n', err
}
