package sharing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// ResultOf is the result of a job whose Work was Work.
func ResultOf(outcome shard.Outcome) (*publish.Result, error) {
	var st outcomeState
	if err := json.Unmarshal(outcome.State, &st); err != nil {
		return nil, fault.Wrap(err, fault.Plugin, fault.Internal, "The job's result cannot be read: another version of the plugin has written it.")
	}
	values, err := readValues(st.Values)
	if err == nil && values != nil {
		values.to(&st.Result)
	}
	return &st.Result, err
}

// content is the artifact's content, which this slot may have made already.
func (w *Work) content(ctx context.Context, plan shard.Plan, reads shard.Reads) (*planState, *leadContent, error) {
	st, err := w.enter(ctx, plan)
	if err == nil && w.lead == nil {
		w.lead, err = w.merge(ctx, plan, st, reads)
	}
	return st, w.lead, err
}

// Announce implements shard.Work.
func (w *Work) Announce(ctx context.Context, plan shard.Plan, reads shard.Reads, attempt int) (shard.Announced, error) {
	st, l, err := w.content(ctx, plan, reads)
	if err != nil {
		return shard.Announced{}, err
	}
	if err := w.EnsureRun(ctx, l.pub); err != nil {
		return shard.Announced{}, err
	}
	w.Session.Run.Created = w.Session.Run.Created || st.NewRun
	defer w.keepRunAlive(ctx, st)()
	p, logged, err := w.Session.Client.BeginArtifact(ctx, w.ArtifactSpec(l.c, l.pub), attempt)
	if err != nil {
		return shard.Announced{}, err
	}
	if p == nil {
		logged.FilesUnchanged, _ = l.c.Stored()
		out, err := w.outcome(l, logged, w.shown(l))
		return shard.Announced{Unchanged: true, Outcome: out}, err
	}
	state := announcedState{Pending: *p, Tables: map[string]announcedTable{}}
	for key, t := range l.merged.tables {
		state.Tables[key] = announcedTable{l.pub.Table.Done.Types, len(t.Parts)}
	}
	if t := l.pub.Table; t != nil && !t.IsPartitioned() && w.Session.Relation() == publish.RunOurs {
		state.Shown = t.Key
	}
	raw, err := json.Marshal(state)
	return shard.Announced{State: raw}, err
}

// keepRunAlive keeps a run of this job alive until the function is called that it returns.
func (w *Work) keepRunAlive(ctx context.Context, st *planState) (done func()) {
	if !st.NewRun {
		return func() {}
	}
	done = w.beats.during(ctx)
	w.KeepAlive()
	return done
}

// shown is the table for the workspace of a new run, where it needs no copy.
func (w *Work) shown(l *leadContent) *wandb.RunTable {
	if l.pub.Table == nil || !l.pub.Table.IsPartitioned() {
		return nil
	}
	shown := wandb.PartitionedRunTable(l.pub.Table.Key)
	return &shown
}

// Commit implements shard.Work.
func (w *Work) Commit(ctx context.Context, plan shard.Plan, announced shard.Announced, ups shard.Ups, sure func(context.Context) error) (shard.Outcome, error) {
	st, err := w.enter(ctx, plan)
	if err != nil {
		return shard.Outcome{}, err
	}
	defer w.keepRunAlive(ctx, st)() // what follows may take long where another slot has announced
	_, l, err := w.content(ctx, plan, ups)
	if err != nil {
		return shard.Outcome{}, err
	}
	var ann announcedState
	if err := json.Unmarshal(announced.State, &ann); err != nil {
		return shard.Outcome{}, err
	}
	// These do not wait for each other. The slot that announced may be gone, or another one may have made the run.
	g, waiting := errgroup.WithContext(ctx)
	g.Go(func() error { return w.EnsureRun(waiting, l.pub) })
	var own *artifact.Files
	var up wandb.Uploaded
	g.Go(func() (err error) {
		own, up, err = w.uploadOwn(waiting, l, ann.Pending)
		return err
	})
	all := newBirths(l.c.Files)
	total, shown, err := w.gather(ctx, l, ups, all)
	if err = errors.Join(err, g.Wait()); err != nil {
		return shard.Outcome{}, err
	}
	w.Session.Run.Created = w.Session.Run.Created || st.NewRun
	for i := range own.Len() {
		all.set(own.At(i).Path, up.IDs, up.Births, i)
	}
	logged, err := w.Session.Client.CommitPending(ctx, w.ArtifactSpec(l.c, l.pub), ann.Pending, all.of, sure)
	if errors.Is(err, wandb.ErrRebase) {
		return shard.Outcome{}, shard.Rebase(err)
	}
	if err != nil {
		return shard.Outcome{}, err
	}
	logged.FilesUploaded, logged.FilesUnchanged, logged.BytesUploaded = total.Files+up.Files, total.Unchanged+up.Unchanged, total.Bytes+up.Bytes
	return w.outcome(l, logged, shown)
}

// uploadOwn uploads the files that the lead has itself, unless that was done or an earlier lead has committed.
func (w *Work) uploadOwn(ctx context.Context, l *leadContent, p wandb.Pending) (own *artifact.Files, up wandb.Uploaded, err error) {
	if own, err = l.own(); err != nil || w.ownOf == p.ID {
		return own, w.own, err
	}
	if over, err := w.Session.Client.IsCommitted(ctx, p); err != nil || over {
		return own, up, err
	}
	up, err = w.Session.Client.UploadFiles(ctx, p, own, nil)
	return own, up, err
}

// gather adds up what was uploaded of the shards.
func (w *Work) gather(ctx context.Context, l *leadContent, ups shard.Ups, all *births) (total wandb.Uploaded, shown *wandb.RunTable, err error) {
	shown = w.shown(l)
	for n := range ups.Len() {
		up, err := ups.Up(ctx, n)
		if err != nil {
			return total, nil, err
		}
		var state upState
		if err := json.Unmarshal(up.State, &state); err != nil {
			return total, nil, err
		}
		total.Files, total.Bytes, total.Unchanged = total.Files+up.Files, total.Bytes+up.Bytes, total.Unchanged+state.Unchanged
		if state.Shown != nil {
			shown = state.Shown
		}
		if state.NotShown != "" {
			l.c.Warnings.Note(fault.TableNotShown, "The artifact was logged, but its table does not show in the run's workspace: %s", state.NotShown)
		}
		numbers, err := unpackBirths(state.Births)
		if err != nil {
			return total, nil, err
		}
		paths, err := l.pathsOf(ctx, ups, n)
		if err != nil {
			return total, nil, err
		}
		if len(paths) != len(numbers) {
			return total, nil, errBadEntry
		}
		for i, path := range paths {
			all.set(path, state.IDs, numbers, i)
		}
	}
	return total, shown, nil
}

// births are the versions that the files of an artifact came with.
type births struct {
	files   *artifact.Files
	ids     []string
	known   map[string]uint32 // numbers in ids
	numbers []uint32          // in ids, by the number of the file
}

func newBirths(files *artifact.Files) *births {
	return &births{files: files, known: map[string]uint32{}, numbers: make([]uint32, files.Len())}
}

// set notes the version of a file, which is ids[numbers[i]].
func (b *births) set(path string, ids []string, numbers []uint32, i int) {
	at, ok := b.files.Number(path)
	if !ok || i >= len(numbers) || int(numbers[i]) >= len(ids) {
		return
	}
	id := ids[numbers[i]]
	n, ok := b.known[id]
	if !ok {
		n = uint32(len(b.ids)) //nolint:gosec // there are few
		b.ids, b.known[id] = append(b.ids, id), n
	}
	b.numbers[at] = n
}

// of is the version that a file came with.
func (b *births) of(path string) string {
	at, ok := b.files.Number(path)
	if !ok || len(b.ids) == 0 {
		return ""
	}
	return b.ids[b.numbers[at]]
}

// outcome is what the job has come to, when the artifact is there.
func (w *Work) outcome(l *leadContent, logged wandb.LoggedArtifact, shown *wandb.RunTable) (shard.Outcome, error) {
	relation := w.Session.Relation()
	st := outcomeState{Result: *w.Result(l.c, l.pub, relation, logged)}
	st.Result.ThumbnailsMade = l.merged.made
	if err := st.keepValues(l.pub.Values); err != nil {
		return shard.Outcome{}, err
	}
	if relation == publish.RunOurs && shown != nil {
		one, err := shown.In(logged.ID, l.pub.Table.Path)
		if err == nil {
			st.Shown = &one
		} else {
			st.Result.Warnings = append(st.Result.Warnings, collect.Warning{Code: fault.TableNotShown, Message: err.Error()})
		}
	}
	raw, err := json.Marshal(st)
	return shard.Outcome{State: raw}, err
}

// Finish implements shard.Work.
func (w *Work) Finish(ctx context.Context, plan shard.Plan, outcome shard.Outcome) (shard.Outcome, error) {
	if _, err := w.enter(ctx, plan); err != nil {
		return outcome, err
	}
	var st outcomeState
	if err := json.Unmarshal(outcome.State, &st); err != nil {
		return outcome, err
	}
	pub := &publish.Publication{Result: st.Result}
	config := json.NewDecoder(bytes.NewReader([]byte(st.Result.RunConfigJSON)))
	config.UseNumber()
	if err := config.Decode(&pub.Config); err != nil {
		return outcome, err
	}
	values, err := readValues(st.Values)
	if err != nil {
		return outcome, err
	}
	pub.Values = values.runValues()
	c := &collect.Collector{}
	charts := w.UploadCharts(ctx, pub, st.Result.Relation)
	w.TellRun(ctx, c, pub, st.Result.Relation, func() ([]wandb.RunValue, error) {
		shown := w.RunValuesOf(c, pub, <-charts)
		if st.Shown != nil {
			shown = append(shown, *st.Shown)
		}
		return shown, nil
	})
	st.Result.InputArtifactURL = pub.Result.InputArtifactURL
	st.Result.Warnings = append(st.Result.Warnings, c.Warnings.Final()...)
	raw, err := json.Marshal(st)
	return shard.Outcome{State: raw}, err
}
