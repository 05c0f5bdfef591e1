package shard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// openStore is a slot's store without its loop.
func openStore(t *testing.T, j *aJob, id string, lease time.Duration) *Mongo {
	m := j.store()
	require.NoError(t, m.open(t.Context(), sign{ID: id}, lease))
	require.NoError(t, m.signOn(t.Context()))
	return m
}

func TestLeaseIsTakenOverAndItsHolderRefused(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	a, b := openStore(t, j, "a", time.Second), openStore(t, j, "b", time.Hour)
	require.NoError(t, a.addShards(t.Context(), "p", []Shard{{N: 0, Rows: 3}}))
	first, err := a.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	require.NotNil(t, first)
	none, err := b.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	require.Nil(t, none, "a's lease is alive")

	var second *task
	require.Eventually(t, func() bool {
		second, err = b.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
		return err == nil && second != nil
	}, time.Minute, 50*time.Millisecond)
	assert.Equal(t, first.lease.token+1, second.lease.token)
	require.ErrorIs(t, a.keep(t.Context(), first.lease), ErrLost)
	require.ErrorIs(t, a.done(t.Context(), first.lease, ReadOut{}), ErrLost)
	require.ErrorIs(t, a.giveUp(t.Context(), first.lease, nil, true), ErrLost)
	require.NoError(t, b.keep(t.Context(), second.lease))
	require.NoError(t, b.done(t.Context(), second.lease, ReadOut{Rows: 3}))
	require.NoError(t, b.done(t.Context(), second.lease, ReadOut{Rows: 3}), "the answer to the first may have been lost")
	require.ErrorIs(t, a.done(t.Context(), first.lease, ReadOut{}), ErrLost)
}

// A server that crashes may forget the newest lease, and then gives its token out again.
func TestSameTokenOfAnotherHolder(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	a, b := openStore(t, j, "a", time.Hour), openStore(t, j, "b", time.Hour)
	require.NoError(t, a.addShards(t.Context(), "p", []Shard{{N: 0, Rows: 3}}))
	first, err := a.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	_, err = j.Collection(shardsCollection).UpdateOne(t.Context(), bson.M{"_id.j": j.id}, bson.M{"$set": bson.M{"read": phaseDoc{State: shardOpen}}})
	require.NoError(t, err)
	second, err := b.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	require.Equal(t, first.lease.token, second.lease.token)
	require.ErrorIs(t, a.done(t.Context(), first.lease, ReadOut{}), ErrLost)
	assert.NotEqual(t, pieceName(first.lease), pieceName(second.lease))
	require.NoError(t, b.done(t.Context(), second.lease, ReadOut{}))
}

// A slot that does not know yet that a phase has begun again must not work on it as it was before.
func TestShardOfALaterTurn(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	a := openStore(t, j, "a", time.Hour)
	require.NoError(t, a.addShards(t.Context(), "p", []Shard{{N: 0, Rows: 3}, {N: 1, Rows: 3}}))
	before, err := a.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	require.NoError(t, a.reopen(t.Context(), "p", phaseRead, []int{0}, 1))
	require.ErrorIs(t, a.done(t.Context(), before.lease, ReadOut{}), ErrLost)
	for turn, want := range []int{1, 0} {
		got, err := a.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: turn, tries: 4})
		require.NoError(t, err)
		require.NotNil(t, got)
		assert.Equal(t, want, got.shard.N, "turn %d", turn)
		require.NoError(t, a.done(t.Context(), got.lease, ReadOut{}))
	}
}

func TestLostAnswerToAClaim(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	a := openStore(t, j, "a", time.Hour)
	require.NoError(t, a.addShards(t.Context(), "p", []Shard{{N: 0, Rows: 3}, {N: 1, Rows: 3}}))
	for range 2 { // the second claim gives the shard of the first, at once
		got, err := a.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
		require.NoError(t, err)
		require.Equal(t, 0, got.shard.N)
	}
	for range 2 {
		l, err := a.lead(t.Context(), Planning)
		require.NoError(t, err)
		require.NotNil(t, l)
	}
}

func TestShardsOfAnotherPlanAreIgnored(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	a := openStore(t, j, "a", time.Hour)
	for range 2 { // again after a lost answer
		require.NoError(t, a.addShards(t.Context(), "old", []Shard{{N: 0, Rows: 3}, {N: 1, Rows: 3}}))
	}
	require.NoError(t, a.addShards(t.Context(), "new", []Shard{{N: 0, Rows: 5}}))
	got, err := a.claim(t.Context(), claim{plan: "new", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	assert.EqualValues(t, 5, got.shard.Rows)
	got, err = a.claim(t.Context(), claim{plan: "new", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	assert.Equal(t, 0, got.shard.N)
	c, err := a.counts(t.Context(), "old")
	require.NoError(t, err)
	assert.Equal(t, Counts{Slots: 1, Shards: 2, Rows: 6}, c)
}

func TestSpoolOfALivingSlotIsLeftToIt(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	a, b := openStore(t, j, "a", time.Hour), openStore(t, j, "b", time.Hour)
	require.NoError(t, a.addShards(t.Context(), "p", []Shard{{N: 0, Rows: 3}}))
	read, err := a.claim(t.Context(), claim{plan: "p", phase: phaseRead, turn: 0, tries: 4})
	require.NoError(t, err)
	require.NoError(t, a.done(t.Context(), read.lease, ReadOut{Rows: 3, Sum: []byte("sum"), State: []byte("$state")}))
	up, err := b.claim(t.Context(), claim{plan: "p", phase: phaseUpload, turn: 0, tries: 4})
	require.NoError(t, err)
	require.Nil(t, up)
	require.NoError(t, a.signOff(t.Context(), "ended"))
	up, err = b.claim(t.Context(), claim{plan: "p", phase: phaseUpload, turn: 0, tries: 4})
	require.NoError(t, err)
	require.NotNil(t, up)
	assert.Equal(t, ReadOut{Rows: 3, Sum: []byte("sum"), State: []byte("$state")}, up.read)
}

func TestIndexesAndSweep(t *testing.T) {
	t.Parallel()
	j := newJobAt(t, server, "sweep")
	for _, id := range []string{j.id, "gone"} {
		_, err := j.Collection(bulkPrefix+id).InsertOne(t.Context(), bson.M{"_id": 1})
		require.NoError(t, err)
	}
	m := openStore(t, j, "a", time.Hour)
	names, err := j.ListCollectionNames(t.Context(), bson.M{"name": bson.M{"$regex": "bulk"}})
	require.NoError(t, err)
	assert.Equal(t, []string{bulkPrefix + j.id}, names)

	require.NoError(t, m.addShards(t.Context(), "p", []Shard{{N: 0, Rows: 3}}))
	var plan bson.M
	require.NoError(t, j.RunCommand(t.Context(), bson.D{{Key: "explain", Value: bson.D{{Key: "find", Value: shardsCollection},
		{Key: "filter", Value: bson.M{"_id.j": j.id, "_id.p": "p", "read.state": "open"}}, {Key: "sort", Value: bson.M{"_id.n": 1}}}}}).Decode(&plan))
	text, err := bson.MarshalExtJSON(plan, false, false)
	require.NoError(t, err)
	assert.Regexp(t, `"winningPlan":\{"stage":"FETCH","inputStage":\{"stage":"IXSCAN"`, string(text), "nothing is sorted in memory")
	for _, coll := range []string{jobsCollection, shardsCollection, slotsCollection} {
		specs, err := j.Collection(coll).Indexes().ListSpecifications(t.Context())
		require.NoError(t, err)
		expires := false
		for _, s := range specs {
			expires = expires || s.ExpireAfterSeconds != nil && *s.ExpireAfterSeconds == 0
		}
		assert.True(t, expires, coll)
	}
	var doc struct {
		Expires time.Time `bson:"expires_at"`
	}
	require.NoError(t, j.Collection(shardsCollection).FindOne(t.Context(), bson.M{}).Decode(&doc))
	assert.InDelta(t, 7*24, time.Until(doc.Expires).Hours(), 2)
}

func TestRequest(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	_, err := NewMongo(j.Database, "none").Request(t.Context())
	require.ErrorIs(t, err, ErrNoJob)
	got, err := j.store().Request(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "request", string(got))
}

// TestTimesAreTheServers makes sure that no clock of a slot gets into what is stored or asked: the files that talk to MongoDB
// know package time for durations only.
func TestTimesAreTheServers(t *testing.T) {
	files, err := filepath.Glob("mongo*.go")
	require.NoError(t, err)
	looked := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		looked++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok {
					assert.False(t, pkg.Name == "time" && sel.Sel.Name != "Duration", "%s uses time.%s", path, sel.Sel.Name)
					assert.False(t, pkg.Name == "bson" && strings.Contains(sel.Sel.Name, "DateTime"), "%s uses bson.%s", path, sel.Sel.Name)
				}
			}
			return true
		})
	}
	assert.Equal(t, 3, looked)
}
