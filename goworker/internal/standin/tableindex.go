package standin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pythonjson"
)

// indexStep is how many rows apart the places are that an index remembers.
const indexStep = 64

// headMax bounds what is kept of a table besides its rows: columns and their types.
const headMax = 16 << 20

// tableIndex says where the rows of a table file are, so that a page of a table of
// millions of rows is read without reading the rest.
type tableIndex struct {
	Columns []string
	Types   map[string]json.RawMessage // by column
	Rows    int
	Places  []int64 // of every indexStep-th row in the file
}

// tableCache keeps the last indexes by the digest of their file.
type tableCache struct {
	mu    sync.Mutex
	items map[string]*tableIndex
}

func (c *tableCache) get(blobs blobStore, digest string) (*tableIndex, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.items[digest]; found != nil {
		return found, nil
	}
	file, err := blobs.open(digest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	index, err := indexTable(file)
	if err != nil {
		return nil, err
	}
	if c.items == nil || len(c.items) > 100 {
		c.items = map[string]*tableIndex{}
	}
	c.items[digest] = index
	return index, nil
}

// indexTable reads a table file once, from its beginning.
func indexTable(file io.Reader) (*tableIndex, error) {
	index := &tableIndex{Types: map[string]json.RawMessage{}}
	s := &scanner{r: bufio.NewReaderSize(file, 1<<18)}
	err := s.object(func(name string) error {
		switch name {
		case "data":
			return s.list(func() error {
				if index.Rows%indexStep == 0 {
					index.Places = append(index.Places, s.at)
				}
				index.Rows++
				return s.skip()
			})
		case "columns":
			return s.decode(&index.Columns)
		case "column_types":
			var types struct {
				Params struct {
					TypeMap map[string]json.RawMessage `json:"type_map"`
				} `json:"params"`
			}
			err := s.decode(&types)
			index.Types = types.Params.TypeMap
			return err
		}
		return s.skip()
	})
	if err != nil {
		return nil, fmt.Errorf("this is not a table that can be shown: %w", err)
	}
	return index, nil
}

// rows reads rows [from, to) of the file that was indexed.
func (t *tableIndex) rows(file *os.File, from, to int) ([][]any, error) {
	to = min(to, t.Rows)
	if from >= to {
		return nil, nil
	}
	place := from / indexStep
	if _, err := file.Seek(t.Places[place], io.SeekStart); err != nil {
		return nil, err
	}
	s := &scanner{r: bufio.NewReader(file)}
	var out [][]any
	for i := place * indexStep; i < to; i++ {
		if i > place*indexStep {
			if err := s.expect(','); err != nil {
				return nil, err
			}
		}
		if i < from {
			if err := s.skip(); err != nil {
				return nil, err
			}
			continue
		}
		var row []any
		if err := s.decode(&row); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// scanner walks over JSON without making values of it.
type scanner struct {
	r    *bufio.Reader
	at   int64         // bytes read
	keep *bytes.Buffer // where what is read goes too, if it is not nil
}

func (s *scanner) byte() (byte, error) {
	c, err := s.r.ReadByte()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = s.note([]byte{c})
	}
	return c, err
}

// note counts, and keeps if that is wanted, what was read.
func (s *scanner) note(read []byte) error {
	s.at += int64(len(read))
	if s.keep == nil {
		return nil
	}
	if s.keep.Len()+len(read) > headMax {
		return errors.New("a value is too large")
	}
	s.keep.Write(read)
	return nil
}

func (s *scanner) back() {
	_ = s.r.UnreadByte() // always after a byte that was read
	s.at--
	if s.keep != nil {
		s.keep.Truncate(s.keep.Len() - 1)
	}
}

// peek gives the next byte that is not white space, and leaves it.
func (s *scanner) peek() (byte, error) {
	c, err := s.next()
	if err == nil {
		s.back()
	}
	return c, err
}

// next gives the next byte that is not white space.
func (s *scanner) next() (byte, error) {
	for {
		c, err := s.byte()
		if err != nil || (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
			return c, err
		}
	}
}

func (s *scanner) expect(want byte) error {
	c, err := s.next()
	if err == nil && c != want {
		err = fmt.Errorf("%q where %q is wanted, at byte %d", c, want, s.at)
	}
	return err
}

// object walks over an object; value must read the value of each name.
func (s *scanner) object(value func(name string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	return s.items('}', func() error {
		var name string
		if err := s.decode(&name); err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return value(name)
	})
}

// list walks over a list; item must read each item, which begins at s.at.
func (s *scanner) list(item func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	return s.items(']', item)
}

// items reads what is between brackets, with the place set to each item's first byte.
func (s *scanner) items(end byte, item func() error) error {
	c, err := s.peek()
	if err != nil || c == end {
		_, _ = s.byte() // it was seen already
		return err
	}
	for {
		if _, err := s.peek(); err != nil {
			return err
		}
		if err := item(); err != nil {
			return err
		}
		if c, err = s.next(); err != nil || c == end {
			return err
		}
		if c != ',' {
			return fmt.Errorf("%q between values, at byte %d", c, s.at)
		}
	}
}

// skip reads one value.
func (s *scanner) skip() error {
	c, err := s.next()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		return s.rest(0, true)
	case '{', '[':
		return s.rest(1, false)
	}
	for c != ',' && c != ']' && c != '}' {
		if c, err = s.byte(); err != nil {
			return err
		}
	}
	s.back()
	return nil
}

// rest reads on to the end of a text, or of so many open brackets. Tables are large: it looks
// at whole buffers.
func (s *scanner) rest(depth int, inText bool) error {
	escaped, done := false, false
	for !done {
		if _, err := s.r.Peek(1); err != nil {
			return io.ErrUnexpectedEOF
		}
		buf, _ := s.r.Peek(s.r.Buffered()) // what is there can be seen
		n := 0
		for n < len(buf) && !done {
			c := buf[n]
			n++
			switch {
			case escaped:
				escaped = false
			case inText && c == '\\':
				escaped = true
			case c == '"':
				inText = !inText
				done = !inText && depth == 0
			case inText:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
				done = depth == 0
			}
		}
		if err := s.note(buf[:n]); err != nil {
			return err
		}
		_, _ = s.r.Discard(n) // no more than what is there
	}
	return nil
}

// decode reads one value as Go's JSON package would; bare NaN and infinities become null.
func (s *scanner) decode(into any) error {
	if s.keep != nil {
		return errors.New("decode within decode")
	}
	s.keep = &bytes.Buffer{}
	err := s.skip()
	text := s.keep.Bytes()
	s.keep = nil
	if err != nil {
		return err
	}
	if !json.Valid(text) {
		text = pythonjson.WithoutNaN(text)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
