// Package sharing does a logging job on several workers: [Work] is the job in the steps of shard.Run, and a [Slot] is this worker's place in it.
// The artifact is the one that publish.Run makes, to the byte: package job tests that with whole jobs.
package sharing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Shardable is a job whose rows several workers can share: LogView, LogPredictions and LogEvaluation.
type Shardable interface{ Spec() (publish.Spec, error) }

// Work does a logging job, or this slot's part of it, for shard.Run. The files of its artifact are those that Run of the
// job makes, to the byte, however many slots there are.
//
// What is read of a shard stays in this slot's spool; its part of the table lacks the end, which depends on the types of all rows. The lead gets
// the entries of all shards, adds the ends of the parts to their MD5s and so has the artifact's digest, without the bytes.
type Work struct {
	publish.Publisher
	spool *artifact.Spool
	names int                 // of directories in the spool
	kept  map[int]*shardSpool // what this slot has read, by the shard's number
	state *planState
	raw   []byte // of state
	lead  *leadContent
	beats sharedHeartbeats

	uploading sync.Mutex // of what uploads at once use
	ownOf     string     // the version that has the files that this slot has as the lead
	own       wandb.Uploaded
}

// mostWhole is up to how many rows a view is shared whose whole pipeline has to run for each 5,000 of them.
const mostWhole = 1_000_000

// NewWork prepares a slot's part in a job. Close ends it. W&B's modes "offline" and "disabled" and dry runs are not shared.
func NewWork(j Shardable, events publish.Events) (*Work, error) {
	memory.ForTexts()
	job, err := j.Spec()
	if err != nil {
		return nil, err
	}
	job.Target.RunGiven = job.Target.RunID != ""
	job.Parts = job.Parts.OrUsual()
	if err := config.CheckArtifactLabels(job.Target.Aliases, job.Target.Tags); err != nil {
		return nil, err
	}
	if mode, err := config.ModeOf(job.Target.Settings); err != nil {
		return nil, err
	} else if mode != config.Online || job.Target.DryRun {
		return nil, fault.New(fault.Settings, fault.BadSettings,
			"Several workers cannot share a dry run, or a job that does not reach W&B (WANDB_MODE): call it without workers, or set WANDB_MODE=online on all machines.")
	}
	spool, err := artifact.NewSpool(os.TempDir())
	if err != nil {
		return nil, err
	}
	// The hosts of slots do not hear of the run: one that loses its worker would end the run of all others.
	events.RunCreated, events.RunLeftOpen = nil, nil
	w := &Work{Publisher: publish.Publisher{Spec: job, Tracker: collect.NewTracker(events.Progress), Events: events}, spool: spool, kept: map[int]*shardSpool{}}
	w.Within = w.beats.within
	return w, nil
}

// Close ends the slot's connections and removes what it has read.
func (w *Work) Close() {
	w.Publisher.Close()
	_ = w.spool.Close()
}

// Plan implements shard.Work.
func (w *Work) Plan(ctx context.Context, ids shard.IDs) (shard.Plan, error) {
	st := &planState{RunID: w.Target.RunID}
	if st.RunID == "" {
		st.RunID = publish.NewRunID(w.RunPrefix)
	}
	if err := w.connectAs(ctx, st.RunID); err != nil {
		return shard.Plan{}, err
	}
	st.NewRun, st.Entity = w.Session.Run == nil, w.Session.Ref.Entity
	c, err := w.collector()
	if err != nil {
		return shard.Plan{}, err
	}
	defer c.End()
	c.AllClasses, c.Planning = true, true
	if err := w.prepareWith(ctx, c, nil); err != nil {
		return shard.Plan{}, err
	}
	st.Found = c.Found
	chosen, err := c.Choose(ctx, w.View, w.Score)
	if err != nil {
		return shard.Plan{}, err
	}
	if chosen.Choice != nil {
		st.ChosenOf, st.ChosenRows = chosen.Choice.Of, len(chosen.Choice.IDs)
		if st.ChosenRows <= collect.MostSelected {
			for _, id := range chosen.Choice.IDs {
				st.Chosen = append(st.Chosen, id[:]...)
			}
		}
	}
	if chosen, err = c.ChoosePictures(ctx, chosen, w.Pictures); err != nil {
		return shard.Plan{}, err
	}
	st.Shown = chosen.Shown
	plan, err := w.cut(ctx, chosen, ids)
	if err != nil {
		return shard.Plan{}, err
	}
	rd, err := collect.NewReader(c, chosen)
	if err != nil {
		return shard.Plan{}, err
	}
	if _, err := w.Open(ctx, rd); err != nil {
		return shard.Plan{}, err
	}
	st.Classes = rd.Pictures.Found()
	if w.Pictures != nil {
		if st.Media, err = w.someMedia(ctx, rd.Query); err != nil {
			return shard.Plan{}, err
		}
	}
	plan.State, err = json.Marshal(st)
	return plan, err
}

// prepareWith prepares the content with what the slot that planned has found.
func (w *Work) prepareWith(ctx context.Context, c *collect.Collector, found json.RawMessage) error {
	if w.Prepare == nil {
		return nil
	}
	c.Found = found
	return w.Prepare(ctx, c)
}

// cut reads the ids of the rows, and says how they can be shared.
func (w *Work) cut(ctx context.Context, chosen collect.ChosenView, ids shard.IDs) (shard.Plan, error) {
	query, err := chosen.ChosenQuery()
	if err != nil {
		return shard.Plan{}, err
	}
	plan := shard.Plan{Mode: shard.Whole}
	if _, local := w.View.Query.Local(); local {
		plan.Mode = shard.Local
	}
	strange := false // an id is not an ObjectID
	err = w.Source.Read(ctx, query, nil, func(docs []bson.Raw) error {
		for _, doc := range chosen.OnlyChosen(docs) {
			plan.Rows++
			id, ok := view.ObjectIDOf(doc)
			if strange = strange || !ok; strange || w.InOnePiece {
				continue
			}
			if err := ids.Add(ctx, id); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	switch {
	case err != nil:
		return plan, err
	case plan.Rows == 0:
		return plan, collect.ErrEmptyView()
	case plan.Rows <= w.Parts.Whole, w.InOnePiece, strange, plan.Mode == shard.Whole && plan.Rows > mostWhole:
		plan.Mode = shard.Alone
	default:
		distinct, err := ids.Distinct(ctx)
		if err != nil {
			return plan, err
		}
		if !distinct {
			plan.Mode = shard.Alone
		}
	}
	if plan.Mode != shard.Local && query.Draws() { // no list of ids fixes the rows
		return plan, collect.ErrDrawnAgain()
	}
	return plan, nil
}

// someMedia are files of the first rows that are on this machine.
func (w *Work) someMedia(ctx context.Context, q view.Query) (paths []string, err error) {
	err = w.Source.Aggregate(ctx, q, []bson.D{
		{{Key: "$limit", Value: lookedFor}}, {{Key: "$project", Value: bson.D{{Key: "filepath", Value: 1}}}},
	}, func(row bson.Raw) {
		path, _ := row.Lookup("filepath").StringValueOK()
		if filepath.IsAbs(path) && fileIsThere(path) {
			paths = append(paths, path)
		}
	})
	return paths, err
}

func fileIsThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rows is the view with the rows that were chosen. Where these are more than collect.MostSelected, their ids are not there: nothing but
// their number counts then.
func (st *planState) rows(v collect.View) collect.ChosenView {
	if st.ChosenOf == 0 {
		return collect.ChosenView{View: v, Shown: st.Shown}
	}
	c := &collect.Choice{Of: st.ChosenOf, Selection: *v.Selection}
	for raw := range slices.Chunk(st.Chosen, len(bson.ObjectID{})) {
		c.IDs = append(c.IDs, bson.ObjectID(raw))
	}
	if len(c.IDs) == 0 {
		c.IDs = make([]bson.ObjectID, st.ChosenRows)
	}
	c.Left = len(c.IDs)
	return collect.ChosenView{View: v, Choice: c, Shown: st.Shown}
}

// enter reads the plan's state, and makes the slot's connections where it has none. What keeps this slot from both is its own.
func (w *Work) enter(ctx context.Context, plan shard.Plan) (*planState, error) {
	if w.state == nil || !bytes.Equal(w.raw, plan.State) {
		st := &planState{}
		if err := json.Unmarshal(plan.State, st); err != nil {
			return nil, shard.Leave(fault.Wrap(err, fault.Plugin, fault.Internal, "The job's plan cannot be read: it was made by another version of the plugin."))
		}
		w.state, w.raw, w.lead = st, bytes.Clone(plan.State), nil
	}
	st := w.state
	if err := w.connectAs(ctx, st.RunID); err != nil {
		return nil, leaveIfOwn(ctx, err)
	}
	if w.Session.Ref.Entity != st.Entity {
		return nil, shard.Leave(fault.New(fault.Settings, fault.NoPermission, "The W&B key on this machine logs to %s, and the job logs to %s: set the key of the same account on all machines.",
			w.Session.Ref.Entity, st.Entity))
	}
	if st.NewRun && w.Session.Run != nil {
		w.Session.Run.Created = true // by a slot of this job
	}
	return st, nil
}

// leaveIfOwn marks errors that are this slot's own.
func leaveIfOwn(ctx context.Context, err error) error {
	if e := fault.As(err); e != nil && ctx.Err() == nil && e.Source == fault.Settings {
		return shard.Leave(err)
	}
	return err
}

// connectAs makes the connections for a run of this id.
func (w *Work) connectAs(ctx context.Context, runID string) error {
	if w.Session != nil && w.Source != nil {
		return nil
	}
	w.Target.RunID = runID
	var err error
	if w.Name, err = publish.ArtifactName(w.Target.ArtifactName, w.DefaultName(runID)); err != nil {
		return err
	}
	if err = w.Connect(ctx); err != nil {
		w.Publisher.Close()
		w.Session, w.Source = nil, nil
	}
	return err
}

// collector is a new one, with a directory of its own in the spool.
func (w *Work) collector() (*collect.Collector, error) {
	w.names++
	spool, err := w.spool.Sub(fmt.Sprint(w.names))
	if err != nil {
		return nil, err
	}
	c := &collect.Collector{Source: w.Source, Spool: spool, Files: &artifact.Files{}, Tracker: collect.NewTracker(nil), RunID: w.Session.Ref.ID, Name: w.Name, Parts: w.Parts}
	c.AtEnd(func() {
		if c.Shard == nil && c.Merged == nil {
			_ = spool.Close()
		}
	})
	return c, nil
}

// hasMedia reports whether this machine has the media that the one that planned has.
func (st *planState) hasMedia() bool {
	return len(st.Media) == 0 || slices.ContainsFunc(st.Media, fileIsThere)
}

// Abandon implements shard.Work.
func (w *Work) Abandon(ctx context.Context, plan shard.Plan) {
	if len(plan.State) == 0 {
		return
	}
	st, err := w.enter(ctx, plan)
	if err != nil || !st.NewRun {
		return
	}
	w.StopHeartbeats()
	// Another slot that does not know of the end yet may post a heartbeat behind it.
	_ = w.Session.Client.FinishAbandonedRun(ctx, w.Session.Ref, 1)
}

// lookedFor is how many media files a slot looks for before it reads its first shard.
const lookedFor = 5
