package view_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

func TestSlotsFindPaths(t *testing.T) {
	doc, err := bson.Marshal(bson.D{
		{Key: "_id", Value: bson.NewObjectID()}, {Key: "a", Value: bson.D{{Key: "b", Value: 1}, {Key: "c", Value: bson.D{{Key: "d", Value: "x"}}}}},
		{Key: "e", Value: bson.A{1, 2}},
	})
	require.NoError(t, err)
	s := view.NewSlots([]string{"a.b", "a.c.d", "a", "e", "missing", "e.f", "_id.x", "a.b"})
	for range 2 { // slots are emptied between documents
		s.Load(doc)
		assert.EqualValues(t, 1, s.Value(0).AsInt64())
		assert.EqualValues(t, 1, s.Value(7).AsInt64(), "a path that is asked for twice")
		assert.Equal(t, "x", s.Value(1).StringValue())
		assert.Equal(t, bson.TypeEmbeddedDocument, s.Value(2).Type)
		assert.Equal(t, bson.TypeArray, s.Value(3).Type)
		for _, i := range []int{4, 5, 6} {
			assert.Zero(t, s.Value(i).Type)
		}
	}
	empty, err := bson.Marshal(bson.D{})
	require.NoError(t, err)
	s.Load(empty)
	assert.Zero(t, s.Value(0).Type)
}

func FuzzSlotsSurviveBrokenDocuments(f *testing.F) {
	doc, err := bson.Marshal(bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: "text"}}}, {Key: "c", Value: bson.A{1}}})
	require.NoError(f, err)
	f.Add([]byte(doc))
	for i := range doc {
		f.Add([]byte(doc[:i]))
	}
	f.Add([]byte{255, 255, 255, 127, 2, 'a', 0})
	f.Fuzz(func(_ *testing.T, doc []byte) {
		s := view.NewSlots([]string{"a.b", "a", "c"})
		s.Load(doc)
		_ = s.Value(0)
	})
}
