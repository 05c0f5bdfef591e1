package shard

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// chunkIDs is how many ids are stored at a time: those of a shard, as a rule.
const chunkIDs = defaultSize

const idSize = len(bson.ObjectID{})

func rowsName(plan string) string { return "rows." + plan }

// pieceName is the name of a reading's pieces, without their kind: it holds the lease, so that two readings have two names.
func pieceName(l *lease) string { return fmt.Sprintf("shard.%s.%d.%s.%d.", l.plan, l.n, l.by, l.token) }

// idWriter stores the ids of a plan in chunks.
type idWriter struct {
	store Store
	plan  string
	n     int64
	chunk []byte // not stored yet
	last  bson.ObjectID
	mixed bool // the ids are not in their own order
}

// Add implements IDs.
func (w *idWriter) Add(ctx context.Context, id bson.ObjectID) error {
	w.mixed = w.mixed || w.n > 0 && compareIDs(w.last, id) >= 0
	w.last = id
	w.n++
	if w.chunk == nil {
		w.chunk = make([]byte, 0, chunkIDs*idSize)
	}
	w.chunk = append(w.chunk, id[:]...)
	if len(w.chunk) < cap(w.chunk) {
		return nil
	}
	return w.flush(ctx)
}

func (w *idWriter) flush(ctx context.Context) error {
	if len(w.chunk) == 0 {
		return nil
	}
	err := w.store.putBulk(ctx, rowsName(w.plan), int((w.n-1)/chunkIDs), w.chunk)
	w.chunk = w.chunk[:0]
	return err
}

// Len implements IDs.
func (w *idWriter) Len() int64 { return w.n }

// Distinct implements IDs. Ids that are in their own order need no look: most are, since MongoDB gives samples as they were added.
func (w *idWriter) Distinct(ctx context.Context) (bool, error) {
	if !w.mixed {
		return true, nil
	}
	if err := w.flush(ctx); err != nil {
		return false, err
	}
	ids, err := load(ctx, w.store, w.plan, Shard{Rows: w.n})
	if err != nil {
		return false, err
	}
	slices.SortFunc(ids, compareIDs)
	return len(slices.Compact(ids)) == int(w.n), nil
}

func compareIDs(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) }

// load reads the ids of a shard.
func load(ctx context.Context, store Store, plan string, s Shard) ([]bson.ObjectID, error) {
	from, to := s.First/chunkIDs, (s.First+s.Rows-1)/chunkIDs+1
	ids := make([]bson.ObjectID, 0, s.Rows)
	before := s.First - from*chunkIDs // ids of the first chunk that are not the shard's
	err := store.bulk(ctx, rowsName(plan), int(from), int(to), func(data []byte) error {
		for data = data[min(int(before)*idSize, len(data)):]; len(data) >= idSize && int64(len(ids)) < s.Rows; data = data[idSize:] {
			ids = append(ids, bson.ObjectID(data[:idSize]))
		}
		before = 0
		return nil
	})
	if err == nil && int64(len(ids)) != s.Rows {
		err = fault.New(fault.FiftyOne, fault.ViewChanged,
			"The list of the job's rows is no longer in FiftyOne's database, so the job cannot go on: run it again.")
	}
	return ids, err
}

// pieceWriter stores the pieces of a reading.
type pieceWriter struct {
	store Store
	name  string
	next  map[string]int
}

// Put implements Pieces.
func (w *pieceWriter) Put(ctx context.Context, kind string, piece []byte) error {
	n := w.next[kind]
	w.next[kind]++
	return w.store.putBulk(ctx, w.name+kind, n, piece)
}

// results implements Reads and Ups.
type results struct {
	store  Store
	plan   planDoc
	pieces map[int]string // the names of the pieces of shards; what was read of these stays as it is while the lead uses it
}

// Len implements Reads.
func (r *results) Len() int { return r.plan.Shards }

func (r *results) one(ctx context.Context, n int) (*result, error) {
	one, err := r.store.result(ctx, r.plan.Token, n)
	if err == nil {
		r.pieces[n] = one.pieces
	}
	return one, err
}

// Read implements Reads.
func (r *results) Read(ctx context.Context, n int) (ReadOut, error) {
	one, err := r.one(ctx, n)
	if err != nil {
		return ReadOut{}, err
	}
	return one.Read, nil
}

// Up implements Ups.
func (r *results) Up(ctx context.Context, n int) (UpOut, error) {
	one, err := r.one(ctx, n)
	if err != nil {
		return UpOut{}, err
	}
	return one.Up, nil
}

// Pieces implements Reads.
func (r *results) Pieces(ctx context.Context, n int, kind string, fn func(piece []byte) error) error {
	if r.pieces[n] == "" {
		if _, err := r.one(ctx, n); err != nil {
			return err
		}
	}
	return r.store.bulk(ctx, r.pieces[n]+kind, 0, math.MaxInt32, fn)
}
