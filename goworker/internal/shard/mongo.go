package shard

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// The collections. Documents of the first three go by themselves when nothing has moved for a week.
const (
	jobsCollection   = "wandb.jobs"
	shardsCollection = "wandb.shards"
	slotsCollection  = "wandb.slots"
	bulkPrefix       = "wandb.bulk."
)

const expireAfter = 7 * 24 * 3600 * 1000 // milliseconds

// Mongo is the store of a job in FiftyOne's database, which the slots of the job share. It writes with majority and journal, and takes all
// times from the server ($$NOW): the slots' clocks do not matter.
type Mongo struct {
	db                        *mongo.Database
	jobs, shards, slots, rows *mongo.Collection
	id                        string
	me                        sign
	lease                     int64 // milliseconds
}

// NewMongo is the store of the job with this id, whose document {_id, state: "planning"} is in the collection wandb.jobs already.
func NewMongo(db *mongo.Database, id string) *Mongo {
	journal := true
	safe := &writeconcern.WriteConcern{W: "majority", Journal: &journal}
	db = db.Client().Database(db.Name(), options.Database().SetWriteConcern(safe).
		SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary()))
	return &Mongo{db: db, id: id, jobs: db.Collection(jobsCollection), shards: db.Collection(shardsCollection),
		slots: db.Collection(slotsCollection), rows: db.Collection(bulkPrefix + id)}
}

// Request is what the job's document says is to be done: bytes of whoever made it.
func (m *Mongo) Request(ctx context.Context) ([]byte, error) {
	var doc struct {
		Request []byte `bson:"request"`
	}
	err := m.jobs.FindOne(ctx, m.self(), options.FindOne().SetProjection(bson.M{"request": 1})).Decode(&doc)
	return doc.Request, noJob(err)
}

func (m *Mongo) open(ctx context.Context, me sign, lease time.Duration) error {
	m.me, m.lease = me, lease.Milliseconds()
	expire := mongo.IndexModel{Keys: bson.D{{Key: "expires_at", Value: 1}}, Options: options.Index().SetExpireAfterSeconds(0)}
	of := func(p phase) mongo.IndexModel {
		return mongo.IndexModel{Keys: bson.D{{Key: "_id.j", Value: 1}, {Key: "_id.p", Value: 1}, {Key: string(p) + ".state", Value: 1}, {Key: "_id.n", Value: 1}}}
	}
	for coll, models := range map[*mongo.Collection][]mongo.IndexModel{
		m.jobs: {expire}, m.shards: {expire, of(phaseRead), of(phaseUpload)},
		m.slots: {expire, {Keys: bson.D{{Key: "_id.j", Value: 1}}}},
	} {
		if _, err := coll.Indexes().CreateMany(ctx, models); err != nil {
			return err
		}
	}
	return m.sweep(ctx)
}

// sweep drops the rows and pieces of jobs whose document is gone.
func (m *Mongo) sweep(ctx context.Context) error {
	names, err := m.db.ListCollectionNames(ctx, bson.M{"name": bson.M{"$regex": `^wandb\.bulk\.`}})
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := m.jobs.CountDocuments(ctx, bson.M{"_id": name[len(bulkPrefix):]}, options.Count().SetLimit(1))
		if err != nil {
			return err
		}
		if n == 0 {
			if err := m.db.Collection(name).Drop(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// ---- times, all of them the server's

func (m *Mongo) until() bson.M   { return bson.M{"$add": bson.A{"$$NOW", m.lease}} }
func expiry() bson.M             { return bson.M{"$add": bson.A{"$$NOW", int64(expireAfter)}} }
func passed(field string) bson.M { return bson.M{"$expr": bson.M{"$lt": bson.A{"$" + field, "$$NOW"}}} }

// soon is a collection whose writes need not outlive a crash: a renewal that is forgotten ends a lease early, and what its holder stores is still judged.
func (m *Mongo) soon(c *mongo.Collection) *mongo.Collection {
	return m.db.Collection(c.Name(), options.Collection().SetWriteConcern(writeconcern.W1()))
}

func (m *Mongo) self() bson.M { return bson.M{"_id": m.id} }

// set is an update whose values are expressions.
func set(fields bson.M) bson.A { return bson.A{bson.M{"$set": fields}} }

func literal(value any) bson.M { return bson.M{"$literal": value} }

// ---- the job

func (m *Mongo) job(ctx context.Context) (*job, error) {
	out := &job{}
	hidden := bson.M{"plan_state": 0, "announced_state": 0, "outcome": 0, "request": 0}
	err := m.jobs.FindOne(ctx, m.self(), options.FindOne().SetProjection(hidden)).Decode(out)
	return out, noJob(err)
}

func (m *Mongo) states(ctx context.Context) (states, error) {
	var out states
	shown := bson.M{"plan_state": 1, "announced_state": 1, "outcome": 1}
	err := m.jobs.FindOne(ctx, m.self(), options.FindOne().SetProjection(shown)).Decode(&out)
	return out, noJob(err)
}

func (m *Mongo) lead(ctx context.Context, state State) (*lease, error) {
	filter := bson.M{"_id": m.id, "state": state, "$or": bson.A{
		bson.M{"lead.until": nil}, bson.M{"lead.by": m.me.ID}, passed("lead.until")}}
	update := set(bson.M{"expires_at": expiry(), "lead": bson.M{"by": literal(m.me.ID), "until": m.until(),
		"token": bson.M{"$add": bson.A{bson.M{"$ifNull": bson.A{"$lead.token", 0}}, int64(1)}}}})
	var got struct {
		Lead struct {
			Token int64 `bson:"token"`
		} `bson:"lead"`
	}
	err := m.jobs.FindOneAndUpdate(ctx, filter, update, options.FindOneAndUpdate().SetReturnDocument(options.After).
		SetProjection(bson.M{"lead": 1})).Decode(&got)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &lease{phase: phaseLead, state: state, by: m.me.ID, token: got.Lead.Token}, nil
}

// led is the filter of what only the lead may do.
func (m *Mongo) led(l *lease) bson.M {
	return bson.M{"_id": m.id, "state": l.state, "lead.by": l.by, "lead.token": l.token}
}

func (m *Mongo) advance(ctx context.Context, l *lease, to State, c change) error {
	fields := bson.M{"state": literal(to), "lead.until": nil, "lead.by": nil, "expires_at": expiry(),
		"moved": bson.M{"by": literal(l.by), "token": l.token}}
	for name, value := range c {
		fields[name] = literal(value)
	}
	res, err := m.jobs.UpdateOne(ctx, m.led(l), set(fields))
	if err != nil {
		return err
	}
	if res.MatchedCount == 1 {
		return nil
	}
	// An earlier attempt may have arrived whose answer did not.
	j, err := m.job(ctx)
	if err != nil {
		return err
	}
	if j.State == to && j.Moved == (moveOfJob{l.by, l.token}) {
		return nil
	}
	return ErrLost
}

func (m *Mongo) amend(ctx context.Context, l *lease, c change) error {
	fields := bson.M{"lead.until": m.until(), "expires_at": expiry()}
	for name, value := range c {
		fields[name] = literal(value)
	}
	res, err := m.jobs.UpdateOne(ctx, m.led(l), set(fields))
	return lost(res, err)
}

func (m *Mongo) sure(ctx context.Context, l *lease) error {
	going := m.led(l)
	going["cancel"] = bson.M{"$ne": true}
	res, err := m.jobs.UpdateOne(ctx, going, set(bson.M{"committing": true, "lead.until": m.until()}))
	if err != nil || res.MatchedCount == 1 {
		return err
	}
	res, err = m.jobs.UpdateOne(ctx, m.led(l), set(bson.M{"committing": false}))
	if err = lost(res, err); err != nil {
		return err
	}
	return ErrCancelled
}

func (m *Mongo) end(ctx context.Context, to State, why *failure) (bool, error) {
	from := bson.A{Planning, Reading, Uploading}
	fields := bson.M{"state": literal(to), "expires_at": expiry(), "ended_by": literal(m.me.ID)}
	if why != nil {
		fields["error"] = literal(why)
	}
	filter := bson.M{"_id": m.id, "$or": bson.A{bson.M{"state": bson.M{"$in": from}}, bson.M{"state": to, "ended_by": m.me.ID}}}
	if to == Cancelled {
		filter["cancel"], filter["committing"] = true, bson.M{"$ne": true}
	}
	res, err := m.jobs.UpdateOne(ctx, filter, set(fields))
	return err == nil && res.MatchedCount == 1, err
}

// ---- heartbeats

func (m *Mongo) slot() bson.D { return bson.D{{Key: "j", Value: m.id}, {Key: "s", Value: m.me.ID}} }

func (m *Mongo) signOn(ctx context.Context) error {
	fields := bson.M{"slot": m.me.Slot, "host": literal(m.me.Host), "pid": m.me.PID, "operation": literal(m.me.Operation),
		"until": m.until(), "expires_at": expiry(), "ended": false}
	_, err := m.soon(m.slots).UpdateOne(ctx, bson.M{"_id": m.slot()}, set(fields), options.UpdateOne().SetUpsert(true))
	return err
}

func (m *Mongo) signOff(ctx context.Context, note string) error {
	_, err := m.slots.UpdateOne(ctx, bson.M{"_id": m.slot()}, set(bson.M{"until": "$$NOW", "ended": true, "note": literal(note)}))
	return err
}

func (m *Mongo) living(ctx context.Context) ([]string, error) {
	cur, err := m.slots.Find(ctx, bson.M{"_id.j": m.id, "$expr": bson.M{"$gt": bson.A{"$until", "$$NOW"}}},
		options.Find().SetProjection(bson.M{"_id": 1}))
	if err != nil {
		return nil, err
	}
	var docs []struct {
		ID struct {
			S string `bson:"s"`
		} `bson:"_id"`
	}
	if err := cur.All(ctx, &docs); err != nil {
		return nil, err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID.S
	}
	return ids, nil
}

// noJob is the error for a document that is not there.
func noJob(err error) error {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return ErrNoJob
	}
	return err
}
