package view

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Aggregate runs further stages after the query's, and calls row with each document of the result, which is
// valid until row returns. It is for results of a few thousand small documents, unlike Read. Faults: no_database,
// query_failed, bad_view.
func (s *Source) Aggregate(ctx context.Context, q Query, stages []bson.D, row func(bson.Raw)) error {
	q, err := s.settled(ctx, q)
	if err != nil {
		return err
	}
	more := make([]any, len(stages))
	for i, stage := range stages {
		more[i] = stage
	}
	coll := s.client.Database(q.Database).Collection(q.Collection)
	cur, err := coll.Aggregate(ctx, q.stages(more...), options.Aggregate().SetAllowDiskUse(true).SetBatchSize(fetchSize))
	if err != nil {
		return readFault(ctx, err)
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	for cur.Next(ctx) {
		row(cur.Current)
	}
	if err := cur.Err(); err != nil {
		return readFault(ctx, err)
	}
	return nil
}
