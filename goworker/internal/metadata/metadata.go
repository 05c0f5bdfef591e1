// Package metadata writes and reads the JSON of an artifact's metadata: objects that keep their order, large lists that
// are left to files of the artifact where there is no room for them, and objects of others, of which only so much
// is handed on.
package metadata

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// IdentityPath is the artifact's file with what identifies its content. An artifact's digest covers files only, not
// the metadata.
const IdentityPath = "fiftyone/metadata.json"

// Limit is how large an artifact's metadata may be with its lists in it, in bytes:
// W&B's server limits requests to about 10 MB and is slow on large arrays.
const Limit = 4 << 20

// reserved is what the names of lists and of their files may take of that.
const reserved = 4 << 10

// Large is from which size on, in bytes, a value that others chose, such as the dataset's
// info, is kept like a list: in a file, and in the metadata while there is room.
const Large = 256 << 10

// Object is a JSON object whose keys keep the order in which they were set. Its zero value is an empty one.
type Object struct {
	buf bytes.Buffer
}

// Raw sets a key to JSON text; empty text is null.
func (o *Object) Raw(key string, value []byte) {
	if o.buf.Len() == 0 {
		o.buf.WriteByte('{')
	} else {
		o.buf.WriteByte(',')
	}
	name, _ := json.Marshal(key) // strings always marshal
	o.buf.Write(name)
	o.buf.WriteByte(':')
	if len(value) == 0 {
		value = []byte("null")
	}
	o.buf.Write(value)
}

// Set sets a key to a value of plain types.
func (o *Object) Set(key string, value any) {
	o.Raw(key, JSON(value))
}

// Text sets a key to a string, or to null where it is empty.
func (o *Object) Text(key, value string) {
	if value == "" {
		o.Raw(key, nil)
		return
	}
	o.Set(key, value)
}

// Bytes is the whole object; more keys may follow.
func (o *Object) Bytes() []byte {
	if o.buf.Len() == 0 {
		return []byte("{}")
	}
	out := make([]byte, 0, o.buf.Len()+1)
	return append(append(out, o.buf.Bytes()...), '}')
}

// JSON encodes a value of plain types, without escaping for HTML. It panics on other values.
func JSON(value any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic(err) // only values of plain types come here
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

// Rounded is a number with at most the given decimals, as Python's round gives it; 0 for one that is not finite.
func Rounded(f float64, decimals int) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	out, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', decimals, 64), 64)
	return out
}

// List is a large value of the metadata that a file of the artifact holds, too.
type List struct {
	Key  string
	Path string // of the file in the artifact
	Size int64  // of its JSON, in bytes
	JSON func() ([]byte, error)
}

// JSONList is a List of JSON that is in memory.
func JSONList(key, path string, raw []byte) List {
	return List{Key: key, Path: path, Size: int64(len(raw)), JSON: func() ([]byte, error) { return raw, nil }}
}

// Fill puts as many of the lists into the metadata as fit, in the given
// order. It returns the metadata with them, and the metadata without any for
// servers that refuse the former. A list that is left out is named with its file.
func Fill(base *Object, lists []List) (full, slim []byte, err error) {
	left := int64(Limit - reserved - len(base.Bytes()))
	out := &Object{}
	out.buf.Write(base.buf.Bytes())
	missing, all := &Object{}, &Object{}
	for _, l := range lists {
		all.Set(l.Key, l.Path)
		if l.Size > left {
			missing.Set(l.Key, l.Path)
			continue
		}
		value, err := l.JSON()
		if err != nil {
			return nil, nil, err
		}
		left -= int64(len(value))
		out.Raw(l.Key, value)
	}
	if missing.buf.Len() > 0 {
		out.Raw("lists_in_files", missing.Bytes())
	}
	without := &Object{}
	without.buf.Write(base.buf.Bytes())
	if all.buf.Len() > 0 {
		without.Raw("lists_in_files", all.Bytes())
	}
	return out.Bytes(), without.Bytes(), nil
}
