package view_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// drawnIDs are the ids of a query's rows, in their order.
func drawnIDs(t *testing.T, s *view.Source, q view.Query) (ids []string, err error) {
	t.Helper()
	err = s.Read(t.Context(), q, nil, func(docs []bson.Raw) error {
		for _, doc := range docs {
			ids = append(ids, doc.Lookup("_id").ObjectID().Hex())
		}
		return nil
	})
	return ids, err
}

// TestDrawnRowsAreTheSameInEachReading holds that one source reads what it has drawn first, whatever follows the stages that draw.
func TestDrawnRowsAreTheSameInEachReading(t *testing.T) {
	_, q := dataset(t)
	half := bson.A{d("$rand", bson.D{}), 0.5}
	sample := d("$sample", d("size", 17))
	for name, one := range map[string]struct {
		draws, refused bool
		sorted         bool // the rows have an order
		stages         []bson.D
	}{
		"sample":                 {draws: true, stages: []bson.D{sample}},
		"sample of a match":      {draws: true, stages: []bson.D{d("$match", d("n", d("$gt", 1))), d("$sample", d("size", 9)), d("$set", d("s", "x"))}},
		"sample, sorted":         {draws: true, sorted: true, stages: []bson.D{sample, d("$sort", d("order", 1))}},
		"sorted, sample rate":    {draws: true, sorted: true, stages: []bson.D{d("$sort", d("order", 1)), d("$match", d("$sampleRate", 0.5))}},
		"rand in a match":        {draws: true, stages: []bson.D{d("$match", d("$expr", d("$lt", half)))}},
		"match on a rand":        {draws: true, stages: []bson.D{d("$set", d("r", d("$rand", bson.D{}))), d("$match", d("r", d("$lt", 0.5))), d("$unset", "r")}},
		"the first of a rand":    {draws: true, stages: []bson.D{d("$set", d("r", d("$rand", bson.D{}))), d("$sort", d("r", 1)), d("$limit", 11)}},
		"a rand that is a value": {stages: []bson.D{d("$set", d("r", d("$rand", bson.D{})))}},
		"a field named rand":     {stages: []bson.D{d("$set", d("rand", "$n")), d("$set", d("m", "$rand")), d("$match", d("m", d("$gt", 1)))}},
		"take":                   {stages: []bson.D{d("$sort", d("_rand", 1)), d("$limit", 9)}},
		"sample of rows that one sample makes several of": {draws: true, refused: true, stages: []bson.D{d("$unwind", "$gt.detections"), sample}},
		"sample in a union": {draws: true, refused: true, stages: []bson.D{d("$match", d("n", 1)), d("$unionWith", d("coll", q.Collection, "pipeline", bson.A{sample}))}},
	} {
		t.Run(name, func(t *testing.T) {
			whole, err := q.With(one.stages...)
			require.NoError(t, err)
			assert.Equal(t, one.draws, whole.Draws())
			s, err := view.Connect(t.Context(), q.URI)
			require.NoError(t, err)
			defer s.Close()
			first, err := drawnIDs(t, s, whole)
			if one.refused {
				assert.Equal(t, fault.BadView, fault.Code(err))
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, first)
			for range 3 {
				again, err := drawnIDs(t, s, whole)
				require.NoError(t, err)
				assert.ElementsMatch(t, first, again)
			}
			if one.sorted {
				order := map[string]int64{}
				require.NoError(t, s.Read(t.Context(), q, []string{"order"}, func(docs []bson.Raw) error {
					for _, doc := range docs {
						order[doc.Lookup("_id").ObjectID().Hex()] = doc.Lookup("order").AsInt64()
					}
					return nil
				}))
				assert.True(t, slices.IsSortedFunc(first, func(a, b string) int { return int(order[a] - order[b]) }))
			}
			part, err := whole.With(d("$match", d("order", d("$gt", 15))))
			require.NoError(t, err)
			some, err := drawnIDs(t, s, part)
			require.NoError(t, err)
			for _, id := range some {
				assert.Contains(t, first, id, "a part of the view")
			}
			counted := int32(0)
			require.NoError(t, s.Aggregate(t.Context(), whole, []bson.D{d("$count", "n")}, func(row bson.Raw) { counted = row.Lookup("n").Int32() }))
			assert.EqualValues(t, len(first), counted)
		})
	}
}

// TestFramesOfSomeSamples holds that they are those of the samples, as FiftyOne's stages give them for the whole view.
func TestFramesOfSomeSamples(t *testing.T) {
	_, q := dataset(t)
	s, err := view.Connect(t.Context(), q.URI)
	require.NoError(t, err)
	defer s.Close()
	frames := kinds(q.Collection)["frames"].stages[0]
	last := []bson.D{d("$unwind", "$frames"), d("$replaceRoot", d("newRoot", "$frames"))}
	slow := d("$set", d("frames", d("$filter", d("input", "$frames", "as", "this", "cond", d("$gt", bson.A{"$$this.speed", 9})))))
	for name, stages := range map[string][]bson.D{
		"all":             append([]bson.D{frames}, last...),
		"of a sorted one": append([]bson.D{d("$match", d("n", d("$gt", 2))), d("$sort", d("order", 1)), d("$limit", 12), frames}, last...),
		"filtered":        append([]bson.D{frames, slow, d("$match", d("frames.0", d("$exists", true)))}, last...),
	} {
		t.Run(name, func(t *testing.T) {
			samples, err := q.With(stages[:len(stages)-2]...)
			require.NoError(t, err)
			all, err := q.With(stages...)
			require.NoError(t, err)
			var ids []bson.ObjectID
			require.NoError(t, s.Read(t.Context(), samples, nil, func(docs []bson.Raw) error {
				for _, doc := range docs {
					ids = append(ids, doc.Lookup("_id").ObjectID())
				}
				return nil
			}))
			want, err := drawnIDs(t, s, all)
			require.NoError(t, err)
			require.NotEmpty(t, want)
			var got []string
			for some := range slices.Chunk(ids, 5) {
				part, ok := all.FramesOf(some)
				require.True(t, ok)
				found, err := drawnIDs(t, s, part)
				require.NoError(t, err)
				got = append(got, found...)
			}
			assert.ElementsMatch(t, want, got)
		})
	}
	for name, stages := range map[string][]bson.D{
		"no stages": nil, "no frames": {d("$match", d("n", 1)), d("$limit", 3)},
		"of a union": append([]bson.D{d("$unionWith", d("coll", q.Collection)), frames}, last...),
	} {
		whole, err := q.With(stages...)
		require.NoError(t, err)
		_, ok := whole.FramesOf(nil)
		assert.False(t, ok, name)
	}
}
