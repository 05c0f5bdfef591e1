package view

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// mostDrawn is how many rows a view that draws them may have: one command names their ids, 8 MB of them.
const mostDrawn = 400_000

var (
	// drawing are the words of MongoDB by which stages give something else each time they run. FiftyOne's own take() and
	// shuffle() use none of them.
	drawing = []string{"$sample", "$sampleRate", "$rand"}
	// keepingStages choose no samples by what the documents hold.
	keepingStages = append([]string{"$sort", "$unwind", "$replaceRoot", "$replaceWith"}, documentStages...)
)

// Draws reports whether the query chooses other rows each time it runs.
func (q Query) Draws() bool { return q.drawn() > 0 }

// drawn is the number of stages up to the last one that chooses rows by chance; 0 for none.
func (q Query) drawn() (n int) {
	random := false // what the documents hold
	for i, stage := range q.Pipeline {
		name, _ := stageOf(stage)
		keeps := slices.Contains(keepingStages, name)
		switch {
		case draws(stage) && keeps:
			random = true
		case draws(stage), random && !keeps:
			n = i + 1
		}
	}
	return n
}

// draws reports whether a stage has one of the words of drawing, at any depth.
func draws(stage bson.Raw) bool {
	may := slices.ContainsFunc(drawing, func(word string) bool { return bytes.Contains(stage, append([]byte(word), 0)) })
	return may && hasKey(stage, drawing) // the texts of values, such as the path of a field, are none of these words
}

// hasKey reports whether a document or an array has one of some keys, at any depth.
func hasKey(doc bson.Raw, keys []string) bool {
	fields, err := doc.Elements()
	return err == nil && slices.ContainsFunc(fields, func(f bson.RawElement) bool {
		v := f.Value()
		nested := v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray
		return slices.Contains(keys, f.Key()) || nested && hasKey(v.Value, keys)
	})
}

// drawnRows is what a query has drawn when it was run first.
type drawnRows struct {
	query Query
	match bson.Raw // the stage that gives these rows
}

// settled is a query that gives the same rows each time. Where the query draws them, these are what this source has drawn for it, or for a
// query whose stages it begins with: a job reads a view, its parts and its frames several times.
func (s *Source) settled(ctx context.Context, q Query) (Query, error) {
	n := q.drawn()
	if n == 0 || q.rows != nil {
		return q, nil
	}
	s.drawing.Lock()
	defer s.drawing.Unlock()
	rows := s.drawnFor(q)
	if rows == nil {
		head := q
		head.Pipeline = q.Pipeline[:n]
		if _, local := head.Local(); !local {
			return q, errDrawn()
		}
		match, err := s.draw(ctx, head)
		if err != nil {
			return q, err
		}
		rows = &drawnRows{head, match}
		s.drawn = append(s.drawn, rows)
	}
	n = len(rows.query.Pipeline)
	stages := []bson.Raw{rows.match}
	for i, stage := range q.Pipeline {
		if name, _ := stageOf(stage); i >= n || name == "$sort" || !slices.Contains(selectingStages, name) {
			stages = append(stages, stage)
		}
	}
	q.Pipeline = stages
	return q, nil
}

// drawnFor is what was drawn for the stages that a query begins with; nil for nothing.
func (s *Source) drawnFor(q Query) *drawnRows {
	for _, rows := range s.drawn {
		head := rows.query
		n := len(head.Pipeline)
		same := head.Database == q.Database && head.Collection == q.Collection && n <= len(q.Pipeline)
		if same && slices.EqualFunc(head.Pipeline, q.Pipeline[:n], func(a, b bson.Raw) bool { return bytes.Equal(a, b) }) {
			return rows
		}
	}
	return nil
}

// draw runs a query, and gives the stage that matches the rows which it has drawn.
func (s *Source) draw(ctx context.Context, q Query) (bson.Raw, error) {
	cur, err := s.client.Database(q.Database).Collection(q.Collection).Aggregate(ctx,
		q.stages(bson.D{{Key: "$limit", Value: mostDrawn + 1}}, Projection(nil)), options.Aggregate().SetAllowDiskUse(true).SetBatchSize(100*fetchSize))
	if err != nil {
		return nil, readFault(ctx, err)
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	var ids bson.A
	for cur.Next(ctx) {
		id := cur.Current.Lookup("_id")
		ids = append(ids, bson.RawValue{Type: id.Type, Value: bytes.Clone(id.Value)})
	}
	if err := cur.Err(); err != nil {
		return nil, readFault(ctx, err)
	}
	if len(ids) > mostDrawn {
		return nil, errDrawn()
	}
	return bson.Marshal(matchIDs(among(ids)))
}

// errDrawn is the error of rows that are drawn in a way that cannot be repeated.
func errDrawn() error {
	return fault.New(fault.Settings, fault.BadView,
		"The view draws other samples each time it is read, by $sample, $sampleRate or $rand, and logging it takes several readings. "+
			"Choose the samples with take(n, seed=1), which gives the same ones each time.")
}
