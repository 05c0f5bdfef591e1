// Package npy reads the NumPy arrays that FiftyOne keeps in MongoDB, and writes
// vectors of many samples as an .npz archive that numpy.load reads.
package npy

import (
	"encoding/binary"
	"math"
)

// DType is the type of an array's numbers.
type DType uint8

// The types that can be read and written.
const (
	Bool DType = iota
	Int8
	Uint8
	Int16
	Uint16
	Int32
	Uint32
	Int64
	Uint64
	Float16
	Float32
	Float64
)

// dtypes is how NumPy describes the types, with little-endian order.
var dtypes = [...]string{"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"}

// String is NumPy's description of the type, such as "<f4".
func (t DType) String() string { return dtypes[t] }

// Size is the number of bytes of one number.
func (t DType) Size() int { return int(dtypes[t][2] - '0') }

func (t DType) isFloat() bool { return t >= Float16 }

// common is a type that holds the numbers of both: the wider one of two floats,
// else Float64, which is exact for integers up to 2^53.
func common(a, b DType) DType {
	switch {
	case a == b:
		return a
	case a.isFloat() && b.isFloat():
		return max(a, b)
	}
	return Float64
}

// Array is an array of numbers.
type Array struct {
	DType DType
	// Shape is the length along each axis; that of a vector has one item.
	Shape []int
	// Data is the numbers in little-endian, row-major order.
	Data []byte
}

// Len is how many numbers there are.
func (a Array) Len() int { return len(a.Data) / a.DType.Size() }

// Append appends an array's numbers to a vector, row by row. Bools are 0 and 1.
func Append[T float32 | float64](dst []T, a Array) []T {
	n := a.Len()
	le := binary.LittleEndian
	for i := range n {
		var x T
		switch a.DType {
		case Float64:
			x = T(math.Float64frombits(le.Uint64(a.Data[8*i:])))
		case Float32:
			x = T(math.Float32frombits(le.Uint32(a.Data[4*i:])))
		case Float16:
			x = T(half(le.Uint16(a.Data[2*i:])))
		case Int64:
			x = T(int64(le.Uint64(a.Data[8*i:])))
		case Uint64:
			x = T(le.Uint64(a.Data[8*i:]))
		case Int32:
			x = T(int32(le.Uint32(a.Data[4*i:])))
		case Uint32:
			x = T(le.Uint32(a.Data[4*i:]))
		case Int16:
			x = T(int16(le.Uint16(a.Data[2*i:])))
		case Uint16:
			x = T(le.Uint16(a.Data[2*i:]))
		case Int8:
			x = T(int8(a.Data[i]))
		default:
			x = T(a.Data[i])
		}
		dst = append(dst, x)
	}
	return dst
}

// half is the value of a float of 16 bits (IEEE 754 binary16).
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	x := math.Inf(1)
	switch {
	case exponent == 0x1f && fraction != 0:
		return math.NaN()
	case exponent == 0:
		x = math.Ldexp(fraction, -24)
	case exponent < 0x1f:
		x = math.Ldexp(1024+fraction, exponent-25)
	}
	if bits>>15 != 0 {
		return -x
	}
	return x
}
