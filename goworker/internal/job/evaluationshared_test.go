package job_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// shownPictures gives all samples of a dataset one picture.
func shownPictures(d *storedDataset) {
	path := d.picture(0, 64)
	for _, s := range d.samples {
		for i := range s {
			if s[i].Key == "filepath" {
				s[i].Value = path
			}
		}
	}
}

// sharedEvaluations are jobs of the golden file's evaluations, by their names. A shard has seven of the thirty samples.
func sharedEvaluations(d *storedDataset) map[string]job.LogEvaluation {
	of := func(key string, change func(*job.LogEvaluation)) job.LogEvaluation {
		j := d.log(key)
		j.Parts = collect.Parts{Whole: 14, Part: 7}
		change(&j)
		return j
	}
	nothing := func(*job.LogEvaluation) {}
	return map[string]job.LogEvaluation{
		"detections": of("ev", func(j *job.LogEvaluation) {
			j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 16, Overlays: &picture.Overlays{}}
			j.Subsets = []job.EvaluationSubset{{Name: "good", Query: match(d.log("ev"), `{"quality": {"$gt": 0.5}}`).View.Query}}
		}),
		"compared":        of("ev_b", func(j *job.LogEvaluation) { j.CompareWith = "ev_cw0" }),
		"classifications": of("cl", nothing),
		"binary":          of("cl_b", nothing),
		"regressions":     of("rg_m", nothing),
		"masks":           of("sg", nothing),
		"view": of("ev", func(j *job.LogEvaluation) {
			*j = match(*j, `{"quality": {"$gt": 0.2}}`)
			j.View.Query.Pipeline = append(j.View.Query.Pipeline, stage(`{"$sort": {"quality": -1}}`))
		}),
		"the worst": of("ev", func(j *job.LogEvaluation) { j.View.Selection = &collect.Selection{Max: 22, ByErrors: true} }),
		"few":       of("ev", func(j *job.LogEvaluation) { j.View.Selection = &collect.Selection{Max: 9, ByErrors: true} }),
	}
}

// TestSlotsLogAnEvaluation holds that neither the artifact nor the numbers depend on how many slots made them.
func TestSlotsLogAnEvaluation(t *testing.T) {
	d := golden(t)
	shownPictures(d)
	d.store()
	jobs := sharedEvaluations(d)
	video := layout(t, "video")
	frames := video.log("fd")
	frames.Frames = &view.Query{URI: mongo.URI, Database: video.database, Collection: "frames"}
	jobs["frames"] = frames
	for what, change := range map[string]func(*job.LogEvaluation){
		"frames of each shard": func(*job.LogEvaluation) {},
		"frames, the worst":    func(j *job.LogEvaluation) { j.View.Selection = &collect.Selection{Max: 1, ByErrors: true} },
		"classified frames":    func(j *job.LogEvaluation) { j.EvalKey = "fc" },
	} {
		one := video.log("fd")
		one.Frames = video.framesQuery()
		one.Parts = collect.Parts{Whole: 1, Part: 1}
		change(&one)
		jobs[what] = one
	}
	for what, j := range jobs {
		t.Run(what, func(t *testing.T) {
			w := d.world
			size := 7
			if strings.Contains(what, "frames") {
				w, size = video.world, 1
			}
			w.t = t
			name := strings.NewReplacer(" ", "_", ",", "").Replace(what)
			j.Target.ArtifactName = name
			want, err := j.Run(t.Context(), w.callbacks())
			require.NoError(t, err)
			wantState, wantFiles := w.files(name)
			wantRun := runOf(t, w, want.RunID)
			for count := 1; count <= 3; count++ {
				j.Target.ArtifactName = fmt.Sprintf("%s_%d", name, count)
				s := w.slots(j, count, size)
				run := s.run
				if count == 1 {
					run = s.loop
				}
				got, err := run(t.Context())
				require.NoError(t, err)
				if count > 1 {
					assert.Equal(t, slices.Contains([]string{"frames", "few", "frames, the worst"}, what), s.plan.Mode == shard.Alone, "whether one slot reads all rows")
				}
				state, files := w.files(j.Target.ArtifactName)
				assert.Equal(t, wantFiles, files)
				assert.Equal(t, wantState.Digest, state.Digest)
				assert.Equal(t, string(wantState.Metadata), string(state.Metadata))
				assert.Equal(t, want.Warnings, got.Warnings)
				assert.Equal(t, want.Metrics, got.Metrics)
				assert.Equal(t, want.Charts, got.Charts)
				assert.Equal(t, want.Evaluation.Report.Metrics, got.Evaluation.Report.Metrics)
				assert.Equal(t, want.Evaluation.Report.Changed, got.Evaluation.Report.Changed)
				assert.Len(t, got.Evaluation.Report.Classes, len(want.Evaluation.Report.Classes))
				assert.Equal(t, want.Evaluation.Evaluated, got.Evaluation.Evaluated)
				assert.Equal(t, []int64{want.Samples, want.ViewSamples, want.Classes}, []int64{got.Samples, got.ViewSamples, got.Classes})
				assert.Equal(t, wantRun, runOf(t, w, got.RunID))

				again, err := w.slots(j, count, size).run(t.Context())
				require.NoError(t, err)
				assert.False(t, again.NewVersion)
				shown := maps.Clone(wantRun)
				if _, whole := wantFiles["samples.table.json"]; whole { // of a table in one piece, a run shows a copy of the version that it made only
					delete(shown, "summary samples")
				}
				assert.Equal(t, shown, runOf(t, w, again.RunID), "a version that is there already")
			}
		})
	}
	assert.Empty(t, spoolLeft(t))
}

// runOf is what a run shows, without where its files are.
func runOf(t *testing.T, w *world, id string) map[string]any {
	at := slices.IndexFunc(w.server.State().Runs, func(r standin.RunState) bool { return r.Name == id })
	require.GreaterOrEqual(t, at, 0)
	run := w.server.State().Runs[at]
	out := map[string]any{"state": run.State}
	for name, raw := range map[string]json.RawMessage{"config": run.Config, "summary": run.Summary} {
		var values map[string]any
		require.NoError(t, json.Unmarshal(raw, &values))
		for key, value := range values {
			switch file, ok := value.(map[string]any); {
			case name == "summary" && strings.HasPrefix(key, "_"):
				continue
			case name == "summary" && ok:
				value = []any{file["_type"], file["ncols"], file["nrows"]}
			case key == "_wandb":
				delete(file["value"].(map[string]any), "session")
			}
			out[name+" "+key] = value
		}
	}
	require.NotEmpty(t, slices.DeleteFunc(slices.Collect(maps.Keys(out)), func(k string) bool { return !strings.HasPrefix(k, "summary eval/") }))
	return out
}

// TestASharedEvaluationThatChangesMeanwhile fails, and commits nothing.
func TestASharedEvaluationThatChangesMeanwhile(t *testing.T) {
	for name, change := range map[string]func(d *storedDataset) error{
		"a sample": func(d *storedDataset) error {
			return mongo.InsertInto(t.Context(), d.database, "samples", anys(d.samples[:len(d.samples)-1]))
		},
		"made again": func(d *storedDataset) error {
			for _, doc := range d.documents {
				for i, e := range doc.(bson.D) {
					if e.Key == "results" {
						doc.(bson.D)[i].Value = bson.NewObjectID()
					}
				}
			}
			return mongo.InsertInto(t.Context(), d.database, "runs", d.documents)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := golden(t).store()
			s := d.slots(sharedEvaluations(d)["compared"], 1, 7)
			require.NoError(t, s.read(t.Context()))
			require.NoError(t, change(d))
			_, err := s.announce(t.Context(), 0)
			assert.Equal(t, fault.ViewChanged, fault.Code(err), "%v", err)
			for _, a := range d.server.State().Artifacts {
				assert.NotEqual(t, "COMMITTED", a.State)
			}
		})
	}
}
