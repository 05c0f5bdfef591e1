package metadata

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// TrimmedLimit is the most of an artifact's metadata, or of a run's config or
	// summary, that is handed on, in bytes.
	TrimmedLimit = 1 << 20
	// MaxDepth is how deeply JSON may be nested that is handed on: readers in Python
	// give up at some depth.
	MaxDepth = 100
	// maxKeys is how many keys of a JSON object are looked at: each takes memory, however
	// small it is.
	maxKeys = 20_000
)

// Fields are the values of a JSON object with the order of their keys.
type Fields struct {
	Keys   []string
	Values map[string]json.RawMessage
}

// Read takes a JSON object apart, up to maxKeys keys. What is not one has no values.
func Read(raw []byte) Fields {
	f := Fields{Values: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return f
	}
	for d.More() && len(f.Keys) < maxKeys {
		token, err := d.Token()
		key, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return f
		}
		if _, twice := f.Values[key]; !twice {
			f.Keys = append(f.Keys, key)
		}
		f.Values[key] = value
	}
	return f
}

// Sorted orders values by their keys.
func Sorted(values map[string]json.RawMessage) Fields {
	return Fields{Keys: slices.Sorted(maps.Keys(values)), Values: values}
}

// Trimmed is the object as it is handed on: without the given keys, and without the
// largest values where it would have more than TrimmedLimit bytes, or those that are
// nested too deeply. The latter two are named under values_left_out.
func (f Fields) Trimmed(without ...string) []byte {
	var keep, left []string
	for _, key := range f.Keys {
		if !slices.Contains(without, key) {
			keep = append(keep, key)
		}
	}
	smallest := slices.Clone(keep)
	slices.SortStableFunc(smallest, func(a, b string) int { return cmp.Compare(f.cost(a), f.cost(b)) })
	// All keys together may be named as left out.
	budget := TrimmedLimit / 2
	for _, key := range smallest {
		if budget -= f.cost(key); budget < 0 || Depth(f.Values[key]) > MaxDepth {
			left = append(left, key)
		}
	}
	out := &Object{}
	for _, key := range keep {
		if !slices.Contains(left, key) {
			out.Raw(key, f.Values[key])
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		out.Raw("values_left_out", Names(left))
	}
	return out.Bytes()
}

// cost is about how many bytes a value takes with its key.
func (f Fields) cost(key string) int { return len(key) + len(f.Values[key]) + 8 }

// Names is a list of names, as many as may be shown.
func Names(names []string) []byte {
	budget := TrimmedLimit / 4
	for i, name := range names {
		if budget -= len(name) + 3; budget < 0 {
			names = names[:i]
			break
		}
	}
	return JSON(names)
}

// IsList reports whether JSON text is a list.
func IsList(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '['
}

// ASCII writes other characters than those of ASCII as escapes. Python keeps a text with four bytes for each character
// as soon as one of them needs it. What has become longer than limit, in bytes, may end anywhere.
func ASCII(valid []byte, limit int) []byte {
	if !bytes.ContainsFunc(valid, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return valid
	}
	out := make([]byte, 0, len(valid)+len(valid)/8)
	for len(valid) > 0 {
		r, n := utf8.DecodeRune(valid)
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		if len(out) > limit { // it is too long already
			return out
		}
		valid = valid[n:]
	}
	return out
}

// Depth is how deeply JSON text is nested.
func Depth(raw []byte) int {
	now, most, inString := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '[' || b == '{':
			now++
			most = max(most, now)
		case b == ']' || b == '}':
			now--
		}
	}
	return most
}
