package view_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// d is a document of keys and values in turn.
func d(pairs ...any) bson.D {
	var out bson.D
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return out
}

// oid is an id; its order is not that of n.
func oid(n int) (id bson.ObjectID) {
	copy(id[:], fmt.Sprintf("%04d%08d", n*7919%1000, n))
	return id
}

// dataset makes samples as FiftyOne has them, and the frames of some: 40 of them in no order of their ids.
func dataset(t *testing.T) (*mongo.Client, view.Query) {
	t.Helper()
	client, q := collection(t, 0)
	db := client.Database("test")
	frames := db.Collection(q.Collection + "_frames")
	t.Cleanup(func() { _ = frames.Drop(t.Context()) })
	var docs, all []any
	for i := range 40 {
		boxes := bson.A{}
		for j := range i % 4 {
			boxes = append(boxes, d("_id", oid(1000+10*i+j), "label", []string{"cat", "dog", "bird"}[(i+j)%3], "confidence", float64((i*7+j)%10)/10))
			all = append(all, d("_id", oid(5000+10*i+j), "_sample_id", oid(i), "frame_number", j+1, "speed", i*j))
		}
		docs = append(docs, d("_id", oid(i), "n", i%6, "s", fmt.Sprint("v", i%3), "scene", fmt.Sprint("scene", i%5), "order", 40-i, "tags", bson.A{[]string{"test", "train"}[i%2]},
			"gt", d("detections", boxes), "_rand", (i*2654435761)%1000, "geo", d("type", "Point", "coordinates", bson.A{-73.9 + float64(i)*0.01, 40.7})))
	}
	_, err := db.Collection(q.Collection).InsertMany(t.Context(), docs)
	require.NoError(t, err)
	_, err = frames.InsertMany(t.Context(), all)
	require.NoError(t, err)
	_, err = db.Collection(q.Collection).Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: d("geo", "2dsphere")})
	require.NoError(t, err)
	return client, q
}

// kinds are pipelines as FiftyOne's stages make them, and whether they can be run for single rows.
func kinds(collection string) map[string]struct {
	local  bool
	stages []bson.D
} {
	onlyCats := d("$filter", d("input", "$gt.detections", "as", "this", "cond", d("$eq", bson.A{"$$this.label", "cat"})))
	filter := d("$addFields", d("gt.detections", onlyCats))
	some := d("$match", d("gt.detections.0", d("$exists", true)))
	frames := d("$lookup", d("from", collection+"_frames", "let", d("id", "$_id"), "as", "frames", "pipeline", bson.A{
		d("$match", d("$expr", d("$eq", bson.A{"$$id", "$_sample_id"}))), d("$sort", d("frame_number", 1))}))
	sorted := d("$sort", d("order", 1))
	match := func(n int) bson.D { return d("$match", d("n", n)) }
	union := func(stages ...bson.D) bson.D {
		return d("$unionWith", d("coll", collection, "pipeline", stages))
	}
	root := func(of string) bson.D { return d("$replaceRoot", d("newRoot", of)) }
	order := bson.A{oid(7), oid(3), oid(21), oid(0), oid(14)}
	return map[string]struct {
		local  bool
		stages []bson.D
	}{
		"dataset":                  {true, nil},
		"match":                    {true, []bson.D{d("$match", d("n", d("$gt", 3)))}},
		"limit":                    {true, []bson.D{d("$limit", 7)}},
		"slice":                    {true, []bson.D{d("$skip", 5), d("$limit", 23)}},
		"sort_by":                  {true, []bson.D{sorted}},
		"sort_by ties":             {true, []bson.D{d("$sort", d("n", -1))}},
		"sort_by expression":       {true, []bson.D{d("$set", d("_sort", d("$size", "$gt.detections"))), d("$sort", d("_sort", 1)), d("$unset", "_sort")}},
		"sort_by, limit":           {true, []bson.D{d("$sort", d("n", 1)), d("$limit", 20), filter}},
		"limit, sort_by":           {true, []bson.D{d("$limit", 20), d("$sort", d("s", 1))}},
		"select ordered":           {true, []bson.D{d("$set", d("_order", d("$indexOfArray", bson.A{order, "$_id"}))), d("$match", d("_order", d("$gt", -1))), d("$sort", d("_order", 1)), d("$unset", "_order")}},
		"shuffle":                  {true, []bson.D{d("$set", d("_shuffle", d("$mod", bson.A{"$_rand", 97}))), d("$sort", d("_shuffle", 1)), d("$unset", "_shuffle")}},
		"take":                     {true, []bson.D{d("$sort", d("_rand", 1)), d("$limit", 9)}},
		"filter_labels":            {true, []bson.D{filter, some}},
		"filter_labels, sort_by":   {true, []bson.D{filter, some, d("$set", d("_sort", d("$size", "$gt.detections"))), d("$sort", d("_sort", -1)), d("$unset", bson.A{"_sort"})}},
		"limit_labels":             {true, []bson.D{d("$set", d("gt.detections", d("$slice", bson.A{"$gt.detections", 1})))}},
		"set_field, sort_by":       {true, []bson.D{d("$set", d("n", d("$multiply", bson.A{"$n", -1}))), d("$sort", d("n", 1))}},
		"set_field, match on it":   {true, []bson.D{d("$set", d("n", d("$multiply", bson.A{"$n", 10}))), d("$match", d("n", d("$gte", 30)))}},
		"select_fields":            {true, []bson.D{d("$project", d("_id", true, "n", true, "gt", true))}},
		"exclude_fields":           {true, []bson.D{d("$project", d("gt", false, "tags", false))}},
		"frames":                   {true, []bson.D{frames}},
		"match on frames":          {true, []bson.D{frames, d("$match", d("frames.speed", d("$gt", 12))), sorted}},
		"concat":                   {false, []bson.D{match(1), union(match(4))}},
		"concat, sort_by":          {false, []bson.D{match(1), union(match(4)), sorted}},
		"concat of two forms":      {false, []bson.D{match(1), filter, union(match(2))}},
		"geo_near":                 {false, []bson.D{d("$geoNear", d("near", d("type", "Point", "coordinates", bson.A{-73.8, 40.7}), "distanceField", "_d", "maxDistance", 20000)), d("$project", d("_d", false))}},
		"group_by":                 {false, []bson.D{d("$sort", d("_id", 1)), d("$group", d("_id", "$scene", "doc", d("$first", "$$ROOT"))), root("$doc"), sorted}},
		"group_by, flatten":        {false, []bson.D{sorted, d("$group", d("_id", "$scene", "docs", d("$push", "$$ROOT"))), d("$sort", d("_id", 1)), d("$unwind", "$docs"), root("$docs")}},
		"unwind of one tag":        {false, []bson.D{d("$unwind", "$tags")}},
		"patches made on the way":  {false, []bson.D{d("$unwind", "$gt.detections"), d("$set", d("_sample_id", "$_id", "_id", "$gt.detections._id"))}},
		"an _id set by hand":       {false, []bson.D{d("$addFields", d("_id", d("$first", "$gt.detections._id"))), d("$match", d("_id", d("$type", "objectId")))}},
		"an _id projected by hand": {false, []bson.D{d("$match", some[0].Value), d("$project", d("_id", d("$first", "$gt.detections._id"), "n", 1))}},
		"an _id looked up":         {false, []bson.D{d("$limit", 3), d("$lookup", d("from", "nothing", "localField", "n", "foreignField", "n", "as", "_id")), d("$set", d("_id", "$gt.detections._id")), d("$match", d("_id", d("$type", "objectId")))}},
	}
}

// documents are copies of all rows of a query.
func documents(t *testing.T, s *view.Source, q view.Query) (docs []bson.Raw, err error) {
	t.Helper()
	err = s.Read(t.Context(), q, []string{"n", "s", "gt", "frames", "tags", "_sample_id"}, func(batch []bson.Raw) error {
		for _, doc := range batch {
			docs = append(docs, bytes.Clone(doc))
		}
		return nil
	})
	return docs, err
}

func ids(docs []bson.Raw) (out []bson.ObjectID) {
	for _, doc := range docs {
		out = append(out, doc.Lookup("_id").ObjectID())
	}
	return out
}

func TestRowsByTheirIDsAreThoseOfOneRead(t *testing.T) {
	_, q := dataset(t)
	s := connect(t)
	for name, kind := range kinds(q.Collection) {
		t.Run(name, func(t *testing.T) {
			whole := q
			for _, one := range kind.stages {
				whole.Pipeline = append(whole.Pipeline, stage(t, one))
			}
			want, err := documents(t, s, whole)
			require.NoError(t, err)
			if name == "an _id looked up" {
				_, local := whole.Local()
				assert.False(t, local)
				return
			}
			require.Greater(t, len(want), 2)
			short, local := whole.Local()
			require.Equal(t, kind.local, local)
			for _, shards := range []int{1, 2, 7} {
				var got []bson.Raw
				for n := range shards {
					part := ids(want[len(want)*n/shards : len(want)*(n+1)/shards])
					docs, err := documents(t, s, short.ByID(part, local))
					require.NoError(t, err)
					got = append(got, docs...)
				}
				assert.Equal(t, want, got, "%d shards", shards)
			}
		})
	}
}

func TestStagesBehindRowsByTheirIDs(t *testing.T) {
	_, q := dataset(t)
	s := connect(t)
	for _, local := range []bool{true, false} {
		part, err := q.ByID([]bson.ObjectID{oid(5), oid(2)}, local).With(d("$set", d("n", d("$add", bson.A{"$n", 100}))))
		require.NoError(t, err)
		got, err := documents(t, s, part)
		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.EqualValues(t, 105, got[0].Lookup("n").AsInt64())
		assert.EqualValues(t, 102, got[1].Lookup("n").AsInt64())
	}
}

func TestRowsByTheirIDsThatChanged(t *testing.T) {
	client, q := dataset(t)
	s := connect(t)
	q.Pipeline = []bson.Raw{stage(t, d("$unwind", "$tags"))}
	all := []bson.ObjectID{oid(0), oid(1), oid(2)}
	coll := client.Database("test").Collection(q.Collection)

	_, err := coll.UpdateByID(t.Context(), oid(1), d("$push", d("tags", "again")))
	require.NoError(t, err)
	_, err = documents(t, s, q.ByID(all, false))
	assert.Equal(t, fault.ViewChanged, fault.Code(err), "a row twice")

	_, err = coll.DeleteOne(t.Context(), d("_id", oid(1)))
	require.NoError(t, err)
	_, err = documents(t, s, q.ByID(all, false))
	assert.Equal(t, fault.ViewChanged, fault.Code(err), "a row less")
}

func TestManyLargeRowsByTheirIDsInAnyOrder(t *testing.T) {
	client, q := collection(t, 0)
	var docs []any
	var order []bson.ObjectID
	for i := range 70 {
		order = append(order, oid(i))
		docs = append(docs, d("_id", oid(i), "gt", bson.Binary{Data: bytes.Repeat([]byte{byte(i)}, 1<<20)}))
	}
	_, err := client.Database("test").Collection(q.Collection).InsertMany(t.Context(), docs)
	require.NoError(t, err)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	got, err := documents(t, connect(t), q.ByID(order, true))
	require.NoError(t, err)
	assert.Equal(t, order, ids(got))
}

func TestACursorThatIsLostWhileRowsAreReadByTheirIDs(t *testing.T) {
	client, q := collection(t, 0)
	var docs []any
	var order []bson.ObjectID
	for i := range 12_000 {
		order = append(order, oid(i+1))
		docs = append(docs, d("_id", oid(i+1), "n", i))
	}
	_, err := client.Database("test").Collection(q.Collection).InsertMany(t.Context(), docs)
	require.NoError(t, err)
	slices.SortFunc(order, func(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) }) // so that rows are handed on as they come
	killed := false
	var got []bson.ObjectID
	err = connect(t).Read(t.Context(), q.ByID(order, true), []string{"n"}, func(batch []bson.Raw) error {
		got = append(got, ids(batch)...)
		if !killed && len(got) > 300 {
			killed = true
			killCursors(t, client, q.Collection)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, order, got)
}

// TestRowsOfARangeOfIDs has ids in their own order, as those of most datasets are: all of them, most, a part between many others, and one that is gone.
func TestRowsOfARangeOfIDs(t *testing.T) {
	client, q := collection(t, 0)
	coll := client.Database("test").Collection(q.Collection)
	var docs []any
	id := func(n int) (id bson.ObjectID) {
		copy(id[:], fmt.Sprintf("%012d", n))
		return id
	}
	for n := range 3000 {
		docs = append(docs, d("_id", id(n), "n", n))
	}
	_, err := coll.InsertMany(t.Context(), docs)
	require.NoError(t, err)
	s := connect(t)
	for name, wanted := range map[string]func(n int) bool{
		"all": func(int) bool { return true }, "most": func(n int) bool { return n%20 != 7 }, "one in three": func(n int) bool { return n%3 == 0 },
		"two ends": func(n int) bool { return n < 40 || n > 2900 }, "one": func(n int) bool { return n == 1500 },
	} {
		var part []bson.ObjectID
		for n := range 3000 {
			if wanted(n) {
				part = append(part, id(n))
			}
		}
		for _, local := range []bool{true, false} {
			got, err := documents(t, s, q.ByID(part, local))
			require.NoError(t, err, name)
			assert.Equal(t, part, ids(got), name)
		}
	}
	_, err = coll.DeleteOne(t.Context(), d("_id", id(9)))
	require.NoError(t, err)
	for _, part := range [][]bson.ObjectID{{id(8), id(9), id(10)}, {id(9)}, {id(7), id(8), id(9)}} {
		_, err = documents(t, s, q.ByID(part, true))
		assert.Equal(t, fault.ViewChanged, fault.Code(err))
	}
}
