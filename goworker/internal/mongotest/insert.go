package mongotest

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Database is the database that Insert writes to.
const Database = "test"

// Insert puts documents into a collection, which is emptied before.
func (s *Server) Insert(ctx context.Context, collection string, docs []any) error {
	return s.InsertInto(ctx, Database, collection, docs)
}

// InsertInto is Insert for another database, which is made where it is missing.
func (s *Server) InsertInto(ctx context.Context, database, collection string, docs []any) error {
	return s.with(ctx, func(client *mongo.Client) error {
		c := client.Database(database).Collection(collection)
		if err := c.Drop(ctx); err != nil {
			return err
		}
		if len(docs) == 0 {
			return client.Database(database).CreateCollection(ctx, collection)
		}
		_, err := c.InsertMany(ctx, docs)
		return err
	})
}

// Append puts documents into a collection, beside those that it has.
func (s *Server) Append(ctx context.Context, database, collection string, docs []any) error {
	return s.with(ctx, func(client *mongo.Client) error {
		_, err := client.Database(database).Collection(collection).InsertMany(ctx, docs)
		return err
	})
}

func (s *Server) with(ctx context.Context, do func(*mongo.Client) error) error {
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI.Reveal()))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	return do(client)
}
