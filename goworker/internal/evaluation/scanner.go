package evaluation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// bufferSize is that of one reader of the file, of which there are up to eight at a time.
	bufferSize = 64 << 10
	// longestText bounds one string of the file: a class name.
	longestText = 1 << 20
	// longestNumber bounds the digits of a number.
	longestNumber = 400
)

// errDamaged is in the chain of every error that says what is wrong with a results file.
var errDamaged = errors.New("damaged results")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDamaged}, args...)...)
}

// scanner reads JSON token by token. It accepts what FiftyOne writes, relaxed Extended JSON, and keeps nothing.
type scanner struct {
	in         io.ReadCloser
	buf        []byte
	start, end int   // of what is unread in buf
	offset     int64 // of buf[0] in the file
	err        error // of in
	text       []byte
}

func newScanner(in io.ReadCloser, offset int64) *scanner {
	return &scanner{in: in, buf: make([]byte, bufferSize), offset: offset}
}

func (s *scanner) close() {
	if s != nil {
		_ = s.in.Close()
	}
}

// position is the offset of the next byte.
func (s *scanner) position() int64 { return s.offset + int64(s.start) }

// fill reads more; false at the end of the file or after an error.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	s.offset += int64(s.start)
	s.end = copy(s.buf, s.buf[s.start:s.end])
	s.start = 0
	for range 100 {
		n, err := s.in.Read(s.buf[s.end:])
		s.end += n
		s.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// trouble is why there is no byte: an error of the reader, or the file's end.
func (s *scanner) trouble() error {
	if s.err != nil && !errors.Is(s.err, io.EOF) && !errors.Is(s.err, io.ErrUnexpectedEOF) {
		return s.err
	}
	return damaged("it ends after %d bytes, in the middle of a value", s.position())
}

// peek is the next byte that is not white space.
func (s *scanner) peek() (byte, error) {
	for {
		for s.start < s.end {
			switch c := s.buf[s.start]; c {
			case ' ', '\t', '\n', '\r':
				s.start++
			default:
				return c, nil
			}
		}
		if !s.fill() {
			return 0, s.trouble()
		}
	}
}

// expect reads one punctuation mark.
func (s *scanner) expect(want byte) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c != want {
		return damaged("byte %d is %q instead of %q", s.position(), c, want)
	}
	s.start++
	return nil
}

// more stands behind a value in a list or object that ends with end: it reports whether another value follows.
func (s *scanner) more(end byte) (bool, error) {
	c, err := s.peek()
	if err != nil {
		return false, err
	}
	switch c {
	case ',':
		s.start++
		return true, nil
	case end:
		s.start++
		return false, nil
	}
	return false, damaged("byte %d is %q instead of a comma or %q", s.position(), c, end)
}

// empty stands behind the opening of a list or object: it reports whether that is closed at once.
func (s *scanner) empty(end byte) (bool, error) {
	c, err := s.peek()
	if err == nil && c == end {
		s.start++
		return true, nil
	}
	return false, err
}

// string reads a string. The bytes are valid until the next call.
func (s *scanner) string() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	if i := bytes.IndexByte(s.buf[s.start:s.end], '"'); i >= 0 { // nearly always
		raw := s.buf[s.start : s.start+i]
		if bytes.IndexByte(raw, '\\') < 0 {
			s.start += i + 1
			return raw, nil
		}
	}
	s.text = append(s.text[:0], '"')
	err := s.rawString(func(piece []byte) error {
		s.text = append(s.text, piece...)
		if len(s.text) > longestText {
			return damaged("it has a text of more than %d bytes", longestText)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var plain string
	if err := json.Unmarshal(s.text, &plain); err != nil {
		return nil, damaged("the text before byte %d cannot be read", s.position())
	}
	return []byte(plain), nil
}

// rawString reads behind an opening quote up to the closing one, which is part of the last piece.
func (s *scanner) rawString(piece func([]byte) error) error {
	escaped := false
	for {
		if s.start == s.end && !s.fill() {
			return s.trouble()
		}
		at := s.start
		for ; at < s.end; at++ {
			c := s.buf[at]
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				err := piece(s.buf[s.start : at+1])
				s.start = at + 1
				return err
			}
		}
		if err := piece(s.buf[s.start:at]); err != nil {
			return err
		}
		s.start = at
	}
}

// literal reads null, true, false or a number, as it stands there.
func (s *scanner) literal() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	for {
		for i := s.start; i < s.end; i++ {
			switch s.buf[i] {
			case ',', ']', '}', ' ', '\t', '\n', '\r', '"', '[', '{', ':':
				if i == s.start {
					return nil, damaged("byte %d is %q instead of a value", s.position(), s.buf[i])
				}
				out := s.buf[s.start:i]
				s.start = i
				return out, nil
			}
		}
		if s.end-s.start > longestNumber {
			return nil, damaged("it has no value at byte %d", s.position())
		}
		if !s.fill() {
			return nil, s.trouble()
		}
	}
}

// number reads a number of Extended JSON, or null.
func (s *scanner) number() (v float64, ok bool, err error) {
	c, err := s.peek()
	if err != nil {
		return 0, false, err
	}
	if c == '{' {
		v, err = s.wrapped()
		return v, err == nil, err
	}
	raw, err := s.literal()
	if err != nil || string(raw) == "null" {
		return 0, false, err
	}
	v, err = strconv.ParseFloat(string(raw), 64)
	if err != nil || raw[0] > '9' { // ParseFloat knows words and hexadecimal digits, JSON does not
		return 0, false, damaged("%q before byte %d is not a number", clip(raw), s.position())
	}
	return v, true, nil
}

// wrapped reads {"$numberDouble": "NaN"} and its like.
func (s *scanner) wrapped() (float64, error) {
	if err := s.expect('{'); err != nil {
		return 0, err
	}
	key, err := s.string()
	if err != nil {
		return 0, err
	}
	switch string(key) {
	case "$numberDouble", "$numberInt", "$numberLong", "$numberDecimal":
	default:
		return 0, damaged("a number before byte %d is a document of %q", s.position(), clip(key))
	}
	if err := s.expect(':'); err != nil {
		return 0, err
	}
	text, err := s.string()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(text), 64) // knows NaN, Infinity and -Infinity
	if err != nil {
		return 0, damaged("%q before byte %d is not a number", clip(text), s.position())
	}
	return v, s.expect('}')
}

// clip is a text short enough for a sentence.
func clip(b []byte) string { return string(b[:min(len(b), 40)]) }

// skip reads over a value of any kind.
func (s *scanner) skip() error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		s.start++
		return s.rawString(func([]byte) error { return nil })
	case '[', '{':
		return s.skipNested()
	}
	_, err = s.literal()
	return err
}

// skipNested reads over a list or an object: only its quotes and brackets are looked at.
func (s *scanner) skipNested() error {
	depth, inText := 0, false
	for {
		if s.start == s.end && !s.fill() {
			return s.trouble()
		}
		chunk := s.buf[s.start:s.end]
		i := 0
		for i < len(chunk) {
			if inText {
				at := bytes.IndexByte(chunk[i:], '"')
				slash := bytes.IndexByte(chunk[i:i+orAll(at, len(chunk)-i)], '\\')
				switch {
				case slash >= 0 && i+slash+1 < len(chunk):
					i += slash + 2
				case slash >= 0: // what it escapes is not read yet
					s.start += i + slash
					if !s.fill() || s.end-s.start < 2 && !s.fill() {
						return s.trouble()
					}
					chunk, i = s.buf[s.start:s.end], 2
				case at >= 0:
					i, inText = i+at+1, false
				default:
					i = len(chunk)
				}
				continue
			}
			switch chunk[i] {
			case '"':
				inText = true
			case '[', '{':
				depth++
			case ']', '}':
				if depth--; depth == 0 {
					s.start += i + 1
					return nil
				}
			}
			i++
		}
		s.start = s.end
	}
}

// orAll is n, or all where it is negative.
func orAll(n, all int) int {
	if n < 0 {
		return all
	}
	return n
}

// raw reads a whole value, of at most the given size, as it stands in the file.
func (s *scanner) raw(most int64) ([]byte, error) {
	from := s.position()
	tail := &tee{ReadCloser: s.in, most: most}
	tail.kept = append(tail.kept, s.buf[s.start:s.end]...)
	s.in = tail
	err := s.skip()
	s.in = tail.ReadCloser
	if err != nil {
		return nil, err
	}
	size := s.position() - from
	if size > most || size > int64(len(tail.kept)) {
		return nil, damaged("a value at byte %d has more than %d bytes", from, most)
	}
	return bytes.TrimSpace(tail.kept[:size]), nil
}

// tee keeps what is read, up to a size.
type tee struct {
	io.ReadCloser
	kept []byte
	most int64
}

// Read implements io.Reader.
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if int64(len(t.kept)) < t.most+bufferSize {
		t.kept = append(t.kept, p[:n]...)
	}
	return n, err
}
