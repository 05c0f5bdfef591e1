package shard

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// bulkDoc is a document of wandb.bulk.<job>, which is dropped as a whole when the job is over.
type bulkDoc struct {
	ID   bulkID `bson:"_id"`
	Data []byte `bson:"data"`
}

type bulkID struct {
	Name string `bson:"name"`
	Part int    `bson:"part"`
}

func (m *Mongo) putBulk(ctx context.Context, name string, part int, data []byte) error {
	id := bulkID{name, part}
	_, err := m.rows.ReplaceOne(ctx, bson.M{"_id": id}, bulkDoc{id, data}, options.Replace().SetUpsert(true))
	return err
}

func (m *Mongo) bulk(ctx context.Context, name string, from, to int, fn func(data []byte) error) error {
	cur, err := m.rows.Find(ctx, bson.M{"_id": bson.M{"$gte": bulkID{name, from}, "$lt": bulkID{name, to}}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return err
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	for cur.Next(ctx) {
		// Not decoded: that would copy a megabyte for nothing.
		_, data, ok := cur.Current.Lookup("data").BinaryOK()
		if !ok {
			return fault.New(fault.FiftyOne, fault.Internal, "What a shared job has put into FiftyOne's database is damaged: run the job again.")
		}
		if err := fn(data); err != nil {
			return err
		}
	}
	return cur.Err()
}

func (m *Mongo) dropBulk(ctx context.Context) error { return m.rows.Drop(ctx) }
