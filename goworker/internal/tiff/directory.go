package tiff

import (
	"encoding/binary"
	"io"
	"math"
)

// The tags that are read (TIFF 6.0).
const (
	tagWidth           = 256
	tagHeight          = 257
	tagBits            = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagStripOffsets    = 273
	tagOrientation     = 274
	tagSamples         = 277
	tagRowsPerStrip    = 278
	tagStripByteCounts = 279
	tagPlanar          = 284
	tagT4Options       = 292
	tagT6Options       = 293
	tagPredictor       = 317
	tagColorMap        = 320
	tagTileWidth       = 322
	tagTileHeight      = 323
	tagTileOffsets     = 324
	tagTileByteCounts  = 325
	tagExtraSamples    = 338
	tagSampleFormat    = 339
)

// The types of a field's values, with their sizes in bytes.
const (
	typeByte  = 1
	typeShort = 3
	typeLong  = 4
	typeLong8 = 16
)

var sizeOfType = map[uint16]uint64{typeByte: 1, typeShort: 2, typeLong: 4, typeLong8: 8}

// maxFields bounds the fields of a directory: no encoder writes as many.
const maxFields = 4096

// field is one entry of a directory.
type field struct {
	kind  uint16
	count uint64
	value []byte // the values, or their offset where they do not fit
}

// directory is a file's first one.
type directory struct {
	order  binary.ByteOrder
	big    bool
	fields map[uint16]field
}

// wanted are the tags that matter; what is wrong with others does not.
var wanted = map[uint16]bool{
	tagWidth: true, tagHeight: true, tagBits: true, tagCompression: true, tagPhotometric: true, tagFillOrder: true,
	tagStripOffsets: true, tagOrientation: true, tagSamples: true, tagRowsPerStrip: true, tagStripByteCounts: true,
	tagPlanar: true, tagT4Options: true, tagT6Options: true, tagPredictor: true, tagColorMap: true, tagTileWidth: true,
	tagTileHeight: true, tagTileOffsets: true, tagTileByteCounts: true, tagExtraSamples: true, tagSampleFormat: true,
}

// readDirectory reads the header and the fields of the first directory.
func readDirectory(r io.ReaderAt) (directory, error) {
	d := directory{fields: map[uint16]field{}}
	head := make([]byte, 16)
	n, _ := r.ReadAt(head, 0) // a file may be shorter
	if n < 8 {
		return d, corrupt("it ends within its header")
	}
	switch string(head[:4]) {
	case "II*\x00":
		d.order = binary.LittleEndian
	case "MM\x00*":
		d.order = binary.BigEndian
	case "II+\x00":
		d.order, d.big = binary.LittleEndian, true
	case "MM\x00+":
		d.order, d.big = binary.BigEndian, true
	default:
		return d, corrupt("it does not begin as a TIFF")
	}
	at, word, entry := uint64(d.order.Uint32(head[4:])), 2, 12
	if d.big {
		if n < 16 || d.order.Uint16(head[4:]) != 8 || d.order.Uint16(head[6:]) != 0 {
			return d, unsupported("a BigTIFF with unusual offsets")
		}
		at, word, entry = d.order.Uint64(head[8:]), 8, 20
	}
	if at > math.MaxInt64/2 {
		return d, corrupt("its directory is beyond its end")
	}
	buf := make([]byte, word)
	if _, err := r.ReadAt(buf, int64(at)); err != nil {
		return d, corrupt("its directory is beyond its end")
	}
	count := uint64(d.order.Uint16(buf))
	if d.big {
		count = d.order.Uint64(buf)
	}
	if count > maxFields {
		return d, unsupported("a directory of %d fields", count)
	}
	buf = make([]byte, int(count)*entry)
	if _, err := r.ReadAt(buf, int64(at)+int64(word)); err != nil && len(buf) > 0 {
		return d, corrupt("it ends within its directory")
	}
	for ; len(buf) > 0; buf = buf[entry:] {
		if err := d.add(buf[:entry]); err != nil {
			return d, err
		}
	}
	return d, nil
}

// add adds an entry of the directory.
func (d *directory) add(b []byte) error {
	tag := d.order.Uint16(b)
	if !wanted[tag] {
		return nil
	}
	if _, twice := d.fields[tag]; twice {
		return unsupported("its field %d is there twice", tag)
	}
	f := field{kind: d.order.Uint16(b[2:]), count: uint64(d.order.Uint32(b[4:])), value: b[8:]}
	if d.big {
		f.count, f.value = d.order.Uint64(b[4:]), b[12:]
	}
	if sizeOfType[f.kind] == 0 || f.count == 0 {
		return unsupported("its field %d has values of an unusual type", tag)
	}
	d.fields[tag] = f
	return nil
}

// one gives the value of a field that has one; a field that is missing has the given value.
func (d *directory) one(tag uint16, otherwise uint64) (uint64, error) {
	f, ok := d.fields[tag]
	if !ok {
		return otherwise, nil
	}
	if f.count != 1 || sizeOfType[f.kind] > uint64(len(f.value)) {
		return 0, unsupported("its field %d has %d values", tag, f.count)
	}
	return d.at(f.kind, f.value, 0), nil
}

// at gives the i-th of a field's values.
func (d *directory) at(kind uint16, b []byte, i int) uint64 {
	switch kind {
	case typeByte:
		return uint64(b[i])
	case typeShort:
		return uint64(d.order.Uint16(b[2*i:]))
	case typeLong:
		return uint64(d.order.Uint32(b[4*i:]))
	}
	return d.order.Uint64(b[8*i:])
}

// all gives the values of a field of exactly n values; none where it is missing.
func (d *directory) all(r io.ReaderAt, tag uint16, n int) ([]uint64, error) {
	f, ok := d.fields[tag]
	if !ok {
		return nil, nil
	}
	if f.count != uint64(n) {
		return nil, unsupported("its field %d has %d values", tag, f.count)
	}
	b := f.value
	if size := uint64(n) * sizeOfType[f.kind]; size > uint64(len(b)) {
		offset := uint64(d.order.Uint32(b))
		if d.big {
			offset = d.order.Uint64(b)
		}
		if offset > math.MaxInt64/2 {
			return nil, corrupt("its field %d is beyond its end", tag)
		}
		b = make([]byte, size)
		if _, err := r.ReadAt(b, int64(offset)); err != nil {
			return nil, corrupt("its field %d is beyond its end", tag)
		}
	}
	values := make([]uint64, n)
	for i := range values {
		values[i] = d.at(f.kind, b, i)
	}
	return values, nil
}

// count is how many values a field has, 0 where it is missing.
func (d *directory) count(tag uint16) int {
	return int(min(d.fields[tag].count, math.MaxInt32))
}
