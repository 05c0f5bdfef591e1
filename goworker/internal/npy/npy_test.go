package npy

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const limit = 1 << 20

// value is a Go value as a cursor hands it out.
func value(t testing.TB, v any) bson.RawValue {
	t.Helper()
	kind, data, err := bson.MarshalValue(v)
	require.NoError(t, err)
	return bson.RawValue{Type: kind, Value: data}
}

func binary0(t testing.TB, blob []byte) bson.RawValue {
	t.Helper()
	return value(t, bson.Binary{Data: blob})
}

// deflate compresses as FiftyOne does.
func deflate(t testing.TB, npy []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write(npy)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// file is an .npy file with a header of that text and with these data.
func file(text, data string) []byte {
	return append([]byte(magic+"\x01\x00"+string([]byte{byte(len(text)), byte(len(text) >> 8)})), text+data...)
}

func TestDecodeAgreesWithFiftyOne(t *testing.T) {
	raw, err := os.ReadFile("testdata/arrays.json")
	require.NoError(t, err)
	var cases []struct {
		Name, DType string
		Shape       []int
		Numbers     []string
		Blob        []byte
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.Greater(t, len(cases), 30)
	d := NewDecoder(limit)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			a, ok, err := d.Decode(binary0(t, c.Blob))
			switch c.Name {
			case "empty", "no rows":
				require.NoError(t, err)
				assert.False(t, ok)
				return
			case "complex", "texts", "records", "dates":
				assert.ErrorIs(t, err, ErrUnsupported)
				assert.False(t, ok)
				return
			}
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, c.DType, a.DType.String())
			assert.Equal(t, c.Shape, a.Shape)
			if c.Name == "zeros" {
				assert.Equal(t, make([]byte, 100_000), a.Data)
				return
			}
			require.Equal(t, len(c.Numbers), a.Len())
			for i, x := range Append([]float64(nil), a) {
				assertNumber(t, c.Numbers[i], x, float64(Append([]float32(nil), a)[i]))
			}
		})
	}
}

// assertNumber compares numbers with what Python prints.
func assertNumber(t *testing.T, want string, x, narrow float64) {
	t.Helper()
	if b, err := strconv.ParseBool(strings.ToLower(want)); err == nil && len(want) > 1 {
		want = map[bool]string{true: "1", false: "0"}[b]
	}
	y, err := strconv.ParseFloat(want, 64)
	require.NoError(t, err)
	if math.IsNaN(y) {
		assert.True(t, math.IsNaN(x) && math.IsNaN(narrow))
		return
	}
	assert.Equal(t, y, x)
	assert.Equal(t, float64(float32(y)), narrow)
}

func TestHalves(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: math.Ldexp(1, -14), 0x0001: math.Ldexp(1, -24),
		0x83ff: -math.Ldexp(1023, -24), 0x7c00: math.Inf(1), 0xfc00: math.Inf(-1), 0x3555: 0.333251953125,
	} {
		assert.Equal(t, want, half(bits), "%04x", bits)
	}
	assert.True(t, math.IsNaN(half(0x7e00)) && math.IsNaN(half(0xfc01)))
	assert.True(t, math.Signbit(half(0x8000)))
}

func TestDecodeLists(t *testing.T) {
	d := NewDecoder(limit)
	a, ok, err := d.Decode(value(t, bson.A{1.5, int32(-2), int64(1) << 40, math.Inf(1), math.NaN()}))
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, Float64, a.DType)
	assert.Equal(t, []int{5}, a.Shape)
	got := Append([]float64(nil), a)
	assert.Equal(t, []float64{1.5, -2, 1 << 40, math.Inf(1)}, got[:4])
	assert.True(t, math.IsNaN(got[4]))
}

func TestDecodeNothing(t *testing.T) {
	d := NewDecoder(limit)
	for _, v := range []bson.RawValue{{}, {Type: bson.TypeNull}, {Type: bson.TypeUndefined}, value(t, bson.A{})} {
		a, ok, err := d.Decode(v)
		assert.NoError(t, err)
		assert.False(t, ok)
		assert.Zero(t, a)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
	npy := file(good, "12345678")
	blob := deflate(t, npy)
	damaged := bytes.Clone(blob)
	damaged[len(damaged)-1]++ // the checksum
	long := file(strings.Repeat(" ", maxHeader+1), "")
	for name, c := range map[string]struct {
		v    bson.RawValue
		want error
	}{
		"a text":                      {value(t, "x"), ErrUnsupported},
		"a document":                  {value(t, bson.D{}), ErrUnsupported},
		"a list with a null":          {value(t, bson.A{1.5, nil}), ErrUnsupported},
		"a list of lists":             {value(t, bson.A{bson.A{1.5}}), ErrUnsupported},
		"a list over the limit":       {value(t, make([]float64, limit/8+1)), ErrTooLarge},
		"a list that is cut off":      {bson.RawValue{Type: bson.TypeArray, Value: []byte{14, 0, 0, 0, 1, '0', 0, 1, 2}}, ErrCorrupt},
		"a number that is cut off":    {bson.RawValue{Type: bson.TypeArray, Value: []byte{9, 0, 0, 0, 1, '0', 0, 1, 2}}, ErrCorrupt},
		"a key that is cut off":       {bson.RawValue{Type: bson.TypeArray, Value: []byte{9, 0, 0, 0, 1, '0', '1', '2', '3'}}, ErrCorrupt},
		"no bytes":                    {bson.RawValue{Type: bson.TypeArray}, ErrCorrupt},
		"binary without bytes":        {bson.RawValue{Type: bson.TypeBinary}, ErrCorrupt},
		"a UUID":                      {value(t, bson.Binary{Subtype: bson.TypeBinaryUUID, Data: make([]byte, 16)}), ErrCorrupt},
		"not compressed":              {binary0(t, npy), ErrCorrupt},
		"nothing":                     {binary0(t, nil), ErrCorrupt},
		"a cut-off blob":              {binary0(t, blob[:len(blob)/2]), ErrCorrupt},
		"a wrong checksum":            {binary0(t, damaged), ErrCorrupt},
		"a blob without the checksum": {binary0(t, blob[:len(blob)-4]), ErrCorrupt},
		"not an .npy file":            {binary0(t, deflate(t, []byte("a text of some length"))), ErrCorrupt},
		"version 4":                   {binary0(t, deflate(t, []byte(magic+"\x04\x00\x00\x00\x00\x00"))), ErrCorrupt},
		"no header length":            {binary0(t, deflate(t, []byte(magic+"\x02\x00\x00"))), ErrCorrupt},
		"a cut-off header":            {binary0(t, deflate(t, npy[:20])), ErrCorrupt},
		"a long header":               {binary0(t, deflate(t, long)), ErrCorrupt},
		"too few data":                {binary0(t, deflate(t, file(good, "1234567"))), ErrCorrupt},
		"too many data":               {binary0(t, deflate(t, file(good, "123456789"))), ErrCorrupt},
		"over the limit":              {binary0(t, deflate(t, file(strings.Replace(good, "2,", "262145,", 1), strings.Repeat("x", 4*262145)))), ErrTooLarge},
		"more than can be":            {binary0(t, deflate(t, file(strings.Replace(good, "2,", "262144,", 1), ""))), ErrCorrupt},
		"sizes that overflow":         {binary0(t, deflate(t, file(strings.Replace(good, "2,", "3037000500, 3037000500, 3037000500", 1), ""))), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(limit)
			for range 2 { // the same with memory from the first time
				_, ok, err := d.Decode(c.v)
				assert.ErrorIs(t, err, c.want)
				assert.False(t, ok)
			}
			_, ok, err := d.Decode(binary0(t, blob))
			assert.NoError(t, err, "one bad value must not spoil the next")
			assert.True(t, ok)
			assert.LessOrEqual(t, cap(d.data), 2*limit)
		})
	}
}

func TestDecodeTakesTheLimitExactly(t *testing.T) {
	_, ok, err := NewDecoder(16).Decode(value(t, []float64{1, 2}))
	assert.NoError(t, err)
	assert.True(t, ok)
	blob := deflate(t, file("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "1234567812345678"))
	_, ok, err = NewDecoder(16).Decode(binary0(t, blob))
	assert.NoError(t, err)
	assert.True(t, ok)
	_, _, err = NewDecoder(15).Decode(binary0(t, blob))
	assert.ErrorIs(t, err, ErrTooLarge)
}

func TestHeaders(t *testing.T) {
	for text, want := range map[string]string{
		"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n":          "<f4 false [3 4]",
		`{"shape": (3,), "fortran_order": True, "descr": ">i8"}`:                    "<i8 true [3]",
		"{'shape':(),'descr':'|b1','fortran_order':False}":                          "|b1 false []",
		"{'shape': (3), 'descr': '<u1', 'fortran_order': False}":                    "|u1 false [3]",
		"{'shape': (3,), 'descr': '<f4', 'fortran_order': False} x":                 "",
		"{'shape': (3,), 'descr': '<f4'}":                                           "",
		"{'shape': (3,), 'shape': (3,), 'descr': '<f4'}":                            "",
		"{'shape': (3,), 'descr': '<f4', 'fortran_order': 0}":                       "",
		"{'shape': (3 4), 'descr': '<f4', 'fortran_order': False}":                  "",
		"{'shape': (-3,), 'descr': '<f4', 'fortran_order': False}":                  "",
		"{'shape': (,), 'descr': '<f4', 'fortran_order': False}":                    "",
		"{'shape': (9223372036854775808,), 'descr': '<f4', 'fortran_order': False}": "",
		"{'shape': (3": "",
		"{'shape': [3], 'descr': '<f4', 'fortran_order': False}":                "",
		"{'shape': (3,) 'descr': '<f4', 'fortran_order': False}":                "",
		"{'shape': (3,), 'descr': '<f4":                                         "",
		"{'shape': (3,), 'descr': '<f4', 'fortran_order': False, 'more': True}": "",
		"{shape: (3,)}": "",
		"":              "", "{": "", "{}": "", "\xff": "", "{\xff": "",
	} {
		var h header
		err := h.parse(text)
		if want == "" {
			assert.ErrorIs(t, err, ErrCorrupt, text)
			continue
		}
		assert.NoError(t, err, text)
		assert.Equal(t, want, fmt.Sprint(h.dtype, h.fortran, h.shape), text)
	}
	for _, descr := range []string{"f4", "<<f4", "<f16", "<c8", "|O", "|S3", "<U3", "<M8[s]", "", "<", "<f", "<f4, "} {
		var h header
		assert.ErrorIs(t, h.parse("{'shape': (3,), 'descr': '"+descr+"', 'fortran_order': False}"), ErrUnsupported, descr)
	}
	h := header{shape: make([]int, maxAxes+1)}
	assert.ErrorIs(t, h.measure(), ErrCorrupt)
}

func TestHeadersAreReadBack(t *testing.T) {
	for _, shape := range [][]int{{}, {0}, {7}, {3, 4}, {1_000_000, 512}, {2, 3, 4, 5}, {10_000_000, 10_000_000, 0}} {
		for i, descr := range dtypes {
			b := appendHeader(nil, descr, shape)
			assert.Zero(t, len(b)%align)
			r := bytes.NewReader(b)
			h, err := readHeader(r)
			require.NoError(t, err)
			assert.Equal(t, DType(i), h.dtype)
			assert.Equal(t, shape, h.shape)
			assert.Zero(t, r.Len())
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "12345678"))
	f.Add(file("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2), }\n", "12345678"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, npy []byte) {
		d := NewDecoder(1 << 12)
		for _, v := range []bson.RawValue{
			binary0(t, deflate(t, npy)), binary0(t, npy),
			{Type: bson.TypeBinary, Value: npy}, {Type: bson.TypeArray, Value: npy},
		} {
			a, ok, err := d.Decode(v)
			assert.LessOrEqual(t, cap(d.data), 1<<14)
			if !ok || err != nil {
				continue
			}
			n := 1
			for _, size := range a.Shape {
				n *= size
			}
			assert.Equal(t, n, a.Len())
			assert.Equal(t, n*a.DType.Size(), len(a.Data))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var data strings.Builder
	for i := range 512 {
		bits := math.Float32bits(float32(math.Sin(float64(i))))
		data.Write([]byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
	}
	list := make([]float64, 512)
	for i := range list {
		list[i] = math.Sin(float64(i))
	}
	d := NewDecoder(limit)
	for name, v := range map[string]bson.RawValue{
		"blob": binary0(b, deflate(b, file("{'descr': '<f4', 'fortran_order': False, 'shape': (512,), }\n", data.String()))),
		"list": value(b, list),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, _ := d.Decode(v); !ok {
					b.Fatal("not read")
				}
			}
		})
	}
}
