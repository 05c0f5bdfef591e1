package view

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

const (
	// chunkIDs is how many rows one query by id asks for, and heldBytes how much of them waits in memory for rows that
	// come before them. Where that is too little, later queries ask for fewer.
	chunkIDs  = 5000
	heldBytes = 24 << 20
	// rangeIDs is how many rows one query for a range of ids asks for. Where it brings more than freeStrangers other rows, and more than one
	// other row to nearRows rows, the rows are asked for by their ids instead.
	rangeIDs      = 20_000
	freeStrangers = 100
	nearRows      = 8
)

// selectingStages choose and sort rows; documentStages change each document on its own. A pipeline of nothing else can be run
// for some rows by their ids, without the former.
var (
	selectingStages = []string{"$match", "$sort", "$limit", "$skip", "$sample"}
	documentStages  = []string{"$addFields", "$set", "$unset", "$project", "$lookup"}
)

// byID is which rows of a query are read, and at which stage of its pipeline they are chosen.
type byID struct {
	ids []bson.ObjectID
	at  int
}

// Local is the query without the stages that choose and sort rows. It gives a row what the whole query gives it; false where that is
// not certain, as behind stages that make several rows of one or one of several.
func (q Query) Local() (Query, bool) {
	var kept []bson.Raw
	for _, stage := range q.Pipeline {
		name, value := stageOf(stage)
		switch {
		case slices.Contains(selectingStages, name):
		case slices.Contains(documentStages, name) && !setsID(name, value):
			kept = append(kept, stage)
		default:
			return q, false
		}
	}
	q.Pipeline = kept
	return q, true
}

// stageOf is a stage's name and what it says.
func stageOf(stage bson.Raw) (string, bson.RawValue) {
	first, err := stage.IndexErr(0)
	if err != nil {
		return "", bson.RawValue{}
	}
	return first.Key(), first.Value()
}

// setsID reports whether a stage may give documents another _id.
func setsID(name string, value bson.RawValue) bool {
	touches := func(path string) bool { return path == "_id" || strings.HasPrefix(path, "_id.") }
	if path, ok := value.StringValueOK(); ok { // of $unset
		return touches(path)
	}
	if list, ok := value.ArrayOK(); ok {
		paths, err := list.Values()
		return err != nil || slices.ContainsFunc(paths, func(p bson.RawValue) bool {
			path, ok := p.StringValueOK()
			return !ok || touches(path)
		})
	}
	doc, ok := value.DocumentOK()
	if !ok {
		return true
	}
	if name == "$lookup" {
		as, ok := doc.Lookup("as").StringValueOK()
		return !ok || touches(as)
	}
	fields, err := doc.Elements()
	return err != nil || slices.ContainsFunc(fields, func(f bson.RawElement) bool {
		return touches(f.Key()) && (name != "$project" || !isKept(f.Value()))
	})
}

// isKept reports whether a field of a $project stage is kept as it is.
func isKept(v bson.RawValue) bool {
	if yes, ok := v.BooleanOK(); ok {
		return yes
	}
	n, ok := v.AsFloat64OK()
	return ok && n != 0
}

// ByID is the query for the rows with these ids only, which Read and ReadBatches give in this order. The rows are chosen before the
// query's stages if it is Local, else behind them. Each row has to be there exactly once: else reading ends with view_changed.
func (q Query) ByID(ids []bson.ObjectID, local bool) Query {
	q.rows = &byID{ids: ids, at: len(q.Pipeline)}
	if local {
		q.rows.at = 0
	}
	return q
}

// FramesOf is the query for the frames of some samples, where this one is for those of all of a view's samples, as FiftyOne makes it. It is false
// where these are not certain to be the same frames.
func (q Query) FramesOf(ids []bson.ObjectID) (Query, bool) {
	const last = 2 // stages that make documents of the frames
	at := len(q.Pipeline) - last
	if at < 0 {
		return q, false
	}
	unwind, _ := stageOf(q.Pipeline[at])
	root, _ := stageOf(q.Pipeline[at+1])
	samples := q
	samples.Pipeline = q.Pipeline[:at]
	samples, local := samples.Local()
	match, err := bson.Marshal(matchIDs(among(ids)))
	if unwind != "$unwind" || root != "$replaceRoot" || !local || err != nil {
		return q, false
	}
	q.Pipeline = slices.Concat([]bson.Raw{match}, samples.Pipeline, q.Pipeline[at:])
	return q, true
}

// matchIDs is the stage that chooses documents by a condition for their ids.
func matchIDs(condition bson.D) bson.D {
	return bson.D{{Key: "$match", Value: bson.D{{Key: "_id", Value: condition}}}}
}

// ObjectIDOf is a document's _id, where that is an ObjectID.
func ObjectIDOf(doc bson.Raw) (id bson.ObjectID, ok bool) {
	const at = len("size" + "\x07" + "_id\x00")
	if len(doc) >= at+len(id) && string(doc[len("size"):at]) == "\x07_id\x00" { // it is the first field of almost all
		return bson.ObjectID(doc[at : at+len(id)]), true
	}
	return doc.Lookup("_id").ObjectIDOK()
}

// among is the condition that an id is one of some.
func among(ids any) bson.D { return bson.D{{Key: "$in", Value: ids}} }

// drainIDs reads the rows that are left, some at a time.
func (r *reader) drainIDs(ctx context.Context) error {
	if r.width == 0 {
		r.width = chunkIDs
	}
	for int(r.seen) < len(r.query.rows.ids) {
		left := r.query.rows.ids[r.seen:]
		if ids := left[:min(rangeIDs, len(left))]; !r.scattered && ascend(ids) {
			// To follow an index from one id to another is less work for MongoDB than to look for each.
			whole, err := r.chunk(ctx, ids, bson.D{{Key: "$gte", Value: ids[0]}, {Key: "$lte", Value: ids[len(ids)-1]}}, true)
			if err != nil {
				return err
			}
			r.scattered = !whole
			continue
		}
		ids := left[:min(r.width, len(left))]
		whole, err := r.chunk(ctx, ids, among(ids), false)
		if err != nil {
			return err
		}
		if whole {
			r.width = min(2*r.width, chunkIDs)
		} else {
			r.width = max(1, len(ids)/2)
		}
	}
	return nil
}

// ascend reports whether ids are in their own order.
func ascend(ids []bson.ObjectID) bool {
	return slices.IsSortedFunc(ids, func(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) })
}

// chunk reads rows by a condition for their ids. It is not whole where more had to wait in memory than may, or where too many other rows came:
// the first ones of the rows were handed on then.
func (r *reader) chunk(ctx context.Context, ids []bson.ObjectID, condition bson.D, strangers bool) (whole bool, err error) {
	q := r.query
	stages := slices.Insert(q.stages(Projection(r.paths)), q.rows.at, any(matchIDs(condition)))
	cur, err := r.coll.Aggregate(ctx, stages, options.Aggregate().SetAllowDiskUse(true).SetBatchSize(r.fetch()))
	if err != nil {
		return false, err
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	order := arrangement{ids: ids, withStrangers: strangers, held: map[int]bson.Raw{}}
	for cur.Next(ctx) {
		if err := order.put(cur.Current, func(doc bson.Raw) error { return r.take(ctx, doc) }); err != nil {
			return false, err
		}
		if order.bytes > heldBytes || order.strangers > freeStrangers+order.next/nearRows {
			return false, nil
		}
	}
	if err := cur.Err(); err != nil {
		return false, err
	}
	if order.next < len(ids) {
		return false, errRowsChanged()
	}
	return true, nil
}

// arrangement hands documents on in the order of a list of ids.
type arrangement struct {
	ids           []bson.ObjectID
	withStrangers bool // documents may come that are not in the list: they are counted and left out
	strangers     int
	place         map[bson.ObjectID]int // of ids; made when a document is not the next one
	next          int                   // the place of the document that is handed on next
	held          map[int]bson.Raw
	bytes         int // of held
}

// find is the place of a document.
func (a *arrangement) find(doc bson.Raw) (at int, ok bool) {
	id, _ := ObjectIDOf(doc)
	if a.next < len(a.ids) && id == a.ids[a.next] {
		return a.next, true
	}
	if a.place == nil {
		a.place = make(map[bson.ObjectID]int, len(a.ids))
		for i, id := range a.ids {
			a.place[id] = i
		}
	}
	at, ok = a.place[id]
	return at, ok
}

// put takes a document. It may be overwritten when put returns.
func (a *arrangement) put(doc bson.Raw, handOn func(bson.Raw) error) error {
	at, ok := a.find(doc)
	if !ok && a.withStrangers {
		a.strangers++
		return nil
	}
	if !ok || at < a.next || a.held[at] != nil {
		return errRowsChanged()
	}
	if at > a.next {
		a.held[at] = slices.Clone(doc)
		a.bytes += len(doc)
		return nil
	}
	for doc != nil {
		if err := handOn(doc); err != nil {
			return err
		}
		a.next++
		if len(a.held) == 0 {
			return nil
		}
		doc = a.held[a.next]
		delete(a.held, a.next)
		a.bytes -= len(doc)
	}
	return nil
}

func errRowsChanged() error {
	return fault.New(fault.FiftyOne, fault.ViewChanged,
		"Samples of the view were deleted or changed while it was read: log it again when nothing changes it.")
}
