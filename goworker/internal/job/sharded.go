package job

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
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Shardable is a job whose rows several workers can share: LogView, LogPredictions and LogEvaluation.
type Shardable interface{ spec() (spec, error) }

// Sharded does a logging job, or this slot's part of it, for shard.Run. The files of its artifact are those that Run of the
// job makes, to the byte, however many slots there are.
//
// What is read of a shard stays in this slot's spool; its part of the table lacks the end, which depends on the types of all rows. The lead gets
// the entries of all shards, adds the ends of the parts to their MD5s and so has the artifact's digest, without the bytes.
type Sharded struct {
	publisher
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

// planState is what all slots have to know of the job beside its request.
type planState struct {
	RunID string `json:"run_id"`
	// NewRun says that the run was not there before.
	NewRun bool   `json:"new_run,omitempty"`
	Entity string `json:"entity"`
	// Chosen are the ids of the rows that were chosen of a view, as far as these are no more than mostSelected, ChosenRows is how many
	// they are, and ChosenOf how many rows the view has. See choice.
	Chosen     []byte `json:"chosen,omitempty"`
	ChosenRows int    `json:"chosen_rows,omitempty"`
	ChosenOf   int64  `json:"chosen_of,omitempty"`
	// Shown are the rows that show pictures; nil for all.
	Shown *shownRows `json:"shown,omitempty"`
	// Media are files of some rows that are there on the machine that planned.
	Media   []string         `json:"media,omitempty"`
	Classes *picture.Classes `json:"classes,omitempty"`
	// Texts are the columns of each table that have to be texts, and Shapes those of the vectors, which is known when all rows were read.
	Texts  map[string][]int `json:"texts,omitempty"`
	Shapes map[string][]int `json:"shapes,omitempty"`
	// Found is the collector's.
	Found json.RawMessage `json:"found,omitempty"`
}

// mostWhole is up to how many rows a view is shared whose whole pipeline has to run for each 5,000 of them.
const mostWhole = 1_000_000

// lookedFor is how many media files a slot looks for before it reads its first shard.
const lookedFor = 5

// NewSharded prepares a slot's part in a job. Close ends it. W&B's modes "offline" and "disabled" and dry runs are not shared.
func NewSharded(j Shardable, events Events) (*Sharded, error) {
	memory.ForTexts()
	job, err := j.spec()
	if err != nil {
		return nil, err
	}
	job.target.RunGiven = job.target.RunID != ""
	job.parts = job.parts.orUsual()
	if err := config.CheckArtifactLabels(job.target.Aliases, job.target.Tags); err != nil {
		return nil, err
	}
	if mode, err := config.ModeOf(job.target.Settings); err != nil {
		return nil, err
	} else if mode != config.Online || job.target.DryRun {
		return nil, fault.New(fault.Settings, fault.BadSettings,
			"Several workers cannot share a dry run, or a job that does not reach W&B (WANDB_MODE): call it without workers, or set WANDB_MODE=online on all machines.")
	}
	spool, err := artifact.NewSpool(os.TempDir())
	if err != nil {
		return nil, err
	}
	// The hosts of slots do not hear of the run: one that loses its worker would end the run of all others.
	events.RunCreated, events.RunLeftOpen = nil, nil
	w := &Sharded{publisher: publisher{spec: job, tracker: newTracker(events.Progress), events: events}, spool: spool, kept: map[int]*shardSpool{}}
	w.within = w.beats.within
	return w, nil
}

// Close ends the slot's connections and removes what it has read.
func (w *Sharded) Close() {
	w.close()
	_ = w.spool.Close()
}

// Plan implements shard.Work.
func (w *Sharded) Plan(ctx context.Context, ids shard.IDs) (shard.Plan, error) {
	st := &planState{RunID: w.target.RunID}
	if st.RunID == "" {
		st.RunID = newRunID(w.runPrefix)
	}
	if err := w.connectAs(ctx, st.RunID); err != nil {
		return shard.Plan{}, err
	}
	st.NewRun, st.Entity = w.session.run == nil, w.session.ref.Entity
	c, err := w.collector()
	if err != nil {
		return shard.Plan{}, err
	}
	defer c.end()
	c.allClasses, c.planning = true, true
	if err := w.prepareWith(ctx, c, nil); err != nil {
		return shard.Plan{}, err
	}
	st.Found = c.found
	chosen, err := c.choose(ctx, w.view, w.score)
	if err != nil {
		return shard.Plan{}, err
	}
	if chosen.choice != nil {
		st.ChosenOf, st.ChosenRows = chosen.choice.of, len(chosen.choice.ids)
		if st.ChosenRows <= mostSelected {
			for _, id := range chosen.choice.ids {
				st.Chosen = append(st.Chosen, id[:]...)
			}
		}
	}
	if chosen, err = c.choosePictures(ctx, chosen, w.pictures); err != nil {
		return shard.Plan{}, err
	}
	st.Shown = chosen.shown
	plan, err := w.cut(ctx, chosen, ids)
	if err != nil {
		return shard.Plan{}, err
	}
	rd, err := newReader(c, chosen)
	if err != nil {
		return shard.Plan{}, err
	}
	if _, err := w.open(ctx, rd); err != nil {
		return shard.Plan{}, err
	}
	st.Classes = rd.pictures.Found()
	if w.pictures != nil {
		if st.Media, err = w.someMedia(ctx, rd.query); err != nil {
			return shard.Plan{}, err
		}
	}
	plan.State, err = json.Marshal(st)
	return plan, err
}

// prepareWith prepares the content with what the slot that planned has found.
func (w *Sharded) prepareWith(ctx context.Context, c *collector, found json.RawMessage) error {
	if w.prepare == nil {
		return nil
	}
	c.found = found
	return w.prepare(ctx, c)
}

// cut reads the ids of the rows, and says how they can be shared.
func (w *Sharded) cut(ctx context.Context, chosen chosenView, ids shard.IDs) (shard.Plan, error) {
	query, err := chosen.query()
	if err != nil {
		return shard.Plan{}, err
	}
	plan := shard.Plan{Mode: shard.Whole}
	if _, local := w.view.Query.Local(); local {
		plan.Mode = shard.Local
	}
	strange := false // an id is not an ObjectID
	err = w.source.Read(ctx, query, nil, func(docs []bson.Raw) error {
		for _, doc := range chosen.onlyChosen(docs) {
			plan.Rows++
			id, ok := view.ObjectIDOf(doc)
			if strange = strange || !ok; strange || w.inOnePiece {
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
		return plan, errEmptyView()
	case plan.Rows <= w.parts.Whole, w.inOnePiece, strange, plan.Mode == shard.Whole && plan.Rows > mostWhole, !ids.Distinct():
		plan.Mode = shard.Alone
	}
	if plan.Mode != shard.Local && query.Draws() { // no list of ids fixes the rows
		return plan, errDrawnAgain()
	}
	return plan, nil
}

// someMedia are files of the first rows that are on this machine.
func (w *Sharded) someMedia(ctx context.Context, q view.Query) (paths []string, err error) {
	err = w.source.Aggregate(ctx, q, []bson.D{
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

// rows is the view with the rows that were chosen. Where these are more than mostSelected, their ids are not there: nothing but
// their number counts then.
func (st *planState) rows(v View) chosenView {
	if st.ChosenOf == 0 {
		return chosenView{View: v, shown: st.Shown}
	}
	c := &choice{of: st.ChosenOf, Selection: *v.Selection}
	for raw := range slices.Chunk(st.Chosen, len(bson.ObjectID{})) {
		c.ids = append(c.ids, bson.ObjectID(raw))
	}
	if len(c.ids) == 0 {
		c.ids = make([]bson.ObjectID, st.ChosenRows)
	}
	c.left = len(c.ids)
	return chosenView{View: v, choice: c, shown: st.Shown}
}

// enter reads the plan's state, and makes the slot's connections where it has none. What keeps this slot from both is its own.
func (w *Sharded) enter(ctx context.Context, plan shard.Plan) (*planState, error) {
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
	if w.session.ref.Entity != st.Entity {
		return nil, shard.Leave(fault.New(fault.Settings, fault.NoPermission, "The W&B key on this machine logs to %s, and the job logs to %s: set the key of the same account on all machines.",
			w.session.ref.Entity, st.Entity))
	}
	if st.NewRun && w.session.run != nil {
		w.session.run.Created = true // by a slot of this job
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
func (w *Sharded) connectAs(ctx context.Context, runID string) error {
	if w.session != nil && w.source != nil {
		return nil
	}
	w.target.RunID = runID
	var err error
	if w.name, err = artifactName(w.target.ArtifactName, w.defaultName(runID)); err != nil {
		return err
	}
	if err = w.connect(ctx); err != nil {
		w.publisher.close()
		w.session, w.source = nil, nil
	}
	return err
}

// collector is a new one, with a directory of its own in the spool.
func (w *Sharded) collector() (*collector, error) {
	w.names++
	spool, err := w.spool.Sub(fmt.Sprint(w.names))
	if err != nil {
		return nil, err
	}
	c := &collector{source: w.source, spool: spool, files: &artifact.Files{}, tracker: newTracker(nil), runID: w.session.ref.ID, name: w.name, parts: w.parts}
	c.AtEnd(func() {
		if c.shard == nil && c.merged == nil {
			_ = spool.Close()
		}
	})
	return c, nil
}

// hasMedia reports whether this machine has the media that the one that planned has.
func (st *planState) hasMedia() bool {
	return len(st.Media) == 0 || slices.ContainsFunc(st.Media, fileIsThere)
}

// Read implements shard.Work.
func (w *Sharded) Read(ctx context.Context, plan shard.Plan, s shard.Shard, pieces shard.Pieces) (shard.ReadOut, error) {
	st, err := w.enter(ctx, plan)
	if err != nil {
		return shard.ReadOut{}, err
	}
	if len(w.kept) == 0 && !st.hasMedia() {
		return shard.ReadOut{}, shard.Leave(fault.New(fault.Settings, fault.UnreadableFile,
			"The media files are not on this machine (%s): mount them at the same path on all machines, or run the job on fewer.", st.Media[0]))
	}
	return w.readShard(ctx, plan, st, s, pieces)
}

// Abandon implements shard.Work.
func (w *Sharded) Abandon(ctx context.Context, plan shard.Plan) {
	if len(plan.State) == 0 {
		return
	}
	st, err := w.enter(ctx, plan)
	if err != nil || !st.NewRun {
		return
	}
	w.stopSigns()
	// Another slot that does not know of the end yet may post a heartbeat behind it.
	_ = w.session.client.FinishAbandonedRun(ctx, w.session.ref, 1)
}
