package shard

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// shardDoc is the document of a shard. A shard has a lease for each phase, so that nothing has to be put back between them.
type shardDoc struct {
	ID    shardID  `bson:"_id"`
	First int64    `bson:"first"`
	Rows  int64    `bson:"rows"`
	Spool string   `bson:"spool,omitempty"` // the slot that read it
	Read  phaseDoc `bson:"read"`
	Up    phaseDoc `bson:"up"`
}

type shardID struct {
	Job  string `bson:"j"`
	Plan string `bson:"p"`
	N    int    `bson:"n"`
}

type phaseDoc struct {
	State string   `bson:"state"` // open, held, done
	By    string   `bson:"by,omitempty"`
	Token int64    `bson:"token"`
	Tries int      `bson:"tries"`
	Turn  int      `bson:"turn"`
	Out   bson.Raw `bson:"out,omitempty"`
	Error *failure `bson:"error,omitempty"`
}

const (
	shardOpen = "open"
	shardHeld = "held"
	shardDone = "done"
)

// readDoc and upDoc are ReadOut and UpOut as they are stored.
type readDoc struct {
	Rows  int64  `bson:"rows"`
	Sum   []byte `bson:"sum"`
	State []byte `bson:"state"`
}

type upDoc struct {
	Files int64  `bson:"files"`
	Bytes int64  `bson:"bytes"`
	State []byte `bson:"state"`
}

func (m *Mongo) ofPlan(plan string) bson.M { return bson.M{"_id.j": m.id, "_id.p": plan} }

func (m *Mongo) addShards(ctx context.Context, plan string, shards []Shard) error {
	docs := make([]any, len(shards))
	for i, s := range shards {
		open := phaseDoc{State: shardOpen}
		docs[i] = shardDoc{ID: shardID{m.id, plan, s.N}, First: s.First, Rows: s.Rows, Read: open, Up: open}
	}
	if _, err := m.shards.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false)); err != nil && !mongo.IsDuplicateKeyError(err) {
		return err
	}
	_, err := m.shards.UpdateMany(ctx, m.ofPlan(plan), set(bson.M{"expires_at": expiry()}))
	return err
}

func (m *Mongo) claim(ctx context.Context, c claim) (*task, error) {
	if c.phase == phaseRead {
		return m.claimOf(ctx, c, nil)
	}
	// Those that this slot has read come first, then those that nobody has who lives: never those of another living slot.
	own, err := m.claimOf(ctx, c, m.me.ID)
	if own != nil || err != nil || c.own {
		return own, err
	}
	living, err := m.living(ctx)
	if err != nil {
		return nil, err
	}
	return m.claimOf(ctx, c, bson.M{"$nin": living})
}

func (m *Mongo) claimOf(ctx context.Context, c claim, spool any) (*task, error) {
	plan, p := c.plan, c.phase
	at := string(p) + "."
	filter := m.ofPlan(plan)
	filter[at+"tries"], filter[at+"turn"] = bson.M{"$lt": c.tries}, bson.M{"$lte": c.turn}
	if len(c.holds) > 0 {
		filter["_id.n"] = bson.M{"$nin": c.holds}
	}
	filter["$or"] = bson.A{
		bson.M{at + "state": shardOpen},
		// One that this process holds without knowing it: the answer to the claim was lost.
		bson.M{at + "state": shardHeld, at + "by": m.me.ID},
		bson.M{at + "state": shardHeld, "$expr": passed(at + "until")["$expr"]},
	}
	if spool != nil {
		filter["spool"] = spool
	}
	update := set(bson.M{at + "state": shardHeld, at + "by": literal(m.me.ID), at + "until": m.until(), "expires_at": expiry(),
		at + "token": bson.M{"$add": bson.A{"$" + at + "token", int64(1)}}, at + "tries": bson.M{"$add": bson.A{"$" + at + "tries", 1}}})
	var doc shardDoc
	err := m.shards.FindOneAndUpdate(ctx, filter, update, options.FindOneAndUpdate().SetReturnDocument(options.After).
		SetSort(bson.D{{Key: "_id.n", Value: 1}})).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	held := doc.Read
	if p == phaseUpload {
		held = doc.Up
	}
	out := &task{lease: &lease{phase: p, plan: plan, n: doc.ID.N, by: m.me.ID, token: held.Token},
		shard: Shard{N: doc.ID.N, First: doc.First, Rows: doc.Rows}}
	if p == phaseUpload {
		out.read, err = readOf(doc.Read.Out)
	}
	return out, err
}

func readOf(raw bson.Raw) (ReadOut, error) {
	var d readDoc
	err := bson.Unmarshal(raw, &d)
	return ReadOut(d), err
}

func (m *Mongo) held(l *lease) bson.M {
	at := string(l.phase) + "."
	return bson.M{"_id": shardID{m.id, l.plan, l.n}, at + "state": shardHeld, at + "by": l.by, at + "token": l.token}
}

func (m *Mongo) keep(ctx context.Context, l *lease) error {
	var res *mongo.UpdateResult
	var err error
	if l.phase == phaseLead {
		res, err = m.soon(m.jobs).UpdateOne(ctx, m.led(l), set(bson.M{"lead.until": m.until(), "expires_at": expiry()}))
	} else {
		res, err = m.soon(m.shards).UpdateOne(ctx, m.held(l), set(bson.M{string(l.phase) + ".until": m.until()}))
	}
	return lost(res, err)
}

func lost(res *mongo.UpdateResult, err error) error {
	if err == nil && res.MatchedCount == 0 {
		return ErrLost
	}
	return err
}

func (m *Mongo) done(ctx context.Context, l *lease, out any) error {
	at := string(l.phase) + "."
	fields := bson.M{at + "state": shardDone}
	switch o := out.(type) {
	case ReadOut:
		fields[at+"out"], fields["spool"] = readDoc(o), m.me.ID
	case UpOut:
		fields[at+"out"] = upDoc(o)
	}
	res, err := m.shards.UpdateOne(ctx, m.held(l), bson.M{"$set": fields, "$unset": bson.M{at + "error": ""}})
	if err = lost(res, err); !errors.Is(err, ErrLost) {
		return err
	}
	// An earlier attempt may have arrived whose answer did not.
	stored := m.held(l)
	stored[at+"state"] = shardDone
	n, err := m.shards.CountDocuments(ctx, stored, options.Count().SetLimit(1))
	if err == nil && n == 0 {
		return ErrLost
	}
	return err
}

func (m *Mongo) giveUp(ctx context.Context, l *lease, why *failure, counted bool) error {
	if l.phase == phaseLead {
		res, err := m.jobs.UpdateOne(ctx, m.led(l), set(bson.M{"lead.until": nil, "lead.by": nil}))
		return lost(res, err)
	}
	at := string(l.phase) + "."
	fields := bson.M{at + "state": shardOpen}
	if why != nil {
		fields[at+"error"] = literal(why)
	}
	if !counted {
		fields[at+"tries"] = bson.M{"$subtract": bson.A{"$" + at + "tries", 1}}
	}
	res, err := m.shards.UpdateOne(ctx, m.held(l), set(fields))
	return lost(res, err)
}

func (m *Mongo) undone(ctx context.Context, plan string, p phase, tries int) (int, *failure, error) {
	at := string(p) + "."
	filter := m.ofPlan(plan)
	filter[at+"state"] = bson.M{"$in": bson.A{shardOpen, shardHeld}}
	n, err := m.shards.CountDocuments(ctx, filter)
	if err != nil || n == 0 {
		return 0, nil, err
	}
	filter[at+"tries"] = bson.M{"$gte": tries}
	filter["$or"] = bson.A{bson.M{at + "state": shardOpen}, passed(at + "until")}
	var doc shardDoc
	err = m.shards.FindOne(ctx, filter).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return int(n), nil, nil
	}
	if err != nil {
		return int(n), nil, err
	}
	why := doc.Read.Error
	if p == phaseUpload {
		why = doc.Up.Error
	}
	if why == nil {
		why = wordless(doc.ID.N, tries)
	}
	return int(n), why, nil
}

func (m *Mongo) reopen(ctx context.Context, plan string, p phase, shards []int, turn int) error {
	at := string(p) + "."
	filter := m.ofPlan(plan)
	if shards != nil {
		filter["_id.n"] = bson.M{"$in": shards}
	}
	_, err := m.shards.UpdateMany(ctx, filter, bson.A{
		bson.M{"$set": bson.M{at + "state": shardOpen, at + "tries": 0, at + "turn": turn, at + "token": bson.M{"$add": bson.A{"$" + at + "token", int64(1)}}}},
		bson.M{"$unset": bson.A{at + "by", at + "out", at + "error"}}})
	return err
}

func (m *Mongo) counts(ctx context.Context, plan string) (Counts, error) {
	var c Counts
	living, err := m.living(ctx)
	if err != nil {
		return c, err
	}
	sum := func(p phase, what any) bson.M {
		return bson.M{"$sum": bson.M{"$cond": bson.A{bson.M{"$eq": bson.A{"$" + string(p) + ".state", shardDone}}, what, 0}}}
	}
	cur, err := m.shards.Aggregate(ctx, bson.A{
		bson.M{"$match": m.ofPlan(plan)},
		bson.M{"$group": bson.M{"_id": nil, "shards": bson.M{"$sum": 1}, "rows": bson.M{"$sum": "$rows"}, "read": sum(phaseRead, 1),
			"rowsread": sum(phaseRead, "$rows"), "uploaded": sum(phaseUpload, 1), "files": sum(phaseUpload, "$up.out.files"),
			"filebytes": sum(phaseUpload, "$up.out.bytes")}},
	})
	if err != nil {
		return c, err
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	if cur.Next(ctx) {
		err = cur.Decode(&c)
	}
	c.Slots = len(living)
	return c, errors.Join(err, cur.Err())
}

func (m *Mongo) result(ctx context.Context, plan string, n int) (*result, error) {
	var doc shardDoc
	err := m.shards.FindOne(ctx, bson.M{"_id": shardID{m.id, plan, n}}).Decode(&doc)
	if err != nil {
		return nil, noJob(err)
	}
	out := &result{pieces: pieceName(&lease{plan: plan, n: n, by: doc.Read.By, token: doc.Read.Token})}
	if out.Read, err = readOf(doc.Read.Out); err != nil {
		return nil, err
	}
	if doc.Up.Out != nil {
		var d upDoc
		err = bson.Unmarshal(doc.Up.Out, &d)
		out.Up = UpOut(d)
	}
	return out, err
}
