package npy

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxRatio is more than what zlib can compress (1032 to 1): a blob that claims
// more is a lie, and no memory is set aside for it.
const maxRatio = 1040

// Decoder reads arrays out of BSON. It uses its memory again, so every goroutine
// needs its own.
type Decoder struct {
	limit   int64
	blob    bytes.Reader
	inflate io.ReadCloser
	data    []byte
	turned  []byte
}

// NewDecoder makes a decoder that refuses arrays of more than limit bytes.
func NewDecoder(limit int64) *Decoder { return &Decoder{limit: limit} }

// Decode reads a value of one of FiftyOne's vector and array fields: Binary with
// one zlib-compressed .npy file, or a list of numbers, which gives Float64. ok is
// false for null, an absent value and an array without numbers. The array is
// valid until the next call. Errors wrap ErrCorrupt, ErrUnsupported or
// ErrTooLarge and speak of the value, not of the sample.
func (d *Decoder) Decode(v bson.RawValue) (a Array, ok bool, err error) {
	switch v.Type {
	case 0, bson.TypeNull, bson.TypeUndefined:
		return Array{}, false, nil
	case bson.TypeBinary:
		subtype, blob, valid := v.BinaryOK()
		if !valid || subtype != bson.TypeBinaryGeneric {
			return Array{}, false, fmt.Errorf("%w: binary data of subtype %d", ErrCorrupt, subtype)
		}
		a, err = d.unpack(blob)
	case bson.TypeArray:
		a, err = d.list(v.Value)
	default:
		err = fmt.Errorf("%w: it is of BSON's type %s", ErrUnsupported, v.Type)
	}
	if err != nil || len(a.Data) == 0 {
		return Array{}, false, err
	}
	return a, true, nil
}

// unpack reads a zlib-compressed .npy file.
func (d *Decoder) unpack(blob []byte) (Array, error) {
	d.blob.Reset(blob)
	var err error
	if d.inflate == nil {
		d.inflate, err = zlib.NewReader(&d.blob)
	} else {
		err = d.inflate.(zlib.Resetter).Reset(&d.blob, nil)
	}
	if err != nil {
		return Array{}, fmt.Errorf("%w: it is not compressed with zlib", ErrCorrupt)
	}
	h, err := readHeader(d.inflate)
	if err != nil {
		return Array{}, err
	}
	turned := h.fortran && len(h.shape) > 1 // which takes as much again
	if h.size > d.limit || (turned && h.size > d.limit/2) {
		return Array{}, fmt.Errorf("%w: %d bytes, and the limit is %d", ErrTooLarge, h.size, d.limit)
	}
	if h.size > maxRatio*int64(len(blob)) {
		return Array{}, fmt.Errorf("%w: %d bytes cannot hold an array of shape %v", ErrCorrupt, len(blob), h.shape)
	}
	d.data = slices.Grow(d.data[:0], int(h.size))[:h.size]
	if _, err := io.ReadFull(d.inflate, d.data); err != nil {
		return Array{}, fmt.Errorf("%w: its data are cut off or damaged", ErrCorrupt)
	}
	// Reading on to the end also checks the checksum.
	if n, err := io.ReadFull(d.inflate, make([]byte, 1)); n > 0 || err != io.EOF {
		return Array{}, fmt.Errorf("%w: its data are damaged or longer than its header says", ErrCorrupt)
	}
	size := h.dtype.Size()
	if h.bigEndian {
		for i := 0; i < len(d.data); i += size {
			slices.Reverse(d.data[i : i+size])
		}
	}
	if turned {
		d.toRows(h.shape, size)
	}
	return Array{DType: h.dtype, Shape: h.shape, Data: d.data}, nil
}

// toRows turns column-major data into row-major data.
func (d *Decoder) toRows(shape []int, size int) {
	d.turned = slices.Grow(d.turned[:0], len(d.data))
	index := make([]int, len(shape))
	for range len(d.data) / size {
		from, stride := 0, size
		for axis, i := range index {
			from += i * stride
			stride *= shape[axis]
		}
		d.turned = append(d.turned, d.data[from:from+size]...)
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	d.data, d.turned = d.turned, d.data
}

// list reads a BSON array of numbers. It looks at the bytes itself: the driver
// would allocate for each number.
func (d *Decoder) list(raw []byte) (Array, error) {
	d.data = d.data[:0]
	if len(raw) < 5 || int64(binary.LittleEndian.Uint32(raw)) != int64(len(raw)) {
		return Array{}, fmt.Errorf("%w: the list is cut off", ErrCorrupt)
	}
	for raw = raw[4:]; len(raw) > 1 && raw[0] != 0; {
		t := bson.Type(raw[0])
		_, value, found := bytes.Cut(raw[1:], []byte{0})
		n := 8
		if t == bson.TypeInt32 {
			n = 4
		}
		if !found || len(value) < n {
			n = 0
		}
		x := 0.0
		switch {
		case t != bson.TypeDouble && t != bson.TypeInt32 && t != bson.TypeInt64:
			return Array{}, fmt.Errorf("%w: item %d of the list is of BSON's type %s", ErrUnsupported, len(d.data)/8, t)
		case n == 0:
			return Array{}, fmt.Errorf("%w: the list is cut off", ErrCorrupt)
		case t == bson.TypeDouble:
			x = math.Float64frombits(binary.LittleEndian.Uint64(value))
		case t == bson.TypeInt32:
			x = float64(int32(binary.LittleEndian.Uint32(value)))
		default:
			x = float64(int64(binary.LittleEndian.Uint64(value)))
		}
		if int64(len(d.data)) >= d.limit-7 {
			return Array{}, fmt.Errorf("%w: the list is over the limit of %d bytes", ErrTooLarge, d.limit)
		}
		d.data, raw = binary.LittleEndian.AppendUint64(d.data, math.Float64bits(x)), value[n:]
	}
	return Array{DType: Float64, Shape: []int{len(d.data) / 8}, Data: d.data}, nil
}
