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

// chunkIDs is how many ids are stored at a time.
const chunkIDs = 8192

const idSize = len(bson.ObjectID{})

func rowsName(plan string) string { return "rows." + plan }

// pieceName is the name of a reading's pieces, without their kind: it holds the lease, so that two readings have two names.
func pieceName(l *lease) string { return fmt.Sprintf("shard.%s.%d.%s.%d.", l.plan, l.n, l.by, l.token) }

// idWriter stores the ids of a plan in chunks. It keeps all of them, 12 bytes each, to find those that are there twice.
type idWriter struct {
	store  Store
	name   string
	all    []bson.ObjectID
	stored int // of all
}

// Add implements IDs.
func (w *idWriter) Add(ctx context.Context, id bson.ObjectID) error {
	w.all = append(w.all, id)
	if len(w.all)-w.stored < chunkIDs {
		return nil
	}
	return w.flush(ctx)
}

func (w *idWriter) flush(ctx context.Context) error {
	rest := w.all[w.stored:]
	if len(rest) == 0 {
		return nil
	}
	data := make([]byte, 0, len(rest)*idSize)
	for _, id := range rest {
		data = append(data, id[:]...)
	}
	if err := w.store.putBulk(ctx, w.name, w.stored/chunkIDs, data); err != nil {
		return err
	}
	w.stored = len(w.all)
	return nil
}

// Len implements IDs.
func (w *idWriter) Len() int64 { return int64(len(w.all)) }

// Distinct implements IDs.
func (w *idWriter) Distinct() bool {
	compare := func(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) }
	sorted := w.all
	if !slices.IsSortedFunc(sorted, compare) {
		sorted = slices.Clone(sorted)
		slices.SortFunc(sorted, compare)
	}
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1] == sorted[i] {
			return false
		}
	}
	return true
}

// load reads the ids of a shard.
func load(ctx context.Context, store Store, plan string, s Shard) ([]bson.ObjectID, error) {
	from, to := s.First/chunkIDs, (s.First+s.Rows-1)/chunkIDs+1
	ids := make([]bson.ObjectID, 0, s.Rows)
	at := from * chunkIDs
	err := store.bulk(ctx, rowsName(plan), int(from), int(to), func(data []byte) error {
		for ; len(data) >= idSize; data = data[idSize:] {
			if at >= s.First && at < s.First+s.Rows {
				ids = append(ids, bson.ObjectID(data[:idSize]))
			}
			at++
		}
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
	store Store
	plan  planDoc
}

// Len implements Reads.
func (r *results) Len() int { return r.plan.Shards }

// Read implements Reads.
func (r *results) Read(ctx context.Context, n int) (ReadOut, error) {
	one, err := r.store.result(ctx, r.plan.Token, n)
	if err != nil {
		return ReadOut{}, err
	}
	return one.Read, nil
}

// Up implements Ups.
func (r *results) Up(ctx context.Context, n int) (UpOut, error) {
	one, err := r.store.result(ctx, r.plan.Token, n)
	if err != nil {
		return UpOut{}, err
	}
	return one.Up, nil
}

// Pieces implements Reads.
func (r *results) Pieces(ctx context.Context, n int, kind string, fn func(piece []byte) error) error {
	one, err := r.store.result(ctx, r.plan.Token, n)
	if err != nil {
		return err
	}
	return r.store.bulk(ctx, one.pieces+kind, 0, math.MaxInt32, fn)
}
