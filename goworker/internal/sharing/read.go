package sharing

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// addTo adds to a checksum what another reading of the shard has to give. The types are not among it: those of columns that only all rows
// together make texts depend on when it was read, and the cells do not.
func (s *shardState) addTo(sum hash.Hash) error {
	parts := map[string][]partState{}
	for key, t := range s.Tables {
		parts[key] = t.Parts
	}
	raw, err := json.Marshal([]any{parts, s.Vectors, s.Tally})
	_, _ = sum.Write(raw)
	return err
}

// rowsOf is the view of a shard's rows.
func (w *Work) rowsOf(ctx context.Context, c *collect.Collector, plan shard.Plan, st *planState) (collect.ChosenView, error) {
	switch {
	case plan.Mode == shard.Alone && st.ChosenOf > 0 && len(st.Chosen) == 0:
		return c.Choose(ctx, w.View, w.Score) // the same rows again
	case plan.Mode == shard.Alone:
		return st.rows(w.View), nil
	}
	v := w.View
	if plan.Mode == shard.Local {
		v.Query, _ = v.Query.Local()
	}
	v.Query = v.Query.ByID(c.Shard.RowIDs(), plan.Mode == shard.Local)
	return collect.ChosenView{View: v}, nil
}

// readShard reads a shard into a directory of its own.
func (w *Work) readShard(ctx context.Context, plan shard.Plan, st *planState, s shard.Shard, pieces shard.Pieces) (out shard.ReadOut, err error) {
	w.drop(s.N)
	var ids []bson.ObjectID
	if s.IDs != nil {
		if ids, err = s.IDs(ctx); err != nil {
			return out, err
		}
	}
	c, err := w.collector()
	if err != nil {
		return out, err
	}
	defer c.End()
	read := &shardRead{n: int64(s.N), alone: plan.Mode == shard.Alone, ids: ids, parts: w.Parts, texts: st.Texts, shapes: st.Shapes,
		state: shardState{Tables: map[string]*tableState{}, Vectors: map[string]vectorState{}}, tables: map[string]*collect.TableFile{},
		ctx: ctx, pieces: pieces}
	c.Shard, c.Classes = read, st.Classes
	defer func() {
		if err != nil {
			_ = c.Spool.Close()
		}
	}()
	if err := w.prepareWith(ctx, c, st.Found); err != nil {
		return out, err
	}
	chosen, err := w.rowsOf(ctx, c, plan, st)
	if err != nil {
		return out, err
	}
	chosen.Shown = st.Shown
	rd, err := collect.NewReader(c, chosen)
	if err != nil {
		return out, err
	}
	content, err := w.Open(ctx, rd)
	if err != nil {
		return out, err
	}
	rows, err := rd.Each(ctx, content.Add)
	if err != nil {
		return out, err
	}
	if err = content.Close(); err != nil {
		return out, err
	}
	read.state.Tally = content.Tally()
	if out, err = read.put(c, rows); err != nil {
		return out, err
	}
	w.kept[s.N] = &shardSpool{c: c, read: read}
	return out, nil
}

// drop forgets what was read of a shard.
func (w *Work) drop(n int) {
	if sp := w.kept[n]; sp != nil {
		_ = sp.c.Spool.Close()
		delete(w.kept, n)
	}
}

// HasAll implements ShardFiles.
func (r *shardRead) HasAll() bool { return r.alone }

// RowIDs implements ShardFiles.
func (r *shardRead) RowIDs() []bson.ObjectID { return r.ids }

// PrepareTable has a table's writer make one part of the shard's rows.
func (r *shardRead) PrepareTable(t *collect.TableFile) {
	if r.alone {
		t.Writer.SetLimits(r.parts.Whole, r.parts.Part)
	} else {
		t.Writer.SetLimits(math.MaxInt64, math.MaxInt64)
	}
	t.Writer.SetTexts(r.texts[t.Key])
}

// CloseTable ends the rows of a table.
func (r *shardRead) CloseTable(t *collect.TableFile) error {
	body, err := t.Writer.CloseRows()
	if err != nil {
		return err
	}
	state := &tableState{Types: body.Types}
	t.Done = table.Summary{Parts: body.Parts, Columns: t.Columns}
	if err := t.Sort((*artifact.SpoolFile).Park); err != nil { // as where there is one worker, which sorts each part by itself, too
		return err
	}
	for i, rows := range body.Parts {
		size, sum, err := t.Parts[i].State()
		if err != nil {
			return err
		}
		state.Parts = append(state.Parts, partState{rows, size, sum})
		t.Done.Rows += rows
	}
	r.state.Tables[t.Key], r.tables[t.Key] = state, t
	return nil
}

// PrepareVectors has vectors of one shape only.
func (r *shardRead) PrepareVectors(v *collect.VectorFile) {
	v.Parts = collect.Parts{Whole: math.MaxInt64, Part: math.MaxInt64}
	if r.alone {
		v.Parts = r.parts
	}
	if shape, ok := r.shapes[v.Field]; ok {
		v.Writer.SetShape(shape)
	}
}

// CloseVectors writes the shard's part of a field's vectors.
func (r *shardRead) CloseVectors(c *collect.Collector, v *collect.VectorFile) error {
	n := v.Writer.Len()
	if n == 0 {
		return nil
	}
	r.state.Vectors[v.Field] = vectorState{int64(n), v.Writer.Shape()}
	path := v.PartPath(r.n)
	out, err := c.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(v.Writer.Finish(out), out.Close()); err != nil {
		return err
	}
	return c.Files.Add(out.Entry(path))
}

// kindsOfLists are the kinds of the pieces of lists of ids.
var kindsOfLists = map[string]string{
	metadata.SampleIDsPath: "samples", metadata.LabelIDsPath: "labels", metadata.LowConfidenceIDsPath: "low",
	metadata.FalsePositiveIDsPath: "fp", metadata.FalseNegativeIDsPath: "fn", metadata.WrongIDsPath: "wrong", metadata.WorseIDsPath: "worse",
}

// The other kinds of pieces.
const (
	entryPieces = "entries"
	classPieces = "classes"
)

// NewIDList starts a list of ids, which are handed on while the rows are read.
func (r *shardRead) NewIDList(path string) *idlist.Writer {
	to := newIDPieces(r.ctx, r.pieces, kindsOfLists[path], sha256.New())
	list := idlist.NewPart(to, path)
	r.lists = append(r.lists, shardList{list, to})
	return list
}

// closeLists hands on the rest of the ids, and adds what the lists are to a checksum.
func (r *shardRead) closeLists(sum hash.Hash) error {
	for _, list := range r.lists {
		if err := errors.Join(list.Flush(), list.to.Close()); err != nil {
			return err
		}
		_, _ = sum.Write(list.to.sum.Sum(nil))
	}
	return nil
}

// put hands on what was read, and gives the outcome.
func (r *shardRead) put(c *collect.Collector, rows int64) (shard.ReadOut, error) {
	sum := sha256.New()
	to := newPieceWriter(r.ctx, r.pieces, entryPieces, sum)
	var line []byte
	for i := range c.Files.Len() {
		line = appendEntry(line[:0], c.Files.At(i))
		_, _ = to.Write(line) // the first error sticks, and Close returns it
	}
	if err := to.Close(); err != nil {
		return shard.ReadOut{}, err
	}
	if err := r.closeLists(sum); err != nil {
		return shard.ReadOut{}, err
	}
	if classes := r.state.Tally.Classes; classes != nil {
		raw, err := json.Marshal(classes)
		if err != nil {
			return shard.ReadOut{}, err
		}
		to := newPieceWriter(r.ctx, r.pieces, classPieces, sum)
		for part := range slices.Chunk(raw, pieceSize) {
			_, _ = to.Write(part)
		}
		if err := to.Close(); err != nil {
			return shard.ReadOut{}, err
		}
	}
	if err := r.state.addTo(sum); err != nil {
		return shard.ReadOut{}, err
	}
	for _, one := range c.Warnings.List {
		r.state.Warnings = append(r.state.Warnings, *one)
	}
	r.state.Made = c.Pictures.Made()
	raw, err := json.Marshal(r.state)
	return shard.ReadOut{Rows: rows, Sum: sum.Sum(nil), State: raw}, err
}

// Read implements shard.Work.
func (w *Work) Read(ctx context.Context, plan shard.Plan, s shard.Shard, pieces shard.Pieces) (shard.ReadOut, error) {
	st, err := w.enter(ctx, plan)
	if err != nil {
		return shard.ReadOut{}, err
	}
	if len(w.kept) == 0 && !st.hasMedia() {
		return shard.ReadOut{}, shard.Leave(fault.New(fault.Settings, fault.UnreadableFile,
			"The media files are not on this machine (%s): mount them at the same path on all machines, or run the job on fewer.", st.Media[0]))
	}
	return w.readShard(ctx, plan, st, s, pieces)
}
