package label

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// everyType is a document with a value of every type that BSON has.
func everyType(t testing.TB) bson.D {
	t.Helper()
	decimal, err := bson.ParseDecimal128("1.5")
	require.NoError(t, err)
	return bson.D{
		{Key: "double", Value: 1.5}, {Key: "string", Value: "x"}, {Key: "doc", Value: bson.D{{Key: "a", Value: 1}}}, {Key: "array", Value: bson.A{1, "b"}},
		{Key: "binary", Value: bson.Binary{Data: []byte{1, 2, 3}}}, {Key: "old binary", Value: bson.Binary{Subtype: 2, Data: []byte{1}}},
		{Key: "undefined", Value: bson.Undefined{}}, {Key: "oid", Value: bson.NewObjectID()}, {Key: "bool", Value: true}, {Key: "date", Value: bson.DateTime(5)},
		{Key: "null", Value: nil}, {Key: "regex", Value: bson.Regex{Pattern: "a", Options: "i"}}, {Key: "pointer", Value: bson.DBPointer{DB: "db"}},
		{Key: "js", Value: bson.JavaScript("f()")}, {Key: "symbol", Value: bson.Symbol("s")}, {Key: "scoped", Value: bson.CodeWithScope{Code: "f()", Scope: bson.D{}}},
		{Key: "int32", Value: int32(1)}, {Key: "timestamp", Value: bson.Timestamp{T: 1}}, {Key: "int64", Value: int64(1)}, {Key: "decimal", Value: decimal},
		{Key: "min", Value: bson.MinKey{}}, {Key: "max", Value: bson.MaxKey{}}, {Key: "", Value: "an empty key"},
	}
}

func TestWalkGoesThroughEveryType(t *testing.T) {
	d := everyType(t)
	raw, err := bson.Marshal(d)
	require.NoError(t, err)
	w := walk(raw)
	for _, e := range d {
		require.True(t, w.next(), e.Key)
		assert.Equal(t, e.Key, string(w.key))
		want, err := bson.Raw(raw).LookupErr(e.Key)
		require.NoError(t, err)
		assert.Equal(t, want.Type, w.t, e.Key)
		assert.Equal(t, want.Value, w.v, e.Key)
	}
	assert.False(t, w.next())
	assert.False(t, w.next(), "it stays at the end")
}

func TestLabelsAmongValuesOfEveryType(t *testing.T) {
	d := append(everyType(t), bson.E{Key: "label", Value: "cat"}, bson.E{Key: "confidence", Value: 0.5})
	assert.Equal(t, "cat (0.50)", string(NewFormatter("Classification").Format(document(d)).Text))
}

// kinds is a label of each kind that reads the most of a document.
var kinds = []string{
	"", "Detections", "Classification", "Polyline", "Keypoint", "GeoLocation", "GeoLocations", "Heatmap", "TemporalDetection", "Regression",
}

func TestBrokenDocumentsNeverPanic(t *testing.T) {
	point := bson.A{0.5, int32(1)}
	doc := document(bson.D{
		{Key: "_cls", Value: "Own"}, {Key: "_id", Value: bson.NewObjectID()}, {Key: "label", Value: "cat"}, {Key: "confidence", Value: bson.A{0.5, nil}},
		{Key: "points", Value: bson.A{bson.A{point, point}}}, {Key: "range", Value: bson.A{0, 1.5}}, {Key: "support", Value: bson.A{1, 2}},
		{Key: "point", Value: bson.D{{Key: "coordinates", Value: point}}}, {Key: "polygon", Value: bson.D{{Key: "coordinates", Value: bson.A{bson.A{point}}}}},
		{Key: "detections", Value: bson.A{bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "label", Value: "dog"}, {Key: "confidence", Value: 0.5}}}},
		{Key: "rest", Value: everyType(t)},
	}).Value
	for _, k := range kinds {
		f := NewFormatter(k)
		for n := range doc {
			f.Format(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc[:n]})
		}
		broken := make([]byte, len(doc))
		for i := range doc {
			for _, b := range []byte{0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0f, 0x7f, 0x80, 0xff} {
				copy(broken, doc)
				broken[i] = b
				checkLabel(t, f.Format(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: broken}))
			}
		}
	}
}

// checkLabel checks what holds for every label.
func checkLabel(t *testing.T, l Label) {
	t.Helper()
	if l.Null {
		require.Equal(t, Label{Null: true}, l)
		return
	}
	require.GreaterOrEqual(t, l.Count, 0)
	require.True(t, l.Avg-l.Avg == 0)
	for _, leaf := range l.Leaves {
		require.True(t, leaf.Confidence-leaf.Confidence == 0 || !leaf.HasConfidence)
		require.True(t, leaf.Class == nil || len(leaf.Class) > 0)
	}
}

func TestCutOffDocumentsGiveWhatIsThere(t *testing.T) {
	doc := document(bson.D{{Key: "label", Value: "cat"}, {Key: "confidence", Value: 0.5}}).Value
	got := NewFormatter("Classification").Format(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc[:len(doc)-3]})
	assert.Equal(t, "cat", string(got.Text))
}

func FuzzFormat(f *testing.F) {
	all, err := bson.Marshal(everyType(f))
	require.NoError(f, err)
	f.Add(all, uint8(0))
	for i := range kinds {
		f.Add(boxes(3, 2).Value, uint8(i))
	}
	f.Add(document(m{"_cls": "GeoLocation", "point": m{"coordinates": bson.A{1.5, 2}}}).Value, uint8(0))
	f.Add(document(m{"_cls": "Polyline", "points": bson.A{bson.A{bson.A{1, 2}}}}).Value, uint8(0))
	f.Fuzz(func(t *testing.T, doc []byte, k uint8) {
		format := NewFormatter(kinds[int(k)%len(kinds)])
		v := bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}
		label := format.Format(v)
		checkLabel(t, label)
		if bson.Raw(doc).Validate() != nil || int(binary.LittleEndian.Uint32(doc)) != len(doc) {
			return
		}
		// In a sound document everything is found that the driver finds.
		w := walk(doc)
		elements, err := bson.Raw(doc).Elements()
		require.NoError(t, err)
		for _, e := range elements {
			require.True(t, w.next())
			require.Equal(t, e.Key(), string(w.key))
			require.Equal(t, e.Value().Value, w.v)
		}
		require.False(t, w.next())
	})
}
