package job

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// metadataLimit is how large an artifact's metadata may be with its lists in it:
// W&B's server limits requests to about 10 MB and is slow on large arrays.
const metadataLimit = 4 << 20

// metadataNames is what the names of lists and of their files may take of that.
const metadataNames = 4 << 10

// largeFact is from which size on a value that others chose, such as the dataset's
// info, is kept like a list: in a file, and in the metadata while there is room.
const largeFact = 256 << 10

// object is a JSON object whose keys keep the order in which they were set.
type object struct {
	buf bytes.Buffer
}

// raw sets a key to JSON text; empty text is null.
func (o *object) raw(key string, value []byte) {
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

// set sets a key to a value of plain types.
func (o *object) set(key string, value any) {
	o.raw(key, mustJSON(value))
}

// text sets a key to a string, or to null where it is empty.
func (o *object) text(key, value string) {
	if value == "" {
		o.raw(key, nil)
		return
	}
	o.set(key, value)
}

// bytes is the whole object; more keys may follow.
func (o *object) bytes() []byte {
	if o.buf.Len() == 0 {
		return []byte("{}")
	}
	out := make([]byte, 0, o.buf.Len()+1)
	return append(append(out, o.buf.Bytes()...), '}')
}

// mustJSON encodes plain values, without escaping for HTML.
func mustJSON(value any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic(err) // only values of plain types come here
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

// rounded is a number with at most the given decimals, as Python's round gives it.
func rounded(f float64, decimals int) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	out, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', decimals, 64), 64)
	return out
}

// list is a large value of the metadata that is kept in a file of the artifact.
type list struct {
	key  string
	path string // of the file in the artifact
	size int64  // of its JSON
	json func() ([]byte, error)
}

// jsonList is JSON that is in a file of the artifact, too.
func jsonList(key, path string, raw []byte) list {
	return list{key: key, path: path, size: int64(len(raw)), json: func() ([]byte, error) { return raw, nil }}
}

// fillLists puts as many of the lists into the metadata as fit, in the given
// order. It returns the metadata with them, and the metadata without any for
// servers that refuse the former. A list that is left out is named with its file.
func fillLists(base *object, lists []list) (full, slim []byte, err error) {
	room := int64(metadataLimit - metadataNames - len(base.bytes()))
	out := &object{}
	out.buf.Write(base.buf.Bytes())
	missing, all := &object{}, &object{}
	for _, l := range lists {
		all.set(l.key, l.path)
		if l.size > room {
			missing.set(l.key, l.path)
			continue
		}
		value, err := l.json()
		if err != nil {
			return nil, nil, err
		}
		room -= int64(len(value))
		out.raw(l.key, value)
	}
	if missing.buf.Len() > 0 {
		out.raw("lists_in_files", missing.bytes())
	}
	without := &object{}
	without.buf.Write(base.buf.Bytes())
	if all.buf.Len() > 0 {
		without.raw("lists_in_files", all.bytes())
	}
	return out.bytes(), without.bytes(), nil
}
