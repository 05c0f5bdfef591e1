package evaluation

import (
	"context"
	"encoding/json"
	"errors"
	"io"
)

const (
	// mostKeys bounds the keys of a results file; FiftyOne's have about fifteen.
	mostKeys = 1000
	// largestCustom bounds the JSON of the custom metrics, which are kept.
	largestCustom = 4 << 20
)

// results are where the values of a results file stand.
type results struct {
	text Text
	// at are the offsets of the values by their keys; null ones are left out.
	at map[string]int64
	// first is the first byte of each value.
	first map[string]byte
	class string
	// missing is nil where the file has none.
	missing *string
	// missingValue is that of a regression.
	missingValue    float64
	hasMissingValue bool
	custom          []byte
}

// openResults reads through a file once, to find its values.
func openResults(ctx context.Context, text Text) (*results, error) {
	s, err := scannerAt(ctx, text, 0)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := &results{text: text, at: map[string]int64{}, first: map[string]byte{}}
	if err := s.expect('{'); err != nil {
		return nil, err
	}
	if done, err := s.empty('}'); err != nil || done {
		return r, err
	}
	for range mostKeys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		key, err := s.string()
		if err != nil {
			return nil, err
		}
		name := string(key)
		if err := s.expect(':'); err != nil {
			return nil, err
		}
		if err := r.value(s, name); err != nil {
			return nil, err
		}
		more, err := s.more('}')
		if err != nil {
			return nil, err
		}
		if !more {
			return r, s.nothingMore()
		}
	}
	return nil, damaged("it has more than %d keys", mostKeys)
}

// value notes where a value stands, and reads the small ones.
func (r *results) value(s *scanner, name string) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if _, twice := r.at[name]; twice {
		return damaged("it has the key %q twice", clip([]byte(name)))
	}
	switch {
	case c == 'n':
		_, err := s.literal()
		return err
	case name == "cls" && c == '"':
		text, err := s.string()
		r.class = string(text)
		return err
	case name == "missing" && c == '"':
		text, err := s.string()
		missing := string(text)
		r.missing = &missing
		return err
	case name == "missing":
		r.missingValue, r.hasMissingValue, err = s.number()
		return err
	case name == "custom_metrics" && c == '{':
		raw, err := s.raw(largestCustom)
		if err == nil && !json.Valid(raw) {
			err = damaged("its custom metrics cannot be read")
		}
		r.custom = raw
		return err
	}
	r.at[name], r.first[name] = s.position(), c
	return s.skip()
}

// has reports whether there is a value of the kind that begins with the given byte.
func (r *results) has(name string, first byte) bool { return r.first[name] == first }

// open starts reading at a value.
func (r *results) open(ctx context.Context, name string) (*scanner, error) {
	at, ok := r.at[name]
	if !ok {
		return nil, damaged("it has no %q", name)
	}
	return scannerAt(ctx, r.text, at)
}

func scannerAt(ctx context.Context, text Text, offset int64) (*scanner, error) {
	in, err := text.At(ctx, offset)
	if err != nil {
		return nil, err
	}
	return newScanner(in, offset), nil
}

// nothingMore makes sure that the file ends here.
func (s *scanner) nothingMore() error {
	c, err := s.peek()
	switch {
	case err == nil:
		return damaged("something (%q) follows its end at byte %d", c, s.position())
	case s.err != nil && !errors.Is(s.err, io.EOF):
		return s.err
	}
	return nil
}
