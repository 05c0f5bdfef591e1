package view

import (
	"context"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

const (
	// batchDocs and batchBytes bound what one call of a handler gets, and batchIDs in place of batchDocs where documents have nothing but an _id:
	// to hand batches on takes more time than to read such documents.
	batchDocs  = 256
	batchIDs   = 4096
	batchBytes = 4 << 20
	// A document that is larger than a batch is one by itself, and only one such is in
	// memory at a time: MongoDB's have up to 16 MB.

	// ahead is how many batches are read ahead of the handler.
	ahead = 6
	// maxResumes bounds how often a lost cursor is replaced without progress.
	maxResumes = 5
)

// Codes of MongoDB for a cursor that the server no longer has.
const (
	codeCursorNotFound  = 43
	codeCursorKilled    = 237
	codeQueryPlanKilled = 175
)

// batch is a run of documents in one buffer, so that reading ahead costs no
// allocation for each document.
type batch struct {
	buf   []byte
	ends  []int
	docs  []bson.Raw
	large bool // it is one document of more than batchBytes
}

// batches keeps the buffers of batches for the next reading: a job that is read in parts would have them grow again for each.
var batches = sync.Pool{New: func() any { return &batch{} }}

func (b *batch) reset() {
	if b.large {
		*b = batch{}
		return
	}
	b.buf, b.ends, b.docs = b.buf[:0], b.ends[:0], b.docs[:0]
}

func (b *batch) add(doc bson.Raw) {
	b.buf = append(b.buf, doc...)
	b.ends = append(b.ends, len(b.buf))
}

func (b *batch) full(docs int) bool { return len(b.ends) >= docs || len(b.buf) >= batchBytes }

// split makes the documents once the buffer has its final place.
func (b *batch) split() []bson.Raw {
	start := 0
	for _, end := range b.ends {
		b.docs = append(b.docs, bson.Raw(b.buf[start:end:end]))
		start = end
	}
	return b.docs
}

// Read is ReadBatches for a handler that is done with the documents when it returns.
func (s *Source) Read(ctx context.Context, q Query, paths []string, handle func(docs []bson.Raw) error) error {
	return s.ReadBatches(ctx, q, paths, func(docs []bson.Raw, release func()) error {
		defer release()
		return handle(docs)
	})
}

// ReadBatches runs the query and calls handle with batches of documents, in the
// view's order; only the given paths (and _id) leave MongoDB. The next batches are
// fetched while handle works. The documents are valid until release is called, once
// for each batch, by whatever goroutine: while all batches are held, nothing is read.
//
// A cursor that MongoDB has dropped is replaced by one that goes on behind the
// last document. Faults: no_database, query_failed, view_changed, bad_view.
func (s *Source) ReadBatches(ctx context.Context, q Query, paths []string, handle func(docs []bson.Raw, release func()) error) error {
	q, err := s.settled(ctx, q)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	full, empty := make(chan *batch, ahead), make(chan *batch, ahead+2)
	large := make(chan struct{}, 1)
	for range ahead + 2 {
		empty <- batches.Get().(*batch) //nolint:forcetypeassert // it has nothing else
	}
	defer func() {
		for len(empty) > 0 {
			batches.Put(<-empty)
		}
	}()
	g.Go(func() error {
		defer close(full)
		r := reader{coll: s.client.Database(q.Database).Collection(q.Collection), query: q, paths: paths, full: full, empty: empty, large: large}
		return r.run(ctx)
	})
	g.Go(func() error {
		for b := range full {
			release := func() {
				if b.large {
					<-large
				}
				b.reset()
				empty <- b // never blocks: there are no more batches than places
			}
			if err := handle(b.split(), release); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	return g.Wait()
}

// reader fills batches from a cursor.
type reader struct {
	coll        *mongo.Collection
	query       Query
	paths       []string
	full, empty chan *batch
	large       chan struct{} // has something in it while a large document is in memory
	current     *batch
	seen        int64         // documents handed on
	last        bson.RawValue // _id of the newest of them, but for queries by id
	width       int           // rows that the next query by id asks for
	scattered   bool          // between the rows of a query by id are many others
}

func (r *reader) run(ctx context.Context) error {
	resumes, seenAtResume := 0, int64(-1)
	for {
		err := r.drain(ctx)
		if err == nil {
			return r.flush(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if fault.As(err) != nil {
			return err
		}
		if !lostCursor(err) {
			return readFault(ctx, err)
		}
		if r.seen > seenAtResume {
			resumes, seenAtResume = 0, r.seen
		}
		if resumes++; resumes > maxResumes {
			return readFault(ctx, err)
		}
	}
}

// drain opens a cursor behind the documents seen so far and reads it to its end.
func (r *reader) drain(ctx context.Context) error {
	if r.query.rows != nil {
		return r.drainIDs(ctx)
	}
	var more []any
	if r.seen > 0 {
		// One document is read again, to see that the order still holds.
		more = append(more, bson.D{{Key: "$skip", Value: r.seen - 1}})
	}
	more = append(more, Projection(r.paths))
	cur, err := r.coll.Aggregate(ctx, r.query.stages(more...), options.Aggregate().SetAllowDiskUse(true).SetBatchSize(r.fetch()))
	if err != nil {
		return err
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	if r.seen > 0 {
		if !cur.Next(ctx) {
			if cur.Err() != nil {
				return cur.Err()
			}
			return errViewChanged()
		}
		if id := cur.Current.Lookup("_id"); !id.Equal(r.last) {
			return errViewChanged()
		}
	}
	for cur.Next(ctx) {
		if err := r.take(ctx, cur.Current); err != nil {
			return err
		}
		if id, ok := ObjectIDOf(cur.Current); ok {
			r.last.Type, r.last.Value = bson.TypeObjectID, append(r.last.Value[:0], id[:]...)
		} else if id, err := cur.Current.LookupErr("_id"); err == nil {
			r.last.Type, r.last.Value = id.Type, append(r.last.Value[:0], id.Value...)
		}
	}
	return cur.Err()
}

// fetch is how many documents one round trip brings.
func (r *reader) fetch() int32 {
	if len(r.paths) == 0 {
		return fetchIDs
	}
	return fetchSize
}

// most is how many documents a batch has.
func (r *reader) most() int {
	if len(r.paths) == 0 {
		return batchIDs
	}
	return batchDocs
}

func (r *reader) take(ctx context.Context, doc bson.Raw) error {
	large := len(doc) > batchBytes
	if r.current != nil && len(r.current.buf)+len(doc) > batchBytes {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	if large {
		select {
		case r.large <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.current == nil {
		select {
		case r.current = <-r.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.current.large = large
	r.current.add(doc)
	r.seen++
	if !r.current.full(r.most()) {
		return nil
	}
	return r.flush(ctx)
}

func (r *reader) flush(ctx context.Context) error {
	if r.current == nil {
		return nil
	}
	select {
	case r.full <- r.current:
		r.current = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lostCursor reports whether reading can go on with a new cursor.
func lostCursor(err error) bool {
	var server mongo.ServerError
	if errors.As(err, &server) {
		return server.HasErrorCode(codeCursorNotFound) || server.HasErrorCode(codeCursorKilled) || server.HasErrorCode(codeQueryPlanKilled)
	}
	return mongo.IsNetworkError(err)
}

func errViewChanged() error {
	return fault.New(fault.FiftyOne, fault.ViewChanged,
		"MongoDB dropped the cursor and the view's samples have changed, so reading could not continue in order: run it again.")
}
