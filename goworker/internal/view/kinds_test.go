package view_test

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// savedKinds are kinds of views and the collections that they read, see testdata/make_kinds.py.
type savedKinds struct {
	Kinds []struct {
		Name, Collection string
		Pipeline         []bson.Raw
	}
	Collections []struct {
		Name      string
		Geo       []string // paths with an index
		Documents []bson.Raw
	}
}

// restore puts the collections into a database of their own, and gives its name.
func (k *savedKinds) restore(t *testing.T) string {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI.Reveal()))
	require.NoError(t, err)
	db := client.Database("kinds")
	t.Cleanup(func() {
		_ = db.Drop(context.Background())
		_ = client.Disconnect(context.Background())
	})
	for _, c := range k.Collections {
		require.NoError(t, db.CreateCollection(t.Context(), c.Name))
		for _, path := range c.Geo {
			_, err := db.Collection(c.Name).Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: d(path, "2dsphere")})
			require.NoError(t, err)
		}
		if len(c.Documents) > 0 {
			_, err := db.Collection(c.Name).InsertMany(t.Context(), c.Documents)
			require.NoError(t, err)
		}
	}
	return db.Name()
}

// TestRowsOfFiftyOnesViewsByTheirIDs cuts views of 105 kinds, with the pipelines that FiftyOne makes of them.
func TestRowsOfFiftyOnesViewsByTheirIDs(t *testing.T) {
	file, err := os.Open("testdata/kinds.bson.gz")
	require.NoError(t, err)
	defer func() { _ = file.Close() }() // it was only read
	in, err := gzip.NewReader(file)
	require.NoError(t, err)
	raw, err := io.ReadAll(in)
	require.NoError(t, err)
	var saved savedKinds
	require.NoError(t, bson.Unmarshal(raw, &saved))
	database := saved.restore(t)
	s := connect(t)
	ways := map[string]int{}
	for _, kind := range saved.Kinds {
		q := view.Query{Database: database, Collection: kind.Collection, Pipeline: kind.Pipeline}
		want, err := documents(t, s, q)
		require.NoError(t, err, kind.Name)
		short, local := q.Local()
		distinct := map[bson.ObjectID]bool{}
		for _, id := range ids(want) {
			distinct[id] = true
		}
		switch {
		case len(distinct) < len(want):
			ways["alone"]++ // a row twice: such a view is not cut
			continue
		case local:
			ways["local"]++
		default:
			ways["whole"]++
		}
		for _, shards := range []int{1, 2, 7} {
			var got []bson.Raw
			for n := range shards {
				docs, err := documents(t, s, short.ByID(ids(want[len(want)*n/shards:len(want)*(n+1)/shards]), local))
				require.NoError(t, err, kind.Name)
				got = append(got, docs...)
			}
			require.Equal(t, want, got, "%s in %d shards", kind.Name, shards)
		}
	}
	assert.Equal(t, map[string]int{"local": 90, "whole": 13, "alone": 2}, ways)
}
