package table

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	str    = `{"wb_type":"string"}`
	number = `{"wb_type":"number"}`
)

func decimal(t testing.TB, s string) bson.Decimal128 {
	d, err := bson.ParseDecimal128(s)
	require.NoError(t, err)
	return d
}

func TestPlainFields(t *testing.T) {
	oid := bson.ObjectID{0x64, 0xb0, 0xc0, 0xff, 0xee, 0, 1, 2, 3, 4, 5, 6}
	uuid := []byte("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef")
	date := time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for _, c := range []struct {
		name, json, typ string
		value           any
	}{
		{"int32", `-7`, number, int32(-7)},
		{"int64", `8`, number, int64(8)},
		{"large int64", `"9007199254740993"`, str, int64(1<<53 + 1)},
		{"double", `0.5`, number, 0.5},
		{"NaN", `null`, `{"wb_type":"unknown"}`, math.NaN()},
		{"bool", `true`, `{"wb_type":"boolean"}`, true},
		{"text", `"é"`, str, "é"},
		{"null", `null`, `{"wb_type":"unknown"}`, nil},
		{"undefined", `null`, `{"wb_type":"unknown"}`, bson.Undefined{}},
		{"object id", `"64b0c0ffee00010203040506"`, str, oid},
		{"date", `1704164645678`, `{"wb_type":"timestamp"}`, date},
		{"MongoDB's timestamp", `1704164645000`, `{"wb_type":"timestamp"}`, bson.Timestamp{T: 1704164645, I: 3}},
		{"uuid", `"01234567-89ab-cdef-0123-456789abcdef"`, str, bson.Binary{Subtype: 4, Data: uuid}},
		{"old uuid", `"01234567-89ab-cdef-0123-456789abcdef"`, str, bson.Binary{Subtype: 3, Data: uuid}},
		{"binary", `"<binary, 5 bytes>"`, str, bson.Binary{Data: []byte("12345")}},
		{"short uuid", `"<binary, 2 bytes>"`, str, bson.Binary{Subtype: 4, Data: []byte("12")}},
		{"decimal", `1.25`, number, decimal(t, "1.25")},
		{"decimal with power", `-1200.0`, number, decimal(t, "-1.2E+3")},
		{"decimal zero", `0.0`, number, decimal(t, "0E-3")},
		{"long decimal", `"0.1234567890123456789"`, str, decimal(t, "0.1234567890123456789")},
		{"huge decimal", `"1E+6000"`, str, decimal(t, "1E+6000")},
		{"tiny decimal", `"1E-6000"`, str, decimal(t, "1E-6000")},
		{"infinite decimal", `null`, `{"wb_type":"unknown"}`, decimal(t, "-Infinity")},
		{"NaN decimal", `null`, `{"wb_type":"unknown"}`, decimal(t, "NaN")},
		{"regex", `"/a.b/i"`, str, bson.Regex{Pattern: "a.b", Options: "i"}},
		{"code", `"f()"`, str, bson.JavaScript("f()")},
		{"code with scope", `"f()"`, str, bson.CodeWithScope{Code: "f()", Scope: bson.D{{Key: "x", Value: 1}}}},
		{"symbol", `"s"`, str, bson.Symbol("s")},
		{"pointer", `"64b0c0ffee00010203040506"`, str, bson.DBPointer{DB: "d", Pointer: oid}},
		{"least", `"MinKey"`, str, bson.MinKey{}},
		{"greatest", `"MaxKey"`, str, bson.MaxKey{}},
		{"list of numbers", `[1, 2.5, null]`, `{"wb_type":"list","params":{"element_type":{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"number"}]}},"length":3}}`, bson.A{1, 2.5, math.Inf(1)}},
		{"dates inside are texts", `["2024-01-02T03:04:05.678Z"]`, `{"wb_type":"list","params":{"element_type":{"wb_type":"string"},"length":1}}`, bson.A{date}},
		{"ids inside", `{"id":"64b0c0ffee00010203040506"}`, `{"wb_type":"typedDict","params":{"type_map":{"id":{"wb_type":"string"}}}}`, bson.M{"id": oid}},
		{"mixed list", `"[\"a\",true]"`, str, bson.A{"a", true}},
		{"numbers and texts", `"[1,\"9007199254740993\"]"`, str, bson.A{1, int64(1<<53 + 1)}},
		{"mixed values of a key", `"[{\"a\":1},{\"a\":[]}]"`, str, bson.A{bson.M{"a": 1}, bson.M{"a": bson.A{}}}},
		{"dict without keys", `"{\"a\":{}}"`, str, bson.M{"a": bson.M{}}},
		{"marks of readers", `{"_type_":"image-file","wb_type__":1,"wb_type_":2}`, `{"wb_type":"typedDict","params":{"type_map":{"_type_":{"wb_type":"string"},"wb_type_":{"wb_type":"number"},"wb_type__":{"wb_type":"number"}}}}`,
			bson.D{{Key: "_type", Value: "image-file"}, {Key: "wb_type", Value: 1}, {Key: "wb_type_", Value: 2}}},
		{"empty key", `{"":1}`, `{"wb_type":"typedDict","params":{"type_map":{"":{"wb_type":"number"}}}}`, bson.D{{Key: "", Value: 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := oneColumn(t, value(t, c.value))
			data, err := json.Marshal(got.Data[0][0])
			require.NoError(t, err)
			assert.JSONEq(t, c.json, string(data))
			assert.Equal(t, c.typ, typeOf(t, got))
		})
	}
}

// Keys that are not in every dict may be null for the reader, however the dicts come.
func TestKeysThatAreMissing(t *testing.T) {
	optional := `{"wb_type":"typedDict","params":{"type_map":{"a":{"wb_type":"number"},"b":{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"string"}]}}}}}`
	with, without := bson.D{{Key: "a", Value: 1}, {Key: "b", Value: "x"}}, bson.D{{Key: "a", Value: 2}}
	twice := bson.D{{Key: "a", Value: 1}, {Key: "b", Value: "x"}, {Key: "b", Value: "y"}}
	for name, docs := range map[string][]any{
		"later": {without, with}, "not any more": {with, without}, "a key twice": {twice, without},
	} {
		var cells []cell
		for _, d := range docs {
			cells = append(cells, value(t, d))
		}
		got, _ := oneColumn(t, cells...)
		assert.Equal(t, optional, typeOf(t, got), name)
	}
}

func TestTypesAreBounded(t *testing.T) {
	t.Run("keys", func(t *testing.T) {
		var cells []cell
		for i := range maxTypeKeys + 1 {
			cells = append(cells, value(t, bson.M{fmt.Sprint("key", i): bson.M{}}))
		}
		cells[0] = value(t, bson.M{"key0": bson.M{"é\"": "\n"}})
		got, sum := oneColumn(t, cells...)
		assert.Equal(t, str, typeOf(t, got))
		assert.Equal(t, `{"key0":{"é\"":"\n"}}`, got.Data[0][0])
		assert.Equal(t, `{"key1":{}}`, got.Data[1][0])
		assert.Len(t, got.Data, maxTypeKeys+1)
		assert.Equal(t, []string{"c"}, sum.Texts)
	})
	t.Run("depth", func(t *testing.T) {
		var deep any = "x"
		for range maxTypeDepth {
			deep = bson.A{deep}
		}
		got, sum := oneColumn(t, value(t, deep))
		assert.Equal(t, maxTypeDepth, strings.Count(string(sum.Types), `"list"`))
		assert.NotEqual(t, str, typeOf(t, got))
		got, _ = oneColumn(t, value(t, bson.A{deep}), value(t, deep))
		assert.Equal(t, [][]any{{`[[[[["x"]]]]]`}, {`[[[["x"]]]]`}}, got.Data)
		assert.Equal(t, str, typeOf(t, got))
	})
	t.Run("too deep", func(t *testing.T) {
		var deep any = "x"
		for range maxDepth + 1 {
			deep = bson.A{deep}
		}
		v := raw(t, deep)
		got, _ := oneColumn(t, func(w *Writer) { assert.Equal(t, Damaged, w.BSON(v)) })
		assert.Nil(t, got.Data[0][0])
	})
}

func TestDatesThatPythonDoesNotKnowAreNull(t *testing.T) {
	for _, ms := range []int64{math.MaxInt64, math.MinInt64, minMillis - 1, maxMillis + 1} {
		got, _ := oneColumn(t, value(t, bson.DateTime(0)), func(w *Writer) { assert.Equal(t, DateOutOfRange, w.BSON(raw(t, bson.DateTime(ms)))) })
		assert.Equal(t, [][]any{{json.Number("0")}, {nil}}, got.Data)
		assert.Equal(t, `{"wb_type":"timestamp"}`, typeOf(t, got))
		got, _ = oneColumn(t, func(w *Writer) {
			assert.Equal(t, DateOutOfRange, w.BSON(raw(t, bson.A{bson.DateTime(ms), time.Unix(0, 0)})))
		})
		assert.Equal(t, []any{nil, "1970-01-01T00:00:00.000Z"}, got.Data[0][0])
	}
}

func TestDamagedValuesAreNull(t *testing.T) {
	whole := raw(t, bson.D{{Key: "a", Value: bson.A{1, "two", bson.M{"x": 1.5}}}, {Key: "b", Value: bson.Regex{Pattern: "p"}}})
	oneColumn(t, func(w *Writer) { assert.Equal(t, NoTrouble, w.BSON(whole)) })
	for cut := range len(whole.Value) {
		got, _ := oneColumn(t, func(w *Writer) {
			assert.Equal(t, Damaged, w.BSON(bson.RawValue{Type: whole.Type, Value: whole.Value[:cut]}), "cut at %d", cut)
		})
		require.Nil(t, got.Data[0][0])
	}
	for _, v := range []bson.RawValue{
		{Type: 0x42, Value: []byte{1}}, {Type: bson.TypeBoolean, Value: []byte{2}}, {Type: bson.TypeInt32, Value: make([]byte, 5)},
		{Type: bson.TypeString, Value: []byte("\x02\x00\x00\x00ab")}, {Type: bson.TypeString, Value: []byte("\xff\xff\xff\xffab")},
	} {
		got, _ := oneColumn(t, func(w *Writer) { assert.Equal(t, Damaged, w.BSON(v), "%v", v) })
		require.Nil(t, got.Data[0][0])
	}
	got, _ := oneColumn(t, func(w *Writer) { assert.Equal(t, NoTrouble, w.BSON(bson.RawValue{})) })
	assert.Nil(t, got.Data[0][0], "a missing field")
}

// Whatever the bytes are, the file can be read and its types fit its cells.
func FuzzBSON(f *testing.F) {
	for _, v := range []any{
		1, int64(1 << 60), "text", bson.A{1, "a", nil, bson.A{}}, bson.D{{Key: "_type", Value: "x"}, {Key: "k", Value: bson.A{bson.M{"d": bson.DateTime(5)}}}},
		bson.CodeWithScope{Code: "c", Scope: bson.D{}}, bson.Binary{Data: []byte("x")}, decimal(f, "1.5"), bson.Regex{Pattern: "a", Options: "b"},
	} {
		r := raw(f, v)
		f.Add(byte(r.Type), r.Value, byte(r.Type), r.Value)
	}
	f.Add(byte(3), []byte("\x10\x00\x00\x00\x02k\x00\x05\x00\x00\x00wand"), byte(2), []byte("\x13\x00\x00\x00wandb-artifact://x\x00"))
	f.Fuzz(func(t *testing.T, type1 byte, value1 []byte, type2 byte, value2 []byte) {
		var files partFiles
		w := NewWriter([]string{"c"}, files.open)
		for _, v := range []bson.RawValue{{Type: bson.Type(type1), Value: value1}, {Type: bson.Type(type2), Value: value2}} {
			w.BeginRow()
			w.BSON(v)
			require.NoError(t, w.EndRow())
		}
		_, err := w.Close()
		require.NoError(t, err)
		readable(t, files[0].Bytes())
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "plain", "\x00\x1f\"\\/\n\r\t\x7f", "é世😀\u2028\u2029\ufffd", "\xff\xc0\x80", "a\xed\xa0\x80b", "\xf0\x9f\x98", "<script>&"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out := appendString(nil, b)
		assert.Equal(t, string(out), string(appendString(nil, string(b))))
		for _, c := range out {
			require.True(t, c >= 0x20 && c < utf8.RuneSelf, "%q", out)
		}
		var back string
		require.NoError(t, json.Unmarshal(out, &back), "%s", out)
		assert.Equal(t, validText(string(b)), back)
	})
}

func BenchmarkRowOf4PlainFields(b *testing.B) {
	w := NewWriter([]string{"a", "b", "c", "d"}, openDiscard)
	w.wholeRows = 1 << 62
	values := []bson.RawValue{
		raw(b, 0.123), raw(b, bson.A{"a", "b", "c"}), raw(b, bson.D{{Key: "x", Value: 1}, {Key: "y", Value: "text"}}), raw(b, time.Unix(1, 0)),
	}
	b.ReportAllocs()
	for b.Loop() {
		w.BeginRow()
		for _, v := range values {
			w.BSON(v)
		}
		_ = w.EndRow()
	}
}
