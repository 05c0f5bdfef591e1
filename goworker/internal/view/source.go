package view

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

const (
	// appName makes FiftyOne count this connection as one of its own: else the
	// last FiftyOne process to exit deletes the generated collections and the
	// non-persistent datasets that are being read here.
	appName = "fiftyone"
	// selectTimeout is how long a database may take to answer at all. FiftyOne's own driver waits 30 s; on two busy cores 11 s were seen.
	selectTimeout = 20 * time.Second
	// codeObjectTooLarge is MongoDB's code for a command of more than 16 MB.
	codeObjectTooLarge = 10334
	// fetchSize is how many documents one round trip to MongoDB brings.
	fetchSize = 1000
	// fetchIDs is the same for documents that have nothing but an _id.
	fetchIDs = 20_000
)

// Source is a connection to the database of one view.
type Source struct {
	client *mongo.Client

	drawing sync.Mutex
	drawn   []*drawnRows // by settled
}

// Connect connects to MongoDB and makes sure that it answers. Faults: no_database.
func Connect(ctx context.Context, uri secret.String) (*Source, error) {
	client, err := mongo.Connect(clientOptions(uri))
	if err != nil {
		return nil, badAddress(uri, err)
	}
	s := &Source{client: client}
	if err := client.Ping(ctx, nil); err != nil {
		s.Close()
		return nil, readFault(ctx, err)
	}
	return s, nil
}

// Close ends the connection. It does not wait for the server.
func (s *Source) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.client.Disconnect(ctx)
}

// Count counts the rows of a query. It gives up with ok == false when that takes
// longer than it is worth.
func (s *Source) Count(ctx context.Context, q Query, most time.Duration) (n int64, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	coll := s.client.Database(q.Database).Collection(q.Collection)
	if len(q.Pipeline) == 0 {
		n, err := coll.EstimatedDocumentCount(ctx)
		return n, err == nil
	}
	cur, err := coll.Aggregate(ctx, q.stages(bson.D{{Key: "$count", Value: "n"}}), options.Aggregate().SetAllowDiskUse(true))
	if err != nil {
		return 0, false
	}
	var rows []struct {
		N int64 `bson:"n"`
	}
	if err := cur.All(ctx, &rows); err != nil {
		return 0, false
	}
	if len(rows) == 0 {
		return 0, true
	}
	return rows[0].N, true
}

// readFault words an error of MongoDB. Errors of the context pass unchanged.
func readFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var server mongo.ServerError
	switch {
	case errors.As(err, &server) && (server.HasErrorCode(13) || server.HasErrorCode(18)):
		return fault.Wrap(err, fault.FiftyOne, fault.DatabaseLogin,
			"FiftyOne's database refused the login: check the user and password in FiftyOne's database_uri.")
	case errors.As(err, &server) && server.HasErrorCode(codeObjectTooLarge):
		return fault.Wrap(err, fault.FiftyOne, fault.ViewTooLarge,
			"This view is larger than MongoDB takes in one query (16 MB), so FiftyOne itself cannot iterate it: it names too many ids. Tag its samples and log match_tags() of that tag.")
	case errors.As(err, &server):
		return fault.Wrap(err, fault.FiftyOne, fault.QueryFailed,
			"FiftyOne's database could not run the view: %s. Check that the view can be iterated in FiftyOne itself.", serverText(err))
	case isTLS(err):
		return fault.Wrap(err, fault.FiftyOne, fault.DatabaseTLS,
			"No secure connection to FiftyOne's database could be made: check the options in FiftyOne's database_uri whose names begin with tls, and the certificates that they name.")
	case mongo.IsTimeout(err), mongo.IsNetworkError(err):
		return fault.Wrap(err, fault.FiftyOne, fault.NoDatabase,
			"FiftyOne's database does not answer: start MongoDB, or correct database_uri in FiftyOne's settings (FIFTYONE_DATABASE_URI).")
	}
	return fault.Wrap(err, fault.FiftyOne, fault.ReadFailed,
		"Reading the samples from FiftyOne's database failed (%T): try again, and check the database's log.", err)
}

// serverText is MongoDB's own message, cut to a length for people.
func serverText(err error) string {
	text := err.Error()
	var command mongo.CommandError
	if errors.As(err, &command) {
		text = command.Message
	}
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return text
}

// Check makes sure that the query's collection is there. Faults: dataset_deleted.
func (s *Source) Check(ctx context.Context, q Query) error {
	names, err := s.client.Database(q.Database).ListCollectionNames(ctx, bson.D{{Key: "name", Value: q.Collection}})
	if err != nil {
		return readFault(ctx, err)
	}
	if len(names) == 0 {
		return fault.New(fault.FiftyOne, fault.DatasetDeleted,
			"The dataset's samples are no longer in FiftyOne's database: the dataset, or the one generated for the view, has been deleted. Load the dataset or make the view again.")
	}
	return nil
}
