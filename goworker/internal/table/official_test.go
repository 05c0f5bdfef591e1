package table

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

type cell = func(*Writer)

func null(w *Writer) { w.Null() }

func text(s string) cell { return func(w *Writer) { w.Text(s) } }

func value(t testing.TB, v any) cell {
	r := raw(t, v)
	return func(w *Writer) { require.Equal(t, NoTrouble, w.BSON(r)) }
}

const (
	pictureHash = "991e7944d56dd56ea58f2caedaeff5397b5a12e27749c36e124c65abcaced17e"
	picturePath = "media/images/991e7944d56dd56ea58f/a.png"
)

func overlay() Image {
	return Image{
		Path: picturePath, SHA256: pictureHash, Format: "png", Width: 8, Height: 6,
		Classes: &ClassesFile{
			Path:   "media/classes/6a9618b6e1984fbf0729d506f14a2a0f_cls.classes.json",
			Digest: "dSvc8yAc6RkJZ+w1v5d2Bg==",
		},
		Boxes: []BoxLayer{{Key: "ground_truth", Boxes: []Box{
			{MinX: 0.1, MaxX: 0.4, MinY: 0.2, MaxY: 0.5, ClassID: 1, Caption: "dog", Scores: []Score{{"confidence", 0.75}}},
			{MinX: 0, MaxX: 1, MinY: 0.25, MaxY: 0.5, ClassID: 0},
		}}},
		Masks: []MaskLayer{{
			Key: "predictions", Path: "media/images/mask/30e4931a30ca6db510e8.mask.png",
			SHA256: "4c9e807067654258b1eaccf1f4332c27ee879fdf92f7743331e373534edae5ea", ClassIDs: []int{1, 0},
		}},
	}
}

// officialCases builds what testdata/official.py builds with the official package.
func officialCases(t testing.TB) map[string][]cell {
	v := func(x any) cell { return value(t, x) }
	return map[string][]cell{
		"strings":           {text("a"), text("b\n\"\\\u00e9\u4e16\U0001f600\u2028"), null, text("")},
		"ints":              {v(int32(1)), func(w *Writer) { w.Int(-2) }, v(int64(1 << 53)), null},
		"floats":            {v(0.5), v(1.0), func(w *Writer) { w.Float(1e300) }, v(1e-7), null},
		"bools":             {v(true), func(w *Writer) { w.Bool(false) }, v(nil)},
		"times":             {func(w *Writer) { w.Time(time.UnixMilli(1704164645678)) }, v(bson.DateTime(-1000)), null},
		"string_lists":      {func(w *Writer) { w.StringList([]string{"a", "b", "c"}) }, v(bson.A{"d"}), null},
		"number_lists":      {v(bson.A{int32(1), 2.5}), v(bson.A{}), v(bson.A{int64(3)})},
		"empty_lists":       {func(w *Writer) { w.StringList(nil) }, v(bson.A{})},
		"lists_with_null":   {v(bson.A{nil, "a"}), v(bson.A{nil}), v(bson.A{"b"})},
		"lists_of_null":     {v(bson.A{nil}), v(bson.A{nil, nil})},
		"nested_lists":      {v(bson.A{bson.A{1, 2}, bson.A{3}}), v(bson.A{bson.A{4}})},
		"dicts":             {v(bson.D{{Key: "b", Value: 1}, {Key: "a", Value: "x"}}), v(bson.D{{Key: "b", Value: 2.5}, {Key: "a", Value: "y"}}), null},
		"dicts_with_null":   {v(bson.M{"k": nil}), v(bson.M{"k": nil})},
		"nested_dicts":      {v(bson.M{"k": bson.D{{Key: "x", Value: true}, {Key: "l", Value: bson.A{"a"}}}})},
		"empty_dicts":       {v(bson.M{}), v(bson.M{})},
		"dict_lists":        {v(bson.A{bson.M{"x": 1}, bson.M{"x": 2}})},
		"nulls":             {null, v(nil)},
		"no_rows":           {},
		"mixed":             {text("a"), v(1), v(bson.A{true}), null},
		"string_and_number": {text("a"), v(1)},
		"images": {func(w *Writer) {
			w.Text("x")
			w.Image(Image{Path: picturePath, SHA256: pictureHash, Format: "png", Width: 8, Height: 6, Caption: "text"})
		}, func(w *Writer) { w.Text("y"); w.Null() }},
		"overlays": {func(w *Writer) { w.SetClasses([]string{"cat", "dog"}); w.Image(overlay()) }},
	}
}

// differentTypes are what the official package writes as "any", as "unknown" or as a type without fields, none of
// which W&B's pages read well.
var differentTypes = map[string]string{
	"empty_lists":       `{"wb_type":"list","params":{"element_type":{"wb_type":"string"},"length":0}}`,
	"lists_of_null":     `{"wb_type":"list","params":{"element_type":{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"string"}]}},"length":2}}`,
	"dicts_with_null":   `{"wb_type":"typedDict","params":{"type_map":{"k":{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"string"}]}}}}}`,
	"empty_dicts":       str,
	"mixed":             str,
	"string_and_number": str,
}

// The official package writes the same cells and, but for differentTypes, the same types, with the members
// of unions in the same order.
func TestTableIsWhatTheOfficialPackageWrites(t *testing.T) {
	golden, err := os.ReadFile("testdata/official.json")
	require.NoError(t, err)
	var official map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(golden, &official))
	cases := officialCases(t)
	require.Len(t, cases, len(official))
	for name, want := range official {
		t.Run(name, func(t *testing.T) {
			theirs := parse(t, want)
			var files partFiles
			w := NewWriter(theirs.Columns, files.open)
			for _, c := range cases[name] {
				w.BeginRow()
				c(w)
				require.NoError(t, w.EndRow())
			}
			sum, err := w.Close()
			require.NoError(t, err)
			readable(t, files[0].Bytes())
			ours := parse(t, files[0].Bytes())
			assert.JSONEq(t, string(*ours.ColumnTypes), string(sum.Types))
			if typ, ok := differentTypes[name]; ok {
				assert.Equal(t, typ, typeOf(t, ours))
				return
			}
			assert.JSONEq(t, string(want), files[0].String())
			assert.JSONEq(t, string(*theirs.ColumnTypes), string(sum.Types))
		})
	}
}

func TestClassesFileIsTheOfficialOne(t *testing.T) {
	assert.JSONEq(t, `{"_type":"classes","class_set":[{"id":0,"name":"cat"},{"id":1,"name":"dog"}]}`,
		string(Classes([]string{"cat", "dog"})))
}

func TestClassesLeaveOutIDsWithoutName(t *testing.T) {
	assert.Equal(t, `{"_type":"classes","class_set":[{"id":1,"name":"cat"},{"id":3,"name":"dog"}]}`,
		string(Classes([]string{"", "cat", "", "dog", ""})))
}
