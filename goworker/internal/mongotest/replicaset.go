package mongotest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
)

// setName is the name of the replica sets.
const setName = "test"

// readyTime is how long a replica set may take until it has a primary.
const readyTime = time.Minute

// StartReplicaSet is Start for a replica set of two servers, the URI of which the result has. Stop ends both.
func StartReplicaSet() (*Server, error) {
	first, err := start("--replSet", setName, "--oplogSize", "16")
	if err != nil {
		return nil, err
	}
	if first.second, err = start("--replSet", setName, "--oplogSize", "16"); err == nil {
		err = first.initiate()
	}
	if err != nil {
		first.Stop()
		return nil, err
	}
	return first, nil
}

// initiate makes the two servers one set, and waits for its primary.
func (s *Server) initiate() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	var members bson.A
	var hosts []string
	for i, m := range []*Server{s, s.second} {
		host := fmt.Sprintf("127.0.0.1:%d", m.port)
		hosts, members = append(hosts, host), append(members, bson.M{"_id": i, "host": host})
	}
	config := bson.D{{Key: "replSetInitiate", Value: bson.M{"_id": setName, "members": members,
		"settings": bson.M{"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200}}}}
	if err := s.with(ctx, func(c *mongo.Client) error { return c.Database("admin").RunCommand(ctx, config).Err() }); err != nil {
		return err
	}
	s.URI = secret.String(fmt.Sprintf("mongodb://%s/?replicaSet=%s", strings.Join(hosts, ","), setName))
	return s.with(ctx, func(c *mongo.Client) error { return c.Ping(ctx, nil) }) // waits for a primary
}

// FailOver has the other server of a replica set become its primary.
func (s *Server) FailOver(ctx context.Context) error {
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI.Reveal()))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	step := bson.D{{Key: "replSetStepDown", Value: 2}, {Key: "secondaryCatchUpPeriodSecs", Value: 1}, {Key: "force", Value: true}}
	return client.Database("admin").RunCommand(ctx, step).Err()
}
