package shard

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// idle is work that does nothing with its shards.
type idle struct{ rows int }

func (w idle) Plan(ctx context.Context, ids IDs) (Plan, error) {
	for range w.rows {
		if err := ids.Add(ctx, bson.NewObjectID()); err != nil {
			return Plan{}, err
		}
	}
	return Plan{Mode: Local}, nil
}

func (idle) Read(_ context.Context, _ Plan, s Shard, _ Pieces) (ReadOut, error) {
	return ReadOut{Rows: s.Rows}, nil
}

func (idle) Announce(context.Context, Plan, Reads, int) (Announced, error) { return Announced{}, nil }

func (idle) Upload(context.Context, Plan, Announced, Shard, ReadOut) (UpOut, error) {
	return UpOut{}, nil
}

func (idle) Commit(ctx context.Context, _ Plan, _ Announced, _ Ups, sure func(context.Context) error) (Outcome, error) {
	return Outcome{}, sure(ctx)
}

func (idle) Finish(_ context.Context, _ Plan, o Outcome) (Outcome, error) { return o, nil }

func (idle) Abandon(context.Context, Plan) {}

// BenchmarkCoordination reports what a shard costs beside the work, once the rows are listed: a whole job of a million rows in shards of 20,000,
// by one slot.
func BenchmarkCoordination(b *testing.B) {
	const shards = 50
	var spent time.Duration
	for range b.N {
		var planned time.Time
		_, err := Run(b.Context(), newJob(b).store(), idle{shards * defaultSize}, Options{Point: func(name string) {
			if name == "plan:shards" {
				planned = time.Now()
			}
		}})
		require.NoError(b, err)
		spent += time.Since(planned)
	}
	b.ReportMetric(spent.Seconds()*1000/float64(b.N)/shards, "ms/shard")
}
