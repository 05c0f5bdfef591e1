package sharing

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// Slot is this worker's place in a job that several workers share.
type Slot struct {
	source *view.Source
	store  *shard.Mongo
	// Request is what the job is, as the host wrote it into the job's document.
	Request []byte
}

// OpenSlot connects to FiftyOne's database and finds the job. Close ends the connection. Faults: no_database, no_job.
func OpenSlot(ctx context.Context, uri secret.String, database, id string) (*Slot, error) {
	source, err := view.Connect(ctx, uri)
	if err != nil {
		return nil, err
	}
	s := &Slot{source: source, store: shard.NewMongo(source.Database(database), id)}
	if s.Request, err = s.store.Request(ctx); err != nil {
		source.Close()
		return nil, slotFault(err)
	}
	return s, nil
}

// Close ends the slot's connection.
func (s *Slot) Close() { s.source.Close() }

// Run works on the job, which is what Request says, until it is over, and returns what it has come to, whichever slot did it.
func (s *Slot) Run(ctx context.Context, j Shardable, o shard.Options, events publish.Events) (*publish.Result, error) {
	if events.Progress != nil {
		o.Progress = func(c shard.Counts) { events.Progress(progressOf(c)) }
	}
	o.Host, _ = os.Hostname()
	o.PID = os.Getpid()
	work, err := NewWork(j, publish.Events{})
	if err != nil {
		return nil, err
	}
	defer work.Close()
	o.Size = work.Parts.Part
	outcome, err := shard.Run(ctx, s.store, work, o)
	if err != nil {
		return nil, slotFault(err)
	}
	return ResultOf(outcome)
}

// slotFault words the errors of package shard that are not faults.
func slotFault(err error) error {
	switch {
	case errors.Is(err, shard.ErrNoJob):
		return fault.Wrap(err, fault.FiftyOne, fault.NoJob,
			"The job's document is not in FiftyOne's database: it has ended more than a week ago, or it was removed. Log the view again.")
	case errors.Is(err, shard.ErrCancelled):
		return fault.Wrap(err, fault.Settings, fault.Cancelled, "The job was cancelled. Nothing was logged.")
	}
	return err
}

// progressOf is how far a shared job is, in the terms of one that is not.
func progressOf(c shard.Counts) collect.Progress {
	p := collect.Progress{RowsDone: c.RowsRead, RowsTotal: c.Rows, FilesDone: c.Files, BytesDone: c.FileBytes}
	share := 0.0
	switch c.State {
	case shard.Reading:
		p.Stage = collect.StageReading
		share = part(c.Read, c.Shards)
		p.Label = fmt.Sprintf("Reading samples: %s of %s", words.Thousands(c.RowsRead), words.Thousands(c.Rows))
	case shard.Uploading:
		p.Stage = collect.StageUploading
		share = part(c.Uploaded, c.Shards)
		p.Label = fmt.Sprintf("Uploading: %d of %d parts, %s", c.Uploaded, c.Shards, words.Bytes(c.FileBytes))
	case shard.Committed, shard.Done:
		p.Stage = collect.StageCommitting
		p.Label = "Saving the artifact"
	default:
		p.Stage = collect.StageConnecting
		p.Label = "Listing the samples"
	}
	p.Fraction = p.Stage.Reached(share)
	p.Label += fmt.Sprintf(" (%d workers)", c.Slots)
	if c.Slots == 1 {
		p.Label = p.Label[:len(p.Label)-len("s)")] + ")"
	}
	return p
}

func part(done, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(done) / float64(of)
}
