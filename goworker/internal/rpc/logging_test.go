package rpc_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// everything is a LogView that logs all that samples have.
func (w *world) everything() *pb.LogView {
	return &pb.LogView{View: w.view(), Dataset: w.dataset(), ArtifactName: "My View", Description: "All of it", Aliases: []string{"best"}, Tags: []string{"night"},
		IncludeLabels: true, Labels: []*pb.Field{predictionsField}, Fields: []*pb.Field{scoreField}, Embeddings: []*pb.Field{vectorField},
		IncludeImages: true, Pictures: &pb.Pictures{Mode: pb.ImageMode_IMAGE_MODE_THUMBNAIL, ThumbnailSize: 16, FactColumns: []string{"width", "height"},
			Overlays: &pb.Overlays{Fields: []*pb.Field{predictionsField}}}}
}

func logView(m *pb.LogView) *pb.RunRequest {
	return &pb.RunRequest{JobId: "j", ClientVersion: "1.0", Job: &pb.RunRequest_LogView{LogView: m}}
}

func TestLogView(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	events := w.run(logView(w.everything()))
	got := last(events).GetArtifactLogged()
	require.NotNil(t, got, "%v", last(events).GetFailure())
	assert.Equal(t, []string{"local-user", "p", "my_view", "My View", "v0"},
		[]string{got.GetEntity(), got.GetProject(), got.GetArtifactName(), got.GetGivenName(), got.GetArtifactVersion()})
	assert.Equal(t, w.server.URL()+"/local-user/p/artifacts/dataset/my_view/v0", got.GetArtifactUrl())
	assert.Equal(t, w.server.URL()+"/local-user/p/runs/"+got.GetRunId(), got.GetWandbUrl())
	assert.Equal(t, pb.RunRelation_RUN_RELATION_OURS, got.GetRunRelation())
	assert.True(t, got.GetNewVersion())
	assert.Equal(t, []int64{6, 6, 6}, []int64{got.GetSamples(), got.GetViewSamples(), got.GetThumbnailsMade()})
	assert.Equal(t, []string{"artifact_name"}, warningCodes(got))

	a := w.onlyArtifact()
	assert.Equal(t, []any{"dataset", "All of it", []string{"best", "latest"}, []string{"night"}}, []any{a.Type, a.Description, a.Aliases, a.Tags})
	assert.Equal(t, a.Size, got.GetBytesUploaded())
	assert.EqualValues(t, len(a.Files), got.GetFilesUploaded())
	columns, data := w.table("my_view", "samples.table.json")
	assert.Equal(t, []string{"sample_id", "filepath", "tags", "label_predictions", "image", "score", "width", "height"}, columns)
	require.Len(t, data, 6)
	assert.Equal(t, []any{objectID(4, 0).Hex(), filepath.Join(w.dir, "0004.png"), "train", "2 detections: cat(1), dog(1)"}, data[4][:4])
	assert.Equal(t, []any{4.0, 32.0, 24.0}, data[4][5:])
	image := data[4][4].(map[string]any)
	assert.Equal(t, []any{16.0, 12.0}, []any{image["width"], image["height"]})
	assert.Len(t, image["boxes"].(map[string]any)["predictions"], 2)
	assert.Contains(t, a.Files, image["path"])
	assert.Contains(t, a.Files, "embeddings/vector.npz")

	run := w.server.State().Runs[0]
	assert.Equal(t, []string{got.GetRunId(), "finished", "laptop", "train.py"}, []string{run.Name, run.State, run.Host, run.Program})
	var stages []pb.Stage
	for _, event := range events[:len(events)-1] {
		if p := event.GetProgress(); p != nil {
			stages = append(stages, p.GetStage())
		} else {
			assert.Equal(t, got.GetRunId(), event.GetRunCreated().GetRunId())
		}
	}
	assert.NotEmpty(t, stages)
	assert.True(t, slices.IsSorted(stages), "%v", stages)
}

// A dry run says what would be logged, and W&B gets nothing.
func TestADryRunLogsNothing(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	dry, real := w.everything(), w.everything()
	dry.DryRun = true
	before := w.logged(logView(dry))
	assert.Empty(t, w.server.State().Runs)
	assert.Empty(t, w.server.State().Artifacts)
	logged := w.logged(logView(real))
	assert.True(t, before.GetDryRun())
	assert.False(t, logged.GetDryRun())
	assert.Equal(t, []int64{logged.GetFilesUploaded(), logged.GetFilesUploaded(), logged.GetBytesUploaded(), logged.GetBytesUploaded()},
		[]int64{before.GetFilesUploaded(), before.GetFilesTotal(), before.GetBytesUploaded(), before.GetBytesTotal()})
	const idGrows = 8 // an entry has the id of its version, whose length is not known before
	assert.InDelta(t, len(w.file("my_view", "")), before.GetManifestBytes(), float64(idGrows*before.GetEntries()))

	again := w.logged(logView(dry))
	assert.False(t, again.GetNewVersion())
	assert.Equal(t, []any{"v0", logged.GetArtifactUrl()}, []any{again.GetArtifactVersion(), again.GetArtifactUrl()})
	assert.Equal(t, []int64{0, 0, before.GetFilesTotal()}, []int64{again.GetFilesUploaded(), again.GetBytesUploaded(), again.GetFilesUnchanged()})

	w.samples(7) // one more: what W&B has of the others stays there
	more := w.logged(logView(dry))
	assert.True(t, more.GetNewVersion())
	after := w.logged(logView(real))
	assert.Equal(t, "v1", after.GetArtifactVersion())
	assert.Equal(t, []int64{after.GetFilesUploaded(), after.GetBytesUploaded(), after.GetFilesUnchanged()},
		[]int64{more.GetFilesUploaded(), more.GetBytesUploaded(), more.GetFilesUnchanged()})
	assert.Positive(t, after.GetFilesUnchanged())
	assert.Len(t, w.server.State().Artifacts, 2)
}

// TestSomeRowsInParts logs a part of a view that is filtered and sorted, in tables of two rows.
func TestSomeRowsInParts(t *testing.T) {
	w := newWorld(t)
	w.samples(12)
	m := w.everything()
	m.View = w.view(`{"$match": {"score": {"$gte": 2}}}`, `{"$sort": {"score": -1}}`)
	m.View.SerializationJson = `[{"_cls":"fiftyone.core.stages.SortBy","kwargs":[]}]`
	m.View.Selection = &pb.Selection{MaxSamples: 5, Seed: 51}
	m.Parts = &pb.TableParts{Whole: 2, Part: 2}
	m.Pictures.PicturesMax = 3
	got := w.logged(logView(m))
	assert.Equal(t, []int64{5, 10}, []int64{got.GetSamples(), got.GetViewSamples()})
	assert.Contains(t, warningCodes(got), "pictures_max")

	var scores []float64
	pictures := 0
	parts := slices.Sorted(maps.Keys(w.onlyArtifact().Files))
	for _, path := range parts {
		if !strings.HasSuffix(path, ".table.json") {
			continue
		}
		_, data := w.table("my_view", path)
		assert.LessOrEqual(t, len(data), 2)
		for _, row := range data {
			scores = append(scores, row[5].(float64))
			if row[4] != nil {
				pictures++
			}
		}
	}
	require.Len(t, scores, 5, "%v", parts)
	assert.True(t, slices.IsSortedFunc(scores, func(a, b float64) int { return int(b - a) }), "the view's order: %v", scores)
	assert.Equal(t, 3, pictures)
	assert.Contains(t, parts, "fiftyone/view.json")

	m.View.Selection.Seed++
	other := w.logged(logView(m))
	assert.True(t, other.GetNewVersion(), "another choice")
}

func TestLogPredictions(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	w.logged(logView(w.everything()))
	m := &pb.LogPredictions{View: w.view(), Dataset: w.dataset(), Predictions: predictionsField, Prompt: promptField, Fields: []*pb.Field{scoreField},
		ModelName: "resnet", ModelVersion: "2", ModelConfigJson: `{"layers":50}`, LowConfidenceThreshold: 0.5, InputArtifact: "my_view:best",
		InferenceTimestamp: "2026-01-31T12:00:00", NameTimestamp: "20260131_120000", RunId: "mine"}
	req := &pb.RunRequest{Job: &pb.RunRequest_LogPredictions{LogPredictions: m}}
	got := w.logged(req)
	assert.Equal(t, []int64{6, 12, 2, 6}, []int64{got.GetSamples(), got.GetTotalPredictions(), got.GetNumClasses(), got.GetNumLowConfidence()})
	assert.Equal(t, "mine", got.GetRunId())
	assert.Equal(t, w.server.URL()+"/local-user/p/artifacts/dataset/my_view/v0", got.GetInputArtifactUrl())
	columns, data := w.table(got.GetArtifactName(), "predictions.table.json")
	assert.Equal(t, []string{"sample_id", "label_ids", "prompt", "predictions", "avg_confidence", "num_predictions", "score"}, columns)
	assert.Equal(t, []any{"What is in picture 3?", "2 detections: cat(1), dog(1)", 0.562, 2.0, 3.0}, data[3][2:])
	assert.Contains(t, w.file(got.GetArtifactName(), "fiftyone/metadata.json"), `"layers":50`)
	state := w.server.State()
	inputs := state.Runs[len(state.Runs)-1].Inputs
	assert.Equal(t, []string{state.Artifacts[0].ID}, inputs)

	m.ModelConfigJson = `{"layers":`
	failed := w.failure(req)
	assert.Equal(t, []any{"bad_model_config", pb.Source_SOURCE_SETTINGS}, []any{failed.GetCode(), failed.GetSource()})
	m.ModelConfigJson, m.InputArtifact = "", "nothing:v3"
	assert.Equal(t, "not_found", w.failure(req).GetCode())
}

// TestWhatWasLoggedIsRead reads the table and the list of samples of an artifact back, as the panel does.
func TestWhatWasLoggedIsRead(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	w.logged(logView(w.everything()))
	read := func(m *pb.ReadTable) *pb.TableHead {
		end := last(w.run(&pb.RunRequest{Job: &pb.RunRequest_ReadTable{ReadTable: m}}))
		require.Empty(t, end.GetFailure().GetMessage())
		return end.GetTableHead()
	}
	head := read(&pb.ReadTable{Reference: "my_view:best", Rows: 2, PictureSize: 8})
	assert.Equal(t, []any{"samples", []string{"samples"}, int32(8), int64(6), true},
		[]any{head.GetTable(), head.GetTables(), head.GetAllColumns(), head.GetTotal(), head.GetMore()})
	require.Len(t, head.GetRows(), 2)
	cells := head.GetRows()[1].GetCells()
	assert.Equal(t, []any{pb.CellKind_CELL_KIND_TEXT, objectID(1, 0).Hex()}, []any{cells[0].GetKind(), cells[0].GetText()})
	assert.Equal(t, []any{pb.CellKind_CELL_KIND_NUMBER, "1"}, []any{cells[5].GetKind(), cells[5].GetText()})
	require.Len(t, cells[4].GetImage().GetBoxes(), 1)
	layer := cells[4].GetImage().GetBoxes()[0]
	assert.Equal(t, "predictions", layer.GetKey())
	require.Len(t, layer.GetBoxes(), 2)
	box := layer.GetBoxes()[0]
	assert.Equal(t, []any{"cat (0.88)", 0.25, 0.75, 0.25, 0.75}, []any{box.GetCaption(), box.GetMinX(), box.GetMaxX(), box.GetMinY(), box.GetMaxY()})
	require.Len(t, head.GetPictures(), 2)
	picture := head.GetPictures()[cells[4].GetImage().GetPicture()]
	assert.Equal(t, []any{int32(8), int32(6), "png"}, []any{picture.GetWidth(), picture.GetHeight(), picture.GetFormat()})

	plain := w.everything()
	plain.ArtifactName, plain.IncludeLabels, plain.IncludeImages = "plain", false, false
	w.logged(logView(plain))
	none := read(&pb.ReadTable{Reference: "plain"})
	assert.Empty(t, none.GetTable())
	assert.NotEmpty(t, none.GetMessage(), "why there is none")
	for words, m := range map[string]*pb.ReadTable{`no table "other"`: {Reference: "my_view:best", Table: "other"}, "nothing": {Reference: "nothing"}} {
		failed := w.failure(&pb.RunRequest{Job: &pb.RunRequest_ReadTable{ReadTable: m}})
		assert.Equal(t, "not_found", failed.GetCode())
		assert.Contains(t, failed.GetMessage(), words)
	}
}

// TestFailuresOfLoggingJobs: each ends with the code and the source of what is wrong, and W&B gets nothing.
func TestFailuresOfLoggingJobs(t *testing.T) {
	broken := []byte("no BSON")
	for name, c := range map[string]struct {
		code   string
		source pb.Source
		change func(w *world, m *pb.LogView)
	}{
		"a broken pipeline":            {"bad_pipeline", pb.Source_SOURCE_PLUGIN, func(_ *world, m *pb.LogView) { m.View.Pipeline = broken }},
		"a broken pipeline of the set": {"bad_pipeline", pb.Source_SOURCE_PLUGIN, func(_ *world, m *pb.LogView) { m.Dataset.Pipeline = broken }},
		"an unknown stage": {"query_failed", pb.Source_SOURCE_FIFTYONE, func(w *world, m *pb.LogView) {
			m.View.Pipeline = pipeline(w.t, `{"$nonsense": 1}`)
		}},
		"an unknown dataset": {"dataset_deleted", pb.Source_SOURCE_FIFTYONE, func(_ *world, m *pb.LogView) { m.View.Collection = "samples.gone" }},
		"no rows":            {"empty_view", pb.Source_SOURCE_SETTINGS, func(w *world, m *pb.LogView) { m.View = w.view(`{"$match": {"score": -1}}`) }},
		"a bad alias":        {"bad_name", pb.Source_SOURCE_SETTINGS, func(_ *world, m *pb.LogView) { m.Aliases = []string{"v7"} }},
		"a bad run":          {"bad_name", pb.Source_SOURCE_SETTINGS, func(_ *world, m *pb.LogView) { m.RunId = "a/b" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.samples(2)
			m := w.everything()
			c.change(w, m)
			got := w.failure(logView(m))
			assert.Equal(t, []any{c.code, c.source}, []any{got.GetCode(), got.GetSource()}, got.GetMessage())
			assert.Empty(t, w.server.State().Runs)
			assert.Empty(t, w.server.State().Artifacts)
		})
	}
}

// TestFinishRun ends a run whose worker is gone.
func TestFinishRun(t *testing.T) {
	w := newWorld(t)
	seed := wandbtest.NewSeed(t, wandbtest.Target{BaseURL: w.server.URL(), APIKey: w.server.Key(), Project: "p"})
	seed.Run("open", "", nil)
	end := last(w.run(&pb.RunRequest{Job: &pb.RunRequest_FinishRun{FinishRun: &pb.FinishRun{Entity: "local-user", Project: "p", RunId: "open", ExitCode: 1}}}))
	require.NotNil(t, end.GetRunFinished(), "%v", end)
	assert.Equal(t, "failed", w.server.State().Runs[0].State)

	wrong := w.settings()
	wrong.ApiKey = standin.NewKey().Reveal()
	for code, req := range map[string]*pb.RunRequest{
		"not_found": {Job: &pb.RunRequest_FinishRun{FinishRun: &pb.FinishRun{Entity: "local-user", Project: "p", RunId: "gone"}}},
		"bad_key":   {Wandb: wrong, Job: &pb.RunRequest_FinishRun{FinishRun: &pb.FinishRun{Entity: "local-user", Project: "p", RunId: "open"}}},
	} {
		failed := w.failure(req)
		assert.Equal(t, code, failed.GetCode(), failed.GetMessage())
		assert.NotContains(t, failed.GetMessage(), wrong.GetApiKey())
	}
}
