package sharing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// Upload implements shard.Work.
func (w *Work) Upload(ctx context.Context, plan shard.Plan, announced shard.Announced, s shard.Shard, read shard.ReadOut) (shard.UpOut, error) {
	var ann announcedState
	if err := json.Unmarshal(announced.State, &ann); err != nil {
		return shard.UpOut{}, err
	}
	sp, done, err := w.endShard(ctx, plan, ann, s, read)
	defer done()
	if err != nil {
		return shard.UpOut{}, err
	}
	client := w.Session.Client
	var up wandb.Uploaded
	g, uploading := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		up, err = client.UploadFiles(uploading, ann.Pending, sp.c.Files, nil)
		return err
	})
	g.Go(func() error { return w.uploadOwnBeside(uploading, ann.Pending) })
	if err := g.Wait(); err != nil {
		return shard.UpOut{}, err
	}
	state := upState{IDs: up.IDs, Births: packBirths(up.Births), Unchanged: up.Unchanged}
	if t := sp.read.tables[ann.Shown]; t != nil {
		if shown, err := client.UploadTableCopy(ctx, w.Session.Ref, publish.CopyOf(t)); err == nil {
			state.Shown = &shown
		} else if ctx.Err() == nil {
			state.NotShown = err.Error()
		}
	}
	raw, err := json.Marshal(state)
	return shard.UpOut{Files: up.Files, Bytes: up.Bytes, State: raw}, errors.Join(err, ctx.Err())
}

// endShard ends the files of a shard, which is read again where this slot does not have it, and keeps the run alive until done is called. One call
// does this at a time: to read takes all cores.
func (w *Work) endShard(ctx context.Context, plan shard.Plan, ann announcedState, s shard.Shard, read shard.ReadOut) (sp *shardSpool, done func(), err error) {
	w.uploading.Lock()
	defer w.uploading.Unlock()
	st, err := w.enter(ctx, plan)
	if err != nil {
		return nil, func() {}, err
	}
	done = w.keepRunAlive(ctx, st)
	if w.kept[s.N] == nil {
		again, err := w.readShard(ctx, plan, st, s, nil)
		if err != nil {
			return nil, done, err
		}
		if !bytes.Equal(again.Sum, read.Sum) {
			return nil, done, collect.ErrNotSame()
		}
	}
	sp = w.kept[s.N]
	return sp, done, sp.end(ann)
}

// uploadOwnBeside uploads what the lead has itself beside the first shard that it uploads, if this slot is the one that has announced.
func (w *Work) uploadOwnBeside(ctx context.Context, p wandb.Pending) error {
	w.uploading.Lock()
	l := w.lead
	if l == nil || w.ownOf == p.ID {
		w.uploading.Unlock()
		return nil
	}
	w.ownOf = p.ID
	w.uploading.Unlock()
	own, err := l.own()
	var up wandb.Uploaded
	if err == nil {
		up, err = w.Session.Client.UploadFiles(ctx, p, own, nil)
	}
	w.uploading.Lock()
	defer w.uploading.Unlock()
	if err != nil {
		w.ownOf = ""
		return err
	}
	w.own = up
	return nil
}

// end writes the ends of the tables' parts, which are then files of the artifact.
func (sp *shardSpool) end(ann announcedState) error {
	if sp.ended {
		return nil
	}
	for key, t := range sp.read.tables {
		whole := ann.Tables[key]
		_, paths := table.Layout(key, whole.Parts)
		first := int(sp.read.n)
		for i, part := range t.Parts {
			if first+i >= len(paths) {
				return fault.New(fault.Plugin, fault.Internal, "The table %s has more parts than were announced.", key)
			}
			if _, err := part.Write(table.Footer(len(t.Columns), t.Done.Parts[i], whole.Types)); err != nil {
				return err
			}
			if err := part.Close(); err != nil {
				return err
			}
			if err := sp.c.Files.Add(part.Entry(paths[first+i])); err != nil {
				return err
			}
		}
	}
	sp.ended = true
	return nil
}
