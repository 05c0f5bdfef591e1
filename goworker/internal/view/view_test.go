package view_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

var server *mongotest.Server

func TestMain(m *testing.M) { mongotest.Main(m, &server) }

// collection makes a collection of n documents {_id: i, n: i, label: {...}}.
func collection(t *testing.T, n int) (*mongo.Client, view.Query) {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI.Reveal()))
	require.NoError(t, err)
	name := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())
	t.Cleanup(func() {
		_ = client.Database("test").Collection(name).Drop(context.Background())
		_ = client.Disconnect(context.Background())
	})
	docs := make([]any, n)
	for i := range docs {
		docs[i] = bson.D{{Key: "_id", Value: i}, {Key: "n", Value: i}, {Key: "label", Value: bson.D{
			{Key: "text", Value: fmt.Sprint("label ", i)}, {Key: "mask", Value: bson.Binary{Data: make([]byte, 100)}}}}}
	}
	if n > 0 {
		_, err = client.Database("test").Collection(name).InsertMany(t.Context(), docs)
	} else {
		err = client.Database("test").CreateCollection(t.Context(), name)
	}
	require.NoError(t, err)
	return client, view.Query{URI: server.URI, Database: "test", Collection: name}
}

func connect(t *testing.T) *view.Source {
	t.Helper()
	s, err := view.Connect(t.Context(), server.URI)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func stage(t *testing.T, d bson.D) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(d)
	require.NoError(t, err)
	return raw
}

// read reads the numbers n of a query, with a hook called after each batch.
func read(ctx context.Context, s *view.Source, q view.Query, after func(rows int) error) ([]int, error) {
	var got []int
	err := s.Read(ctx, q, []string{"n"}, func(docs []bson.Raw) error {
		for _, d := range docs {
			got = append(got, int(d.Lookup("n").AsInt64()))
		}
		if after != nil {
			return after(len(got))
		}
		return nil
	})
	return got, err
}

func TestReadGivesEveryRowInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			_, q := collection(t, n)
			got, err := read(t.Context(), connect(t), q, nil)
			require.NoError(t, err)
			require.Len(t, got, n)
			for i, v := range got {
				require.Equal(t, i, v)
			}
		})
	}
}

func TestReadRunsThePipelineAndAsksForTheNeededPathsOnly(t *testing.T) {
	_, q := collection(t, 500)
	q.Pipeline = []bson.Raw{
		stage(t, bson.D{{Key: "$match", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gte", Value: 100}}}}}}),
		stage(t, bson.D{{Key: "$sort", Value: bson.D{{Key: "n", Value: -1}}}}),
	}
	s := connect(t)
	var first bson.Raw
	rows := 0
	err := s.Read(t.Context(), q, []string{"n", "label.text"}, func(docs []bson.Raw) error {
		if first == nil {
			first = append(first, docs[0]...)
		}
		rows += len(docs)
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 400, rows)
	assert.Equal(t, "label 499", first.Lookup("label", "text").StringValue())
	_, err = first.LookupErr("label", "mask")
	assert.Error(t, err, "a mask that nobody asked for has left MongoDB")

	n, ok := s.Count(t.Context(), q, time.Minute)
	assert.True(t, ok)
	assert.EqualValues(t, 400, n)
}

// killCursors drops the collection's cursors. One that is being read is not idle, and
// cannot be found: the reader, which is a few batches ahead, has to stop first.
func killCursors(t *testing.T, client *mongo.Client, name string) {
	t.Helper()
	for killIdleCursors(t, client, name) == 0 {
		require.NoError(t, t.Context().Err())
		time.Sleep(10 * time.Millisecond)
	}
}

// killIdleCursors drops those cursors of a collection that wait to be read, and counts them.
func killIdleCursors(t *testing.T, client *mongo.Client, name string) int {
	t.Helper()
	cur, err := client.Database("admin").Aggregate(t.Context(), bson.A{
		bson.D{{Key: "$currentOp", Value: bson.D{{Key: "idleCursors", Value: true}}}},
		bson.D{{Key: "$match", Value: bson.D{{Key: "type", Value: "idleCursor"}, {Key: "ns", Value: "test." + name}}}},
	})
	require.NoError(t, err)
	var ops []struct {
		Cursor struct {
			ID int64 `bson:"cursorId"`
		} `bson:"cursor"`
	}
	require.NoError(t, cur.All(t.Context(), &ops))
	for _, op := range ops {
		require.NoError(t, client.Database("test").RunCommand(t.Context(),
			bson.D{{Key: "killCursors", Value: name}, {Key: "cursors", Value: bson.A{op.Cursor.ID}}}).Err())
	}
	return len(ops)
}

func TestReadGoesOnBehindALostCursor(t *testing.T) {
	client, q := collection(t, 20_000)
	kills := 0
	got, err := read(t.Context(), connect(t), q, func(rows int) error {
		if rows > (kills+1)*3000 && kills < 5 {
			kills++
			killCursors(t, client, q.Collection)
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, got, 20_000)
	for i, v := range got {
		require.Equal(t, i, v)
	}
	assert.Positive(t, kills)
}

func TestReadRefusesToGoOnWhenTheRowsHaveMoved(t *testing.T) {
	client, q := collection(t, 20_000)
	coll := client.Database("test").Collection(q.Collection)
	done := false
	_, err := read(t.Context(), connect(t), q, func(int) error {
		if !done {
			done = true
			// Before the cursor is lost, since the next one is opened at once.
			_, err := coll.DeleteMany(t.Context(), bson.D{{Key: "n", Value: bson.D{{Key: "$lt", Value: 50}}}})
			killCursors(t, client, q.Collection)
			return err
		}
		return nil
	})
	require.Equal(t, "view_changed", fault.Code(err))
	assert.Contains(t, err.Error(), "run it again")
}

func TestReadGivesUpWhenCursorsAreLostWithoutEnd(t *testing.T) {
	client, q := collection(t, 3000)
	admin := client.Database("admin")
	fail := bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: "alwaysOn"}, {Key: "data", Value: bson.D{
		{Key: "failCommands", Value: bson.A{"getMore"}}, {Key: "errorCode", Value: 43}, {Key: "namespace", Value: "test." + q.Collection}}}}
	require.NoError(t, admin.RunCommand(t.Context(), fail).Err())
	t.Cleanup(func() {
		off := bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: "off"}}
		_ = admin.RunCommand(context.Background(), off).Err()
	})
	// Each new cursor brings 1,000 documents before its getMore fails, so the
	// view is read in the end: losing cursors costs time, not rows.
	got, err := read(t.Context(), connect(t), q, nil)
	require.NoError(t, err)
	assert.Len(t, got, 3000)

	fail[2].Value = bson.D{{Key: "failCommands", Value: bson.A{"aggregate"}}, {Key: "errorCode", Value: 43}, {Key: "namespace", Value: "test." + q.Collection}}
	require.NoError(t, admin.RunCommand(t.Context(), fail).Err())
	_, err = read(t.Context(), connect(t), q, nil)
	assert.Equal(t, fault.FiftyOne, fault.As(err).Source)
}

func TestReadStopsWithTheHandlerAndWithTheContext(t *testing.T) {
	_, q := collection(t, 20_000)
	stop := errors.New("enough")
	got, err := read(t.Context(), connect(t), q, func(rows int) error {
		if rows > 1000 {
			return stop
		}
		return nil
	})
	require.ErrorIs(t, err, stop)
	assert.Less(t, len(got), 5000)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = read(ctx, connect(t), q, func(int) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
}

func TestFaultsOfTheDatabaseSayWhatToDo(t *testing.T) {
	_, q := collection(t, 3)
	s := connect(t)

	bad := q
	bad.Pipeline = []bson.Raw{stage(t, bson.D{{Key: "$noSuchStage", Value: 1}})}
	_, err := read(t.Context(), s, bad, nil)
	assert.Equal(t, "query_failed", fault.Code(err))
	assert.Contains(t, err.Error(), "$noSuchStage")

	ids := make(bson.A, 900_000)
	for i := range ids {
		ids[i] = bson.ObjectID{byte(i)}
	}
	bad.Pipeline = []bson.Raw{stage(t, bson.D{{Key: "$match", Value: bson.D{{Key: "_id", Value: bson.D{{Key: "$nin", Value: ids}}}}}})}
	_, err = read(t.Context(), s, bad, nil)
	assert.Equal(t, "view_too_large", fault.Code(err), "%v", err)

	gone := q
	gone.Collection = "samples.gone"
	assert.Equal(t, "dataset_deleted", fault.Code(s.Check(t.Context(), gone)))
	require.NoError(t, s.Check(t.Context(), q))

	_, err = view.Connect(t.Context(), secret.String("nonsense://user:hunter2@host"))
	assert.Equal(t, "no_database", fault.Code(err))
	assert.NotContains(t, err.Error(), "hunter2")

	_, err = view.Connect(t.Context(), secret.String("mongodb://user:hunter2@127.0.0.1:9/?directConnection=true&serverSelectionTimeoutMS=300"))
	assert.Equal(t, "no_database", fault.Code(err))
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestTheWorkerCountsAsAFiftyOneClient(t *testing.T) {
	client, q := collection(t, 5000)
	seen := 0
	_, err := read(t.Context(), connect(t), q, func(int) error {
		cur, err := client.Database("admin").Aggregate(t.Context(), bson.A{
			bson.D{{Key: "$currentOp", Value: bson.D{{Key: "allUsers", Value: true}, {Key: "idleConnections", Value: true}}}},
			bson.D{{Key: "$match", Value: bson.D{{Key: "appName", Value: "fiftyone"}}}},
		})
		if err != nil {
			return err
		}
		var ops []bson.Raw
		if err := cur.All(t.Context(), &ops); err != nil {
			return err
		}
		seen += len(ops)
		return nil
	})
	require.NoError(t, err)
	assert.Positive(t, seen)
}

func TestProjectionKeepsNoPathBelowAWholeField(t *testing.T) {
	got := view.Projection([]string{"a.b", "a", "c.d", "a.b.c", "_id", "ab", "c.d", "a-b.c"})
	assert.Equal(t, bson.D{{Key: "$project", Value: bson.D{
		{Key: "_id", Value: 1}, {Key: "a", Value: 1}, {Key: "a-b.c", Value: 1}, {Key: "ab", Value: 1}, {Key: "c.d", Value: 1}}}}, got)
}

func TestParsePipeline(t *testing.T) {
	raw, err := bson.Marshal(bson.D{{Key: "pipeline", Value: bson.A{bson.D{{Key: "$limit", Value: 1}}}}})
	require.NoError(t, err)
	stages, err := view.ParsePipeline(raw)
	require.NoError(t, err)
	require.Len(t, stages, 1)
	assert.EqualValues(t, 1, stages[0].Lookup("$limit").AsInt64())

	stages, err = view.ParsePipeline(nil)
	require.NoError(t, err)
	assert.Empty(t, stages)
	_, err = view.ParsePipeline([]byte("nonsense"))
	require.Error(t, err)
}

// TestLargeDocumentsComeOneByOne has documents near MongoDB's limit: the next one is read when the one before it
// was released.
func TestLargeDocumentsComeOneByOne(t *testing.T) {
	_, q := collection(t, 3)
	q.Pipeline = []bson.Raw{stage(t, bson.D{{Key: "$set", Value: bson.D{{Key: "text", Value: strings.Repeat("x", 15<<20)}}}})}
	var released atomic.Bool
	rows := 0
	err := connect(t).ReadBatches(t.Context(), q, []string{"text"}, func(docs []bson.Raw, release func()) error {
		require.Len(t, docs, 1)
		if rows++; rows > 1 {
			assert.True(t, released.Load())
		}
		released.Store(false)
		time.AfterFunc(100*time.Millisecond, func() {
			released.Store(true)
			release()
		})
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 3, rows)
}
