package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/sharing"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// slots does a job with several slots by turns, so that each step of a shard and of the lead is another slot's.
type slots struct {
	w      *world
	works  []*sharing.Work
	size   int
	ids    []bson.ObjectID
	plan   shard.Plan
	shards []shard.Shard
	reads  []shard.ReadOut
	ups    []shard.UpOut
	pieces map[string][][]byte
	at     int // shard that is read

	reread, announced int
}

func (s *slots) Add(_ context.Context, id bson.ObjectID) error {
	s.ids = append(s.ids, id)
	return nil
}

func (s *slots) Distinct(context.Context) (bool, error) {
	seen := map[bson.ObjectID]bool{}
	for _, id := range s.ids {
		seen[id] = true
	}
	return len(seen) == len(s.ids), nil
}

func (s *slots) Put(_ context.Context, kind string, piece []byte) error {
	key := fmt.Sprint(s.at, kind)
	s.pieces[key] = append(s.pieces[key], bytes.Clone(piece))
	return nil
}

// done is what the slots have done, as the lead sees it.
type done struct{ *slots }

func (d done) Len() int                                             { return len(d.shards) }
func (d done) Read(_ context.Context, n int) (shard.ReadOut, error) { return d.reads[n], nil }
func (d done) Up(_ context.Context, n int) (shard.UpOut, error)     { return d.ups[n], nil }
func (d done) Pieces(_ context.Context, n int, kind string, fn func([]byte) error) error {
	for _, piece := range d.pieces[fmt.Sprint(n, kind)] {
		if err := fn(piece); err != nil {
			return err
		}
	}
	return nil
}

func (s *slots) Len() int64 { return int64(len(s.ids)) }

func (s *slots) work(n int) *sharing.Work { return s.works[n%len(s.works)] }

// open has some slots take up a job, shards of which have so many rows.
func (w *world) slots(j sharing.Shardable, count, size int) *slots {
	s := &slots{w: w, size: size, pieces: map[string][][]byte{}}
	for range count {
		work, err := sharing.NewWork(j, w.callbacks())
		require.NoError(w.t, err)
		w.t.Cleanup(work.Close)
		s.works = append(s.works, work)
	}
	return s
}

// read plans the job and reads all shards.
func (s *slots) read(ctx context.Context) error {
	var err error
	if s.plan, err = s.work(0).Plan(ctx, s); err != nil {
		return err
	}
	if s.plan.Mode == shard.Alone {
		s.shards = []shard.Shard{{Rows: s.plan.Rows}}
	} else {
		for ids := range slices.Chunk(s.ids, s.size) {
			n := len(s.shards)
			s.shards = append(s.shards, shard.Shard{N: n, First: int64(n * s.size), Rows: int64(len(ids)), IDs: func(context.Context) ([]bson.ObjectID, error) { return ids, nil }})
		}
	}
	s.reads, s.ups = make([]shard.ReadOut, len(s.shards)), make([]shard.UpOut, len(s.shards))
	for n := range s.shards {
		if err := s.readOne(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (s *slots) readOne(ctx context.Context, n int) (err error) {
	s.at = n
	for key := range s.pieces {
		if key[:len(fmt.Sprint(n))] == fmt.Sprint(n) && (key[len(fmt.Sprint(n))] < '0' || key[len(fmt.Sprint(n))] > '9') {
			delete(s.pieces, key)
		}
	}
	s.reads[n], err = s.work(n).Read(ctx, s.plan, s.shards[n], s)
	return err
}

// announce announces the artifact, after what has to be read again for it.
func (s *slots) announce(ctx context.Context, attempt int) (shard.Announced, error) {
	for {
		s.announced++
		a, err := s.work(s.announced).Announce(ctx, s.plan, done{s}, attempt)
		var again *shard.RereadError
		if !errors.As(err, &again) {
			return a, err
		}
		if s.reread++; s.reread > 2 {
			return a, errors.New("read again and again")
		}
		s.plan.State = again.State
		for _, n := range again.Shards {
			if err := s.readOne(ctx, n); err != nil {
				return a, err
			}
		}
	}
}

// run does the whole job. The slots that upload have read every other shard only.
func (s *slots) run(ctx context.Context) (*publish.Result, error) {
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	a, err := s.announce(ctx, 0)
	if err != nil {
		return nil, err
	}
	out := a.Outcome
	for attempt := 1; !a.Unchanged; attempt++ {
		for n := range s.shards {
			if s.ups[n], err = s.work(n+n/2).Upload(ctx, s.plan, a, s.shards[n], s.reads[n]); err != nil {
				return nil, err
			}
		}
		out, err = s.work(2).Commit(ctx, s.plan, a, done{s}, func(context.Context) error { return nil })
		if shard.KindOf(err) != shard.KindRebase {
			break
		}
		if a, err = s.announce(ctx, attempt); err != nil {
			return nil, err
		}
		out = a.Outcome
	}
	if err != nil {
		return nil, err
	}
	if out, err = s.work(1).Finish(ctx, s.plan, out); err != nil {
		return nil, err
	}
	return sharing.ResultOf(out)
}

// loop does the whole job with the loop of one slot.
func (s *slots) loop(ctx context.Context) (*publish.Result, error) {
	out, err := shard.Run(ctx, shard.NewMemory(), s.work(0), shard.Options{Size: int64(s.size), Poll: 10 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	return sharing.ResultOf(out)
}

// varied fills the collection with samples whose fields are of several kinds, in shards of ten rows of a shuffled view, and gives
// the view and the plain fields.
func (w *world) varied(n int) (collect.View, []view.Field) {
	docs := make([]any, n)
	for i := range docs {
		at := float64(i%16) / 16
		boxes := bson.A{}
		for b := range i % 4 {
			boxes = append(boxes, bson.D{{Key: "_id", Value: objectID(i, b)}, {Key: "_cls", Value: "Detection"}, {Key: "label", Value: fmt.Sprint("c", (i+b)%5)},
				{Key: "bounding_box", Value: bson.A{at, 0.1, 0.5, 0.5}}, {Key: "confidence", Value: float64((i+b)%10) / 10}})
		}
		doc := bson.D{{Key: "_id", Value: objectID(i*7%n, 99)}, {Key: "filepath", Value: fmt.Sprintf("%s/%04d.png", w.dir, i%6)},
			{Key: "tags", Value: bson.A{[]string{"train", "val", "x"}[i%3]}}, {Key: "predictions", Value: bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: boxes}}},
			{Key: "order", Value: i * 31 % 17}, {Key: "late", Value: i}, {Key: "list", Value: bson.A{}}, {Key: "dict", Value: bson.D{}}, {Key: "score", Value: float64(i)}}
		if i == n-4 {
			doc = append(doc[:5:5], bson.E{Key: "late", Value: "a text"}, bson.E{Key: "list", Value: bson.A{1, bson.D{{Key: "x", Value: nil}}}}, bson.E{Key: "dict", Value: bson.D{{Key: "k", Value: i}}}, bson.E{Key: "score", Value: float64(i)})
		}
		vector := bson.A{at, 1.5, -2.0}
		if i%11 == 3 {
			vector = bson.A{at, 2.0}
		}
		docs[i] = append(doc, bson.E{Key: "vector", Value: vector}, bson.E{Key: "bad", Value: bson.DateTime(int64(i%2) * 1e17)})
	}
	require.NoError(w.t, mongo.Insert(w.t.Context(), w.name, docs))
	for i := range 5 { // one file is missing
		w.picture(i, 20+i)
	}
	v := w.rows()
	v.Query.Pipeline = []bson.Raw{stage(`{"$match": {"score": {"$ne": 3}}}`), stage(`{"$sort": {"order": 1}}`)}
	v.IsSubset, v.SerializationJSON = true, `[{"_cls":"x"}]`
	var fields []view.Field
	for _, name := range []string{"late", "list", "dict", "score", "bad"} {
		fields = append(fields, view.Field{Path: name, DBPath: name})
	}
	return v, fields
}

// variedView is a view with all that a view can have.
func (w *world) variedView(n int) job.LogView {
	j := w.logView()
	j.View, j.Fields = w.varied(n)
	j.Dataset.Collection = w.name
	j.Parts = collect.Parts{Whole: 25, Part: 10} // that is 20
	j.Embeddings = []view.Field{{Path: "vector", DBPath: "vector"}, {Path: "none", DBPath: "none"}}
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 16, Overlays: &picture.Overlays{Fields: j.Labels}}
	return j
}

// files are those of the newest version, without where they came from.
func (w *world) files(name string) (standin.ArtifactState, map[string]string) {
	w.t.Helper()
	var found standin.ArtifactState
	for _, a := range w.server.State().Artifacts {
		if a.Collection == name && a.State == "COMMITTED" {
			found = a
		}
	}
	require.NotEmpty(w.t, found.ID)
	out := map[string]string{}
	for path := range found.Files {
		if found.Files[path].Ref != "" {
			out[path] = "reference " + found.Files[path].Ref + found.Files[path].Digest
			continue
		}
		raw, err := w.server.ReadFile(w.server.Entity(), "p", name, fmt.Sprint("v", found.Version), path)
		require.NoError(w.t, err)
		out[path] = string(raw)
	}
	return found, out
}

// sharedJobs are jobs whose rows slots share, by their names.
func (w *world) sharedJobs() map[string]func(name string) (sharing.Shardable, interface {
	Run(context.Context, publish.Events) (*publish.Result, error)
}) {
	type runs = interface {
		Run(context.Context, publish.Events) (*publish.Result, error)
	}
	all := w.variedView(47)
	frames := all
	frames.Embeddings = nil
	w.frames(w.t, &frames, "60", `{"$toInt": {"$add": [1, {"$mod": [{"$multiply": ["$score", 13]}, 60]}]}}`)
	ofView := func(change func(*job.LogView)) func(string) (sharing.Shardable, runs) {
		return func(name string) (sharing.Shardable, runs) {
			j := all
			change(&j)
			j.Target.ArtifactName = name
			return j, j
		}
	}
	return map[string]func(string) (sharing.Shardable, runs){
		"view":     ofView(func(*job.LogView) {}),
		"original": ofView(func(j *job.LogView) { j.Pictures = &picture.Config{Mode: picture.Original} }),
		"reference": ofView(func(j *job.LogView) {
			j.Pictures = &picture.Config{Mode: picture.Reference, Size: 16}
			j.Embeddings = nil
		}),
		"whole pipeline": ofView(func(j *job.LogView) {
			j.View.Query.Pipeline = append(slices.Clone(j.View.Query.Pipeline), stage(`{"$unwind": "$tags"}`), stage(`{"$set": {"tags": ["$tags"]}}`))
		}),
		"rows twice": ofView(func(j *job.LogView) {
			j.View.Query.Pipeline = []bson.Raw{stage(`{"$limit": 20}`), stage(fmt.Sprintf(`{"$unionWith": {"coll": %q, "pipeline": [{"$limit": 9}]}}`, w.name))}
		}),
		"a few rows": ofView(func(j *job.LogView) { j.View.Query.Pipeline = []bson.Raw{stage(`{"$limit": 15}`)} }),
		"chosen":     ofView(func(j *job.LogView) { j.View.Selection = &collect.Selection{Max: 23, Seed: 3} }),
		"some pictures": ofView(func(j *job.LogView) {
			p := *j.Pictures
			p.PicturesMax, p.Seed = 12, 5
			j.Pictures = &p
		}),
		"chosen, some pictures": ofView(func(j *job.LogView) {
			p := *j.Pictures
			p.PicturesMax = 12
			j.Pictures, j.View.Selection = &p, &collect.Selection{Max: 23, Seed: 3}
		}),
		"references":  ofView(func(j *job.LogView) { j.IncludeLabels, j.Pictures = false, nil }),
		"late vector": ofView(func(j *job.LogView) { j.View.Query.Pipeline = []bson.Raw{stage(`{"$sort": {"late": -1}}`)} }),
		"frames of a video": ofView(func(j *job.LogView) {
			target := j.Target
			*j = frames
			j.Target = target
		}),
		"patches": ofView(func(j *job.LogView) {
			j.View.Rows, j.Embeddings = view.RowPatch, nil
			j.View.Query.Pipeline = []bson.Raw{stage(`{"$unwind": "$predictions.detections"}`), stage(`{"$set": {"_sample_id": "$_id", "_id": "$predictions.detections._id", "one": "$predictions.detections"}}`), stage(`{"$sort": {"order": -1}}`)}
			j.Labels = []view.Field{{Path: "one", DBPath: "one", LabelType: "Detection"}}
			j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 16, Crop: j.Labels, Overlays: &picture.Overlays{Fields: j.Labels, Masks: overlay.AllMasks}}
		}),
		"predictions": func(name string) (sharing.Shardable, runs) {
			j := w.logPredictions()
			j.View, j.Fields, j.Parts, j.Pictures, j.Target.ArtifactName = all.View, all.Fields, all.Parts, all.Pictures, name
			return j, j
		},
		"lowest confidence": func(name string) (sharing.Shardable, runs) {
			j := w.logPredictions()
			j.View, j.Fields, j.Parts, j.Target.ArtifactName = all.View, all.Fields, all.Parts, name
			j.View.Selection = &collect.Selection{Max: 31, ByConfidence: true}
			return j, j
		},
	}
}

// TestSlotsMakeTheFilesOfOneJob holds that an artifact does not depend on how many slots made it.
func TestSlotsMakeTheFilesOfOneJob(t *testing.T) {
	w := newWorld(t)
	rereads := 0
	for what, of := range w.sharedJobs() {
		t.Run(what, func(t *testing.T) {
			w.t = t
			names := strings.NewReplacer(" ", "_", ",", "").Replace(what)
			_, one := of(names)
			want, err := one.Run(t.Context(), w.callbacks())
			require.NoError(t, err)
			wantState, wantFiles := w.files(names)
			for count := 1; count <= 3; count++ {
				name := fmt.Sprintf("%s_%d", names, count)
				shared, same := of(name)
				s := w.slots(shared, count, 10)
				run := s.run
				if count == 1 { // with the loop itself, and a store in memory
					run = s.loop
				}
				got, err := run(t.Context())
				require.NoError(t, err)
				state, files := w.files(name)
				assert.Equal(t, wantFiles, files)
				assert.Equal(t, wantState.Digest, state.Digest)
				assert.Equal(t, string(wantState.Metadata), string(state.Metadata))
				assert.True(t, got.NewVersion)
				assert.Equal(t, want.Warnings, got.Warnings)
				assert.Equal(t, [4]int64{want.Samples, want.ViewSamples, want.Predictions, want.LowConfidence}, [4]int64{got.Samples, got.ViewSamples, got.Predictions, got.LowConfidence})
				assert.Equal(t, publish.RunOurs, got.Relation)
				rereads += s.reread

				again, err := w.slots(shared, count, 10).run(t.Context())
				require.NoError(t, err)
				assert.False(t, again.NewVersion)
				assert.Zero(t, again.FilesUploaded)
				alone, err := same.Run(t.Context(), w.callbacks())
				require.NoError(t, err)
				assert.False(t, alone.NewVersion, "one job makes another artifact than slots")
			}
			for _, run := range w.server.State().Runs {
				assert.Equal(t, "finished", run.State)
			}
		})
	}
	w.t = t
	assert.Positive(t, rereads, "no column became one of texts late")
	assert.Empty(t, spoolLeft(t))
}

// TestASourceThatChangesBetweenTwoReadings has the slot that uploads a shard read it again.
func TestASourceThatChangesBetweenTwoReadings(t *testing.T) {
	w := newWorld(t)
	s := w.slots(w.variedView(30), 2, 10)
	require.NoError(t, s.read(t.Context()))
	a, err := s.announce(t.Context(), 0)
	require.NoError(t, err)
	for i := range 5 {
		w.picture(i, 10)
	}
	_, err = s.work(1).Upload(t.Context(), s.plan, a, s.shards[0], s.reads[0])
	assert.Equal(t, fault.ViewChanged, fault.Code(err))
	for _, artifact := range w.server.State().Artifacts {
		assert.NotEqual(t, "COMMITTED", artifact.State)
	}
	s.work(0).Abandon(t.Context(), s.plan)
	assert.Equal(t, "failed", w.server.State().Runs[0].State)
}

// TestAnArtifactThatAnotherJobCommitsMeanwhile has the slots announce theirs again.
func TestAnArtifactThatAnotherJobCommitsMeanwhile(t *testing.T) {
	w := newWorld(t)
	j := w.variedView(30)
	s := w.slots(j, 2, 10)
	require.NoError(t, s.read(t.Context()))
	a, err := s.announce(t.Context(), 0)
	require.NoError(t, err)
	upload := func() {
		for n := range s.shards {
			s.ups[n], err = s.work(n).Upload(t.Context(), s.plan, a, s.shards[n], s.reads[n])
			require.NoError(t, err)
		}
	}
	upload()
	other := j
	other.Embeddings = nil
	_, err = other.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	sure := func(context.Context) error { return nil }
	_, err = s.work(1).Commit(t.Context(), s.plan, a, done{s}, sure)
	require.Error(t, err)
	require.Equal(t, shard.KindRebase, shard.KindOf(err), "%v", err)
	a, err = s.announce(t.Context(), 1)
	require.NoError(t, err)
	upload()
	out, err := s.work(0).Commit(t.Context(), s.plan, a, done{s}, sure)
	require.NoError(t, err)
	res, err := sharing.ResultOf(out)
	require.NoError(t, err)
	assert.Equal(t, "v1", res.ArtifactVersion)
	assert.Less(t, res.FilesUploaded, res.FilesUnchanged+res.FilesUploaded)
	state, _ := w.files("the_view")
	born := 0
	for _, f := range state.Files {
		if f.Birth != state.ID {
			born++
		}
	}
	assert.Positive(t, born, "no file came with the other job's version")
	again, err := s.work(0).Commit(t.Context(), s.plan, a, done{s}, sure)
	require.NoError(t, err, "a lead that dies after the commit")
	assert.NotEmpty(t, again.State)
}

// TestASlotThatIsNotAsTheOthers leaves, and the job goes on.
func TestASlotThatIsNotAsTheOthers(t *testing.T) {
	w := newWorld(t)
	j := w.variedView(30)
	s := w.slots(j, 1, 10)
	require.NoError(t, s.read(t.Context()))
	media := w.dir
	require.NoError(t, os.Rename(media, media+" elsewhere"))
	elsewhere, err := sharing.NewWork(j, w.callbacks())
	require.NoError(t, err)
	t.Cleanup(elsewhere.Close)
	_, err = elsewhere.Read(t.Context(), s.plan, s.shards[0], s)
	require.ErrorContains(t, err, "not on this machine")
	assert.Equal(t, shard.KindLeave, shard.KindOf(err))
	require.NoError(t, os.Rename(media+" elsewhere", media))

	j.Target.Settings.APIKey = "0123456789012345678901234567890123456789"
	other, err := sharing.NewWork(j, w.callbacks())
	require.NoError(t, err)
	t.Cleanup(other.Close)
	_, err = other.Read(t.Context(), s.plan, s.shards[0], s)
	require.Error(t, err)
	assert.Equal(t, shard.KindLeave, shard.KindOf(err), "%v", err)
}
