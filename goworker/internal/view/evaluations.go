package view

import (
	"context"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Collections of FiftyOne beside those of samples. The last two are MongoDB's GridFS, which holds results.
const (
	datasetsCollection = "datasets"
	runsCollection     = "runs"
	filesCollection    = "fs.files"
	chunksCollection   = "fs.chunks"
)

// chunksAhead is how many chunks of a file one round trip brings: a megabyte.
const chunksAhead = 4

// DatasetDocument reads the document of a dataset: its schema and its runs; nil if there is none. Faults: no_database.
func (s *Source) DatasetDocument(ctx context.Context, database string, id bson.ObjectID) (bson.Raw, error) {
	return s.one(ctx, database, datasetsCollection, id)
}

// RunDocument reads the document of a run, such as an evaluation; nil if there is none. Faults: no_database.
func (s *Source) RunDocument(ctx context.Context, database string, id bson.ObjectID) (bson.Raw, error) {
	return s.one(ctx, database, runsCollection, id)
}

func (s *Source) one(ctx context.Context, database, collection string, id bson.ObjectID) (bson.Raw, error) {
	raw, err := s.client.Database(database).Collection(collection).FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil, nil
	case err != nil:
		return nil, readFault(ctx, err)
	}
	return raw, nil
}

// StoredFile is a file in the database's GridFS.
type StoredFile struct {
	chunks *mongo.Collection
	id     bson.ObjectID
	size   int64
	chunk  int64
}

// StoredFile finds a file; nil if there is none. Faults: no_database.
func (s *Source) StoredFile(ctx context.Context, database string, id bson.ObjectID) (*StoredFile, error) {
	doc, err := s.one(ctx, database, filesCollection, id)
	if err != nil || doc == nil {
		return nil, err
	}
	size, _ := doc.Lookup("length").AsInt64OK()
	chunk, _ := doc.Lookup("chunkSize").AsInt64OK()
	if chunk <= 0 {
		return nil, nil
	}
	return &StoredFile{chunks: s.client.Database(database).Collection(chunksCollection), id: id, size: size, chunk: chunk}, nil
}

// Size is the file's length in bytes.
func (f *StoredFile) Size() int64 { return f.size }

// At opens the file at an offset. Reading gives io.ErrUnexpectedEOF where chunks are missing, and faults: no_database.
func (f *StoredFile) At(ctx context.Context, offset int64) (io.ReadCloser, error) {
	first := offset / f.chunk
	cur, err := f.chunks.Find(ctx, bson.D{{Key: "files_id", Value: f.id}, {Key: "n", Value: bson.D{{Key: "$gte", Value: first}}}},
		options.Find().SetSort(bson.D{{Key: "n", Value: 1}}).SetBatchSize(chunksAhead))
	if err != nil {
		return nil, readFault(ctx, err)
	}
	return &storedReader{ctx: ctx, cur: cur, next: first, skip: offset % f.chunk, left: f.size - offset}, nil
}

// storedReader reads a file chunk by chunk.
type storedReader struct {
	ctx   context.Context //nolint:containedctx // an io.Reader gets none
	cur   *mongo.Cursor
	next  int64 // number of the next chunk
	skip  int64 // bytes of it
	left  int64
	chunk []byte
}

// Read implements io.Reader.
func (r *storedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	for len(r.chunk) == 0 {
		if !r.cur.Next(r.ctx) {
			if err := r.cur.Err(); err != nil {
				return 0, readFault(r.ctx, err)
			}
			return 0, io.ErrUnexpectedEOF
		}
		n, _ := r.cur.Current.Lookup("n").AsInt64OK()
		_, data, ok := r.cur.Current.Lookup("data").BinaryOK()
		if !ok || n != r.next || int64(len(data)) <= r.skip {
			return 0, io.ErrUnexpectedEOF
		}
		r.chunk, r.skip = data[r.skip:], 0
		r.next++
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.chunk)
	r.chunk = r.chunk[n:]
	r.left -= int64(n)
	return n, nil
}

// Close implements io.Closer.
func (r *storedReader) Close() error { return r.cur.Close(context.WithoutCancel(r.ctx)) }
