// Package shard lets several workers, on as many machines, do one job: it cuts the job's rows into shards, leases shards to
// slots (a slot is one worker), and takes the job from state to state, so that whatever dies, the job is committed once or
// not at all.
//
// It knows nothing of W&B or of tables. What a shard's rows become is the matter of a [Work]; where the job's state is kept
// is that of a [Store]: MongoDB for many slots ([NewMongo]), memory for one ([NewMemory]). [Run] is the loop of one slot, the
// same for both.
package shard

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Mode says how the rows of a shard are read.
type Mode string

// The modes. A view is never cut by $skip and $limit, which lose rows where a sort has ties.
const (
	// Local reads rows by {_id: {$in: …}} and the stages that change single documents: neither the stages that choose rows
	// ($match, $limit, $skip, $sample) nor those that sort.
	Local Mode = "local"
	// Whole runs the view's whole pipeline with {$match: {_id: {$in: …}}} behind it.
	Whole Mode = "whole"
	// Alone reads all rows in one cursor: there is one shard, and [Shard.IDs] is nil.
	Alone Mode = "alone"
)

// Plan is what the lead decides once, for all slots.
type Plan struct {
	Mode Mode
	// Rows is the number of rows. Run sets it to the number of ids that were added, except for Alone.
	Rows int64
	// Shards is their number. Run sets it.
	Shards int
	// State is the job's own, such as the classes, the id of the run and the rows that were chosen: at most 8 MB. A RereadError changes it.
	State []byte
}

// Shard is a part of the rows.
type Shard struct {
	// N counts shards from 0, in the order of the rows.
	N int
	// First is the position of the shard's first row in the view, from 0; Rows is how many it has.
	First, Rows int64
	// IDs reads the _id of its rows, in the view's order, all different, from the store. Nil for Alone. An upload of what the slot has read
	// itself needs none.
	IDs func(ctx context.Context) ([]bson.ObjectID, error)
}

// IDs takes the ids of all rows, in the view's order.
type IDs interface {
	// Add takes the next one.
	Add(ctx context.Context, id bson.ObjectID) error
	// Len is how many were added.
	Len() int64
	// Distinct reports whether no id was added twice. Call it at the end: it may have to sort all of them.
	Distinct(ctx context.Context) (bool, error)
}

// Pieces keeps what is too large for [ReadOut.State], such as the entries and the ids of a shard: any number of pieces of
// some kind, each at most 8 MB. They are stored under the token of the reading, so that of a reading that was given up
// nothing is ever seen.
type Pieces interface {
	// Put stores the next piece of a kind. A kind is a short word of letters.
	Put(ctx context.Context, kind string, piece []byte) error
}

// ReadOut is what was read of a shard. Reading the shard again gives the same, or the rows have changed.
type ReadOut struct {
	Rows int64
	// Sum is a checksum of all that the reading has given: it is compared where a shard is read again.
	Sum []byte
	// State is the job's own, at most 1 MB.
	State []byte
}

// Reads is what was read of all shards.
type Reads interface {
	// Len is the number of shards.
	Len() int
	// Read is the outcome of shard n.
	Read(ctx context.Context, n int) (ReadOut, error)
	// Pieces calls fn with the pieces of a kind of shard n, in the order in which they were put. A piece is valid until fn returns.
	Pieces(ctx context.Context, n int, kind string, fn func(piece []byte) error) error
}

// Announced is what was announced to W&B.
type Announced struct {
	// Unchanged says that nothing has to be uploaded or committed: Outcome is that of the job.
	Unchanged bool
	Outcome   Outcome
	// State is the job's own, such as the artifact's id and the types of the columns: at most 1 MB.
	State []byte
}

// UpOut is what the upload of one shard has come to.
type UpOut struct {
	Files, Bytes int64 // that went up
	// State is the job's own, at most 1 MB.
	State []byte
}

// Ups is what was uploaded of all shards.
type Ups interface {
	Reads
	// Up is the outcome of the upload of shard n.
	Up(ctx context.Context, n int) (UpOut, error)
}

// Outcome is what the job has come to: every slot's Run returns it, whoever committed.
type Outcome struct {
	// State is the job's own, at most 1 MB.
	State []byte
}

// Work is what a job does for the loop. One slot calls one method at a time, but for Upload, of which it makes some calls at once for shards that it
// has read. Each may be called again, in this slot or in
// another one, until its outcome was stored, and gives the same then. A context that ends says that the lease is lost or the
// job is over: what is under way ends soon, and its outcome is thrown away.
//
// Errors: what [Leave] and [Rebase] make is as they say; with view_changed and file_changed the job fails. Any other error of Read or Upload costs the shard one
// of its tries, of which it has [Options.Tries]; of Plan, Announce and Commit the job fails with it, unless the database did not answer.
type Work interface {
	// Plan runs in the lead. It adds the ids of all rows to ids (none for Alone), and says how they are read.
	Plan(ctx context.Context, ids IDs) (Plan, error)
	// Read reads a shard into the slot's spool.
	Read(ctx context.Context, plan Plan, s Shard, pieces Pieces) (ReadOut, error)
	// Announce runs in the lead, when all shards were read. It merges what was read, makes the artifact's digest and creates
	// the artifact, or finds that W&B has it. Attempt is 0, and one more after each Rebase. It may return a RereadError.
	Announce(ctx context.Context, plan Plan, reads Reads, attempt int) (Announced, error)
	// Upload uploads what W&B lacks of one shard. Where the slot has not read the shard itself, Upload reads it again and
	// compares with what was read before: other rows are view_changed.
	Upload(ctx context.Context, plan Plan, announced Announced, s Shard, read ReadOut) (UpOut, error)
	// Commit runs in the lead, when all shards were uploaded. Before it does what cannot be taken back, it calls sure, which
	// looks once more whether this slot has the lead and nobody has cancelled, and returns its error. It first asks whether an
	// earlier lead has committed.
	Commit(ctx context.Context, plan Plan, announced Announced, ups Ups, sure func(context.Context) error) (Outcome, error)
	// Finish runs in the lead when the job is committed or was found unchanged: the run's config and its end, and whatever else
	// may be done twice. Its error is logged and does not fail the job. The outcome that it returns is stored in place of the one it got.
	Finish(ctx context.Context, plan Plan, outcome Outcome) (Outcome, error)
	// Abandon runs in a slot whose job has failed or was cancelled, in that one which brought the job to it: it marks the run
	// as failed. The plan is empty where there is none yet.
	Abandon(ctx context.Context, plan Plan)
}
