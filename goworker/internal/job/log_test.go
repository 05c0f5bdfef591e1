package job_test

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

var mongo *mongotest.Server

func TestMain(m *testing.M) {
	if os.Getenv(memoryChild) != "" {
		if err := runMemoryChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	mongotest.Main(m, &mongo)
}

// world is a stand-in for W&B and a collection of samples.
type world struct {
	t      *testing.T
	server *standin.Server
	name   string
	dir    string
	events []collect.Progress
	runs   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := standin.New(standin.Options{Dir: t.TempDir(), Forbidden: []string{"forbidden-team"}})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("TMPDIR", t.TempDir())
	return &world{t: t, server: server, name: "samples." + strings.ReplaceAll(t.Name(), "/", "."), dir: t.TempDir()}
}

// samples fills the collection with n samples that have ten detections each.
func (w *world) samples(n int) {
	docs := make([]any, n)
	for i := range docs {
		var boxes bson.A
		for b := range 10 {
			boxes = append(boxes, bson.D{{Key: "_id", Value: objectID(i, b)}, {Key: "_cls", Value: "Detection"},
				{Key: "label", Value: []string{"cat", "dog"}[b%2]}, {Key: "confidence", Value: float64(b) / 10}})
		}
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 99)}, {Key: "filepath", Value: filepath.Join(w.dir, fmt.Sprintf("%04d.png", i))},
			{Key: "tags", Value: bson.A{"train", "x"}}, {Key: "predictions", Value: bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: boxes}}},
			{Key: "caption", Value: strings.Repeat("é", 400+i)}, {Key: "score", Value: i}}
	}
	require.NoError(w.t, mongo.Insert(w.t.Context(), w.name, docs))
}

func objectID(i, b int) (id bson.ObjectID) {
	copy(id[:], fmt.Sprintf("%08d%04d", i, b))
	return id
}

// picture makes the file of a sample.
func (w *world) picture(i, side int) string {
	path := filepath.Join(w.dir, fmt.Sprintf("%04d.png", i))
	f, err := os.Create(path)
	require.NoError(w.t, err)
	require.NoError(w.t, png.Encode(f, image.NewGray(image.Rect(0, 0, side, side))))
	require.NoError(w.t, f.Close())
	return path
}

func (w *world) target() publish.Target {
	return publish.Target{Settings: config.Inputs{APIKey: w.server.Key(), BaseURL: w.server.URL(), Project: "p"}, ArtifactName: "the_view"}
}

func (w *world) rows() collect.View {
	return collect.View{Query: view.Query{URI: mongo.URI, Database: mongotest.Database, Collection: w.name}}
}

func (w *world) logView() job.LogView {
	return job.LogView{Target: w.target(), View: w.rows(), Dataset: collect.Dataset{Name: "d", MediaType: "image"}, IncludeLabels: true,
		Labels: []view.Field{{Path: "predictions", DBPath: "predictions", LabelType: "Detections"}}}
}

func (w *world) logPredictions() job.LogPredictions {
	return job.LogPredictions{Target: w.target(), View: w.rows(), Dataset: collect.Dataset{Name: "d", MediaType: "image"}, ModelName: "m",
		Predictions: view.Field{Path: "predictions", DBPath: "predictions", LabelType: "Detections"}, LowConfidence: 0.5,
		Timestamp: "2026-01-01T00:00:00", NameTimestamp: "20260101_000000"}
}

func (w *world) callbacks() publish.Events {
	return publish.Events{
		Progress:   func(p collect.Progress) { w.events = append(w.events, p) },
		RunCreated: func(_, _, id string) { w.runs = append(w.runs, id) },
	}
}

// table reads a table of the newest version back.
func (w *world) table(path string) (columns []string, data [][]any) {
	raw, err := w.server.ReadFile(w.server.Entity(), "p", "the_view", "latest", path)
	require.NoError(w.t, err)
	var got struct {
		Columns []string `json:"columns"`
		Data    [][]any  `json:"data"`
	}
	require.NoError(w.t, json.Unmarshal(raw, &got))
	return got.Columns, got.Data
}

func (w *world) file(path string) string {
	raw, err := w.server.ReadFile(w.server.Entity(), "p", "the_view", "latest", path)
	require.NoError(w.t, err)
	return string(raw)
}

// spoolLeft are the files that the job left in the temporary directory.
func spoolLeft(t *testing.T) []string {
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*", "*"))
	require.NoError(t, err)
	return left
}

func TestLogViewWritesATableAndFinishesItsRun(t *testing.T) {
	w := newWorld(t)
	w.samples(300)
	res, err := w.logView().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 300, res.Samples)
	assert.True(t, res.NewVersion)
	assert.Equal(t, "v0", res.ArtifactVersion)
	assert.Equal(t, publish.RunOurs, res.Relation)
	assert.Equal(t, []string{res.RunID}, w.runs)
	assert.InDelta(t, 1, w.events[len(w.events)-1].Fraction, 1e-9)
	assert.EqualValues(t, 300, w.events[len(w.events)-1].RowsDone)

	columns, data := w.table("samples.table.json")
	assert.Equal(t, []string{"sample_id", "filepath", "tags", "label_predictions"}, columns)
	require.Len(t, data, 300)
	assert.Equal(t, []any{objectID(7, 99).Hex(), filepath.Join(w.dir, "0007.png"), "train,x", "10 detections: cat(5), dog(5)"}, data[7])
	assert.Equal(t, 300*25, len(w.file("fiftyone/sample_ids.txt")))

	state := w.server.State()
	require.Len(t, state.Runs, 1)
	assert.Equal(t, "finished", state.Runs[0].State)
	assert.Empty(t, spoolLeft(t))
}

func TestTheSameViewAgainGivesNoNewVersion(t *testing.T) {
	w := newWorld(t)
	w.samples(50)
	first, err := w.logView().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	second, err := w.logView().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.False(t, second.NewVersion)
	assert.Equal(t, first.ArtifactVersion, second.ArtifactVersion)
	assert.Zero(t, second.BytesUploaded)
	assert.Positive(t, second.FilesUnchanged)
	require.Len(t, w.server.State().Artifacts, 1)
}

func TestPredictionsAreCountedInOnePass(t *testing.T) {
	w := newWorld(t)
	w.samples(40)
	j := w.logPredictions()
	j.Prompt = &view.Field{Path: "caption", DBPath: "caption", FieldType: "StringField"}
	j.Fields = []view.Field{{Path: "score", DBPath: "score", FieldType: "IntField"}, {Path: "predictions", DBPath: "score", FieldType: "IntField"}}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 400, res.Predictions)
	assert.EqualValues(t, 2, res.Classes)
	assert.EqualValues(t, 200, res.LowConfidence) // 0.0 counts: five of ten are below 0.5

	columns, data := w.table("predictions.table.json")
	assert.Equal(t, []string{"sample_id", "label_ids", "prompt", "predictions", "avg_confidence", "num_predictions", "score", "field_predictions"}, columns)
	row := data[3]
	assert.Len(t, row[1], 10)
	assert.Equal(t, strings.Repeat("é", 403), row[2])
	assert.InDelta(t, 0.45, row[4], 1e-9)
	assert.InDelta(t, 10, row[5], 1e-9)
	assert.InDelta(t, 3, row[6], 1e-9)
	assert.Equal(t, 200*25, len(w.file("fiftyone/low_confidence_label_ids.txt")))
	assert.Contains(t, w.file("fiftyone/metadata.json"), `"class_distribution":{"cat":200,"dog":200}`)
}

func TestLongTextsAreKeptWhole(t *testing.T) {
	w := newWorld(t)
	w.samples(200)
	j := w.logPredictions()
	j.Predictions = view.Field{Path: "caption", DBPath: "caption", FieldType: "StringField"}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 200, res.Predictions)
	columns, data := w.table("predictions.table.json")
	assert.Equal(t, []string{"sample_id", "label_ids", "predictions", "avg_confidence", "num_predictions", "full_text"}, columns)
	assert.Equal(t, strings.Repeat("é", 500), data[100][2])
	assert.Nil(t, data[100][5])
	assert.Equal(t, strings.Repeat("é", 500)+"...", data[101][2])
	assert.Equal(t, strings.Repeat("é", 501), data[101][5])
}

func TestPicturesThatCannotBeReadCostTheirCells(t *testing.T) {
	for name, pictures := range map[string]*picture.Config{
		"originals": {Mode: picture.Original}, "thumbnails": {Mode: picture.Thumbnail, Size: 256},
	} {
		t.Run(name, func(t *testing.T) { testMissingPictures(t, pictures) })
	}
}

func testMissingPictures(t *testing.T, pictures *picture.Config) {
	w := newWorld(t)
	w.samples(4)
	w.picture(0, 8)
	w.picture(1, 16)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "0002.png"), []byte("no picture"), 0o600))
	j := w.logView()
	j.Pictures = pictures
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	_, data := w.table("samples.table.json")
	cell := data[1][4].(map[string]any)
	assert.Contains(t, []string{"png", "jpg"}, cell["format"])
	assert.InDelta(t, 16, cell["width"], 0)
	assert.NotEmpty(t, w.file(cell["path"].(string)))
	assert.Nil(t, data[2][4])
	assert.Nil(t, data[3][4])
	var codes []string
	for _, one := range res.Warnings {
		codes = append(codes, one.Code)
	}
	assert.ElementsMatch(t, []string{"not_an_image", "missing_file"}, codes)
}

// W&B's store names objects by their bytes and takes no second one of a name.
func TestTheSameBytesInAThousandFilesGoUpOnce(t *testing.T) {
	const n = 1000
	w := newWorld(t)
	w.samples(n)
	var same []byte
	for i := range n {
		var err error
		same, err = os.ReadFile(w.picture(i, 8))
		require.NoError(t, err)
	}
	j := w.logView()
	j.Pictures = &picture.Config{Mode: picture.Original}
	w.server.ResetStats()
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	assert.Empty(t, w.server.Stats().Refusals, "nothing is uploaded to where it lies")
	_, data := w.table("samples.table.json")
	require.Len(t, data, n)
	paths := map[string]bool{}
	for _, row := range data {
		path := row[4].(map[string]any)["path"].(string)
		paths[path] = true
		if got := w.file(path); got != string(same) {
			assert.Fail(t, "other bytes", path)
		}
	}
	state := w.server.State()
	assert.Len(t, state.Artifacts, 1)
	digests := map[string]bool{}
	for _, f := range state.Artifacts[0].Files {
		digests[f.Digest] = true
	}
	assert.Len(t, paths, n)
	assert.Equal(t, len(digests)+2, w.server.Stats().Requests["PUT file"], "each digest, the manifest, and the copy of the table")
}

func TestAFileThatChangesMeanwhileRestartsTheArtifactOnce(t *testing.T) {
	w := newWorld(t)
	w.samples(1)
	path := w.picture(0, 8)
	j := w.logView()
	j.Pictures = &picture.Config{Mode: picture.Original}
	changed := false
	events := w.callbacks()
	events.RunCreated = func(string, string, string) { // after reading, before the upload
		if !changed {
			changed = true
			w.picture(0, 32)
			require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Minute)))
		}
	}
	_, err := j.Run(t.Context(), events)
	require.NoError(t, err)
	assert.True(t, changed)
	_, data := w.table("samples.table.json")
	assert.InDelta(t, 32, data[0][4].(map[string]any)["width"], 0)
	require.Len(t, w.server.State().Runs, 1)
	assert.Equal(t, "finished", w.server.State().Runs[0].State)
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	for name, c := range map[string]struct {
		code   string
		change func(*world, *job.LogView)
	}{
		"empty view":      {"empty_view", func(w *world, _ *job.LogView) { w.samples(0) }},
		"deleted dataset": {"dataset_deleted", func(_ *world, j *job.LogView) { j.View.Query.Collection = "samples.gone" }},
		"bad pipeline":    {"query_failed", func(_ *world, j *job.LogView) { j.View.Query.Pipeline = []bson.Raw{stage(`{"$nonsense": 1}`)} }},
		"bad pipeline of pictures": {"query_failed", func(_ *world, j *job.LogView) {
			j.View.Query.Pipeline, j.Pictures = []bson.Raw{stage(`{"$nonsense": 1}`)}, &picture.Config{Mode: picture.Thumbnail, Size: 16}
		}},
		"wrong key":        {"bad_key", func(_ *world, j *job.LogView) { j.Target.Settings.APIKey = standin.NewKey() }},
		"forbidden entity": {"no_permission", func(_ *world, j *job.LogView) { j.Target.Settings.Entity = "forbidden-team" }},
		"unknown entity":   {"unknown_entity", func(_ *world, j *job.LogView) { j.Target.Settings.Entity = "nobody" }},
		"bad run id":       {"bad_name", func(_ *world, j *job.LogView) { j.Target.RunID = "a:b" }},
		"bad alias":        {"bad_name", func(_ *world, j *job.LogView) { j.Target.Aliases = []string{"v1"} }},
		"no server":        {"unreachable", func(_ *world, j *job.LogView) { j.Target.Settings.BaseURL = "http://127.0.0.1:9" }},
		"unknown mode": {"bad_settings", func(_ *world, j *job.LogView) {
			j.Target.Settings.Env = map[string]string{"WANDB_MODE": "aeroplane"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.samples(5)
			j := w.logView()
			c.change(w, &j)
			_, err := j.Run(t.Context(), w.callbacks())
			assert.Equal(t, c.code, fault.Code(err), "%v", err)
			assert.Empty(t, w.server.State().Runs)
			assert.Empty(t, w.server.State().Artifacts)
			assert.Empty(t, spoolLeft(t))
		})
	}
}

func stage(text string) bson.Raw {
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(text), false, &d); err != nil {
		panic(err)
	}
	raw, _ := bson.Marshal(d)
	return raw
}

func TestAnArtifactOfAnotherTypeKeepsItsName(t *testing.T) {
	w := newWorld(t)
	w.samples(5)
	_, err := w.logView().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	_, err = w.logPredictions().Run(t.Context(), w.callbacks())
	assert.Equal(t, "type_taken", fault.Code(err))
	assert.Len(t, w.server.State().Runs, 1)
}

func TestACancelEndsTheJobSoonAndCommitsNothing(t *testing.T) {
	w := newWorld(t)
	w.samples(100)
	require.NoError(t, w.server.AddFault(standin.Fault{Kind: standin.KindUpload, Mode: standin.ModeHang, Count: -1}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.logView().Run(ctx, publish.Events{RunCreated: func(string, string, string) { time.AfterFunc(100*time.Millisecond, cancel) }})
		done <- err
	}()
	<-ctx.Done()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Minute):
		t.Fatal("the job went on")
	}
	state := w.server.State()
	require.Len(t, state.Runs, 1)
	assert.Equal(t, "failed", state.Runs[0].State)
	for _, a := range state.Artifacts {
		assert.NotEqual(t, "COMMITTED", a.State)
	}
	assert.Empty(t, spoolLeft(t))
}

// TestAFailedJobEndsItsRunOnASlowServer: only a cancel is in a hurry.
func TestAFailedJobEndsItsRunOnASlowServer(t *testing.T) {
	w := newWorld(t)
	w.samples(5)
	for _, f := range []standin.Fault{
		{Kind: standin.KindGraphQL, Match: "CommitArtifact", Mode: standin.ModeStatus, Status: 400, Count: -1},
		{Kind: standin.KindFileStream, Mode: standin.ModeLatency, LatencyMS: 1500, Count: -1},
	} {
		require.NoError(t, w.server.AddFault(f))
	}
	_, err := w.logView().Run(t.Context(), w.callbacks())
	require.Equal(t, "refused", fault.Code(err), "%v", err)
	require.Len(t, w.server.State().Runs, 1)
	assert.Equal(t, "failed", w.server.State().Runs[0].State)
}

// The end of the run gets no answer: W&B may not have it.
func TestACancelledJobSaysWhenItsRunMayBeOpen(t *testing.T) {
	for hangs, want := range map[bool]int{true: 1, false: 0} {
		w := newWorld(t)
		w.name += fmt.Sprint(hangs)
		w.samples(10)
		require.NoError(t, w.server.AddFault(standin.Fault{Kind: standin.KindUpload, Mode: standin.ModeHang, Count: -1}))
		if hangs {
			require.NoError(t, w.server.AddFault(standin.Fault{Kind: standin.KindFileStream, Mode: standin.ModeHang, Count: -1}))
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := 0
		_, err := w.logView().Run(ctx, publish.Events{RunCreated: func(string, string, string) { cancel() }, RunLeftOpen: func() { left++ }})
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, want, left)
		assert.Equal(t, map[bool]string{true: "running", false: "failed"}[hangs], w.server.State().Runs[0].State)
	}
}

func TestARunOfSomebodyElseIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.samples(5)
	settings, err := config.Resolve(w.target().Settings)
	require.NoError(t, err)
	client, err := wandb.NewClient(settings)
	require.NoError(t, err)
	defer client.Close()
	ref := config.RunRef{Entity: w.server.Entity(), Project: "p", ID: "theirs"}
	_, err = client.CreateRun(t.Context(), wandb.RunSpec{RunRef: ref, Config: map[string]any{"lr": 0.1}})
	require.NoError(t, err)

	j := w.logView()
	j.Target.RunID = ref.ID
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Equal(t, publish.RunAliveElsewhere, res.Relation)
	assert.Empty(t, w.runs)
	before := w.server.State().Runs[0]
	assert.Equal(t, "running", before.State)
	assert.NotContains(t, string(mustJSON(t, before)), "fiftyone_view_artifact")

	require.NoError(t, client.FinishRun(t.Context(), ref, 0))
	res, err = j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Equal(t, publish.RunEnded, res.Relation)
	after := w.server.State().Runs[0]
	assert.Equal(t, "finished", after.State)
	assert.Contains(t, string(mustJSON(t, after)), "fiftyone_view_artifact")
	assert.Contains(t, string(mustJSON(t, after)), `"lr"`)

	j.Target.Settings.ActiveRun = &config.ActiveRun{Entity: ref.Entity, Project: ref.Project, RunID: ref.ID, BaseURL: w.server.URL()}
	res, err = j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Equal(t, publish.RunActiveHere, res.Relation)
	assert.Contains(t, res.RunConfigJSON, "fiftyone_view_artifact")
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

func TestFinishRun(t *testing.T) {
	w := newWorld(t)
	w.samples(5)
	j := w.logView()
	j.Target.RunID = "mine"
	_, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	settings, err := config.Resolve(w.target().Settings)
	require.NoError(t, err)
	client, err := wandb.NewClient(settings)
	require.NoError(t, err)
	defer client.Close()
	_, err = client.CreateRun(t.Context(), wandb.RunSpec{RunRef: config.RunRef{Entity: w.server.Entity(), Project: "p", ID: "open"}})
	require.NoError(t, err)
	for _, id := range []string{"mine", "open"} {
		require.NoError(t, publish.FinishRun{Settings: w.target().Settings, Entity: w.server.Entity(), Project: "p", RunID: id, ExitCode: 1}.Run(t.Context()))
	}
	states := map[string]string{}
	for _, r := range w.server.State().Runs {
		states[r.Name] = r.State
	}
	assert.Equal(t, map[string]string{"mine": "finished", "open": "failed"}, states, "a run that has ended stays as it ended")
}
