package rpc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

// evaluated is a dataset with evaluations as FiftyOne stored it, in a database of its own.
type evaluated struct {
	*world
	database string
	id       bson.ObjectID
}

// newEvaluated stores the golden dataset with these of its evaluations.
func newEvaluated(t *testing.T, keys ...string) *evaluated {
	d := &evaluated{world: newWorld(t), database: "eval_" + bson.NewObjectID().Hex(), id: bson.NewObjectID()}
	golden := evaluationtest.Load(t).Datasets["eval_golden"]
	docs := map[string][]any{}
	for _, raw := range golden.Samples {
		docs["samples"] = append(docs["samples"], evaluationtest.Document(t, raw))
	}
	var runs bson.D
	for _, key := range keys {
		run := golden.Runs[key]
		s := evaluationtest.Store(key, evaluationtest.Document(t, run.Document), []byte(run.Results.Text))
		runs = append(runs, bson.E{Key: key, Value: s.ID})
		docs["runs"], docs["fs.files"], docs["fs.chunks"] = append(docs["runs"], s.Run), append(docs["fs.files"], s.Files...), append(docs["fs.chunks"], s.Chunks...)
	}
	docs["datasets"] = []any{bson.D{{Key: "_id", Value: d.id}, {Key: "name", Value: "d"}, {Key: "sample_fields", Value: evaluationtest.Fields()}, {Key: "evaluations", Value: runs}}}
	for name, list := range docs {
		require.NoError(t, mongo.InsertInto(t.Context(), d.database, name, list))
	}
	return d
}

// where is all of the dataset, or what stages make of it.
func (d *evaluated) where(stages ...string) *pb.View {
	v := d.view(stages...)
	v.Database, v.Collection = d.database, "samples"
	return v
}

func (d *evaluated) set() *pb.Dataset {
	return &pb.Dataset{Name: "d", Id: d.id.Hex(), MediaType: "image", Collection: "samples"}
}

func (d *evaluated) log(key string) *pb.LogEvaluation {
	return &pb.LogEvaluation{View: d.where(), Dataset: d.set(), EvalKey: key, ArtifactName: "report", ModelName: "resnet"}
}

func logEvaluation(m *pb.LogEvaluation) *pb.RunRequest {
	return &pb.RunRequest{Job: &pb.RunRequest_LogEvaluation{LogEvaluation: m}}
}

// numbers are metrics by their names.
func numbers(list []*pb.Metric) map[string]float64 {
	out := map[string]float64{}
	for _, m := range list {
		out[m.GetName()] = m.GetValue()
	}
	return out
}

// TestLogEvaluation logs an evaluation beside another one, with a part of the dataset. What FiftyOne says of it is in the golden file.
func TestLogEvaluation(t *testing.T) {
	d := newEvaluated(t, "ev_b", "ev_cw0")
	golden := evaluationtest.Load(t)
	m := d.log("ev_b")
	m.CompareWith = "ev_cw0"
	m.Fields = []*pb.Field{{Path: "quality", DbPath: "quality", FieldType: "FloatField"}}
	m.Subsets = []*pb.EvaluationSubset{{Name: "good", View: d.where(`{"$match": {"quality": {"$gt": 0.5}}}`)}}
	got := d.logged(logEvaluation(m))
	require.NotNil(t, got.GetEvaluation())
	assert.Equal(t, []string{"ev_b", "detection"}, []string{got.GetEvaluation().GetKey(), got.GetEvaluation().GetType()})
	assert.InDelta(t, golden.Evaluations["ev_b"]["mAP"], numbers(got.GetEvaluation().GetMetrics())["mAP"], 1e-9)
	assert.Empty(t, got.GetEvaluation().GetCharts(), "the run has them")
	assert.Len(t, got.GetEvaluation().GetClasses(), len(golden.Evaluations["ev_b"]["classes"].([]any)))
	assert.Contains(t, numbers(got.GetRunMetrics()), "eval/good/F1")
	assert.EqualValues(t, 30, got.GetSamples())

	a := d.onlyArtifact()
	assert.Equal(t, "evaluation", a.Type)
	assert.Equal(t, []string{"ev_b_vs_ev_cw0", "latest"}, a.Aliases)
	columns, data := d.table("report", "samples.table.json")
	assert.Len(t, data, 30)
	assert.Contains(t, columns, "quality")
	run := d.server.State().Runs[0]
	assert.Contains(t, string(run.Summary), `"eval/good/F1"`)
	assert.Contains(t, string(run.Config), `"resnet"`)

	m.DryRun = true
	dry := d.logged(logEvaluation(m))
	assert.False(t, dry.GetNewVersion(), "the same evaluation has the same bytes")
	assert.Equal(t, numbers(got.GetRunMetrics()), numbers(dry.GetRunMetrics()))
	assert.Len(t, d.server.State().Runs, 1)
}

// TestAnEvaluationForTheCallersRun gives the host what it has to write to its own run.
func TestAnEvaluationForTheCallersRun(t *testing.T) {
	d := newEvaluated(t, "ev")
	first := d.log("ev")
	first.RunId = "abc"
	d.logged(logEvaluation(first))
	s := d.settings()
	s.ActiveRun = &pb.ActiveRun{Entity: "local-user", Project: "p", RunId: "abc", BaseUrl: d.server.URL()}
	req := logEvaluation(first)
	req.Wandb = s
	got := d.logged(req)
	assert.Equal(t, pb.RunRelation_RUN_RELATION_ACTIVE_HERE, got.GetRunRelation())
	keys := map[string]bool{}
	for _, c := range got.GetEvaluation().GetCharts() {
		keys[c.GetKey()] = true
		assert.Contains(t, c.GetTableJson(), `"columns"`)
	}
	assert.Contains(t, keys, "eval_charts/confusion_matrix")
	assert.Contains(t, numbers(got.GetRunMetrics()), "eval/mAP")
}

// TestAnEvaluationThatWaitsOffline has its numbers and charts go to the run when the directory is uploaded.
func TestAnEvaluationThatWaitsOffline(t *testing.T) {
	d := newEvaluated(t, "ev")
	online := d.logged(logEvaluation(d.log("ev")))
	req := logEvaluation(d.log("ev"))
	req.Wandb = d.offline()
	written := d.logged(req)
	assert.Equal(t, numbers(online.GetRunMetrics()), numbers(written.GetRunMetrics()))
	got := d.logged(syncOffline(&pb.SyncOffline{Directory: written.GetOfflineDirectory()}))
	assert.Empty(t, got.GetWarnings())
	assert.False(t, got.GetNewVersion(), "the same evaluation")
	runs := d.server.State().Runs
	require.Len(t, runs, 2)
	for _, part := range []string{`"eval/mAP":`, `"eval_charts/confusion_matrix_table":`} {
		assert.Contains(t, strings.ReplaceAll(string(runs[0].Summary), " ", ""), part)
		assert.Contains(t, strings.ReplaceAll(string(runs[1].Summary), " ", ""), part)
	}
	assert.Contains(t, string(runs[1].Config), "visualize", "the charts")
}

func TestReadEvaluation(t *testing.T) {
	d := newEvaluated(t, "ev_b", "ev_cw0")
	golden := evaluationtest.Load(t)
	person := "person"
	m := &pb.ReadEvaluation{View: d.where(), Dataset: d.set(), EvalKey: "ev_b", CompareWith: "ev_cw0", LabelsOf: &pb.EvaluationCell{Truth: &person, Predicted: &person}}
	events := d.run(&pb.RunRequest{Wandb: &pb.WandbSettings{}, Job: &pb.RunRequest_ReadEvaluation{ReadEvaluation: m}})
	got := last(events).GetEvaluationNumbers()
	require.NotNil(t, got, "%v", last(events).GetFailure())
	own, other := golden.Evaluations["ev_b"], golden.Evaluations["ev_cw0"]
	assert.InDelta(t, own["mAP"], numbers(got.GetMetrics())["mAP"], 1e-9)
	assert.InDelta(t, other["mAP"], numbers(got.GetOther().GetMetrics())["mAP"], 1e-9)
	assert.InDelta(t, own["mAP"].(float64)-other["mAP"].(float64), numbers(got.GetDifferences())["mAP"], 1e-9)
	assert.NotEmpty(t, got.GetCharts())

	count := int64(-1)
	labels := got.GetConfusion().GetLabels()
	for _, c := range got.GetConfusion().GetCells() {
		if labels[c.GetTruth()] == person && labels[c.GetPredicted()] == person {
			count = c.GetCount()
		}
	}
	ids := 0
	for _, event := range events {
		if chunk := event.GetIdChunk(); chunk != nil {
			assert.Equal(t, pb.IdList_ID_LIST_LABELS, chunk.GetList())
			ids += len(chunk.GetIds()) / 12
		}
	}
	assert.EqualValues(t, count, ids, "the ids of the labels of that cell")
	assert.Empty(t, d.server.Stats().Requests, "W&B is not asked")
}

// TestEvaluationsThatAreRefused: what cannot be read or compared is said.
func TestEvaluationsThatAreRefused(t *testing.T) {
	d := newEvaluated(t, "ev", "cl")
	broken := []byte("no BSON")
	read := func(change func(m *pb.ReadEvaluation)) *pb.RunRequest {
		m := &pb.ReadEvaluation{View: d.where(), Dataset: d.set(), EvalKey: "ev"}
		change(m)
		return &pb.RunRequest{Job: &pb.RunRequest_ReadEvaluation{ReadEvaluation: m}}
	}
	log := func(change func(m *pb.LogEvaluation)) *pb.RunRequest {
		m := d.log("ev")
		change(m)
		return logEvaluation(m)
	}
	for name, c := range map[string]struct {
		code string
		req  *pb.RunRequest
	}{
		"unknown":               {"unknown_key", read(func(m *pb.ReadEvaluation) { m.EvalKey = "none" })},
		"of another kind":       {"not_comparable", read(func(m *pb.ReadEvaluation) { m.CompareWith = "cl" })},
		"a broken view":         {"bad_pipeline", read(func(m *pb.ReadEvaluation) { m.View.Pipeline = broken })},
		"broken frames":         {"bad_pipeline", read(func(m *pb.ReadEvaluation) { m.View.FramesPipeline = broken })},
		"no such samples":       {"dataset_deleted", read(func(m *pb.ReadEvaluation) { m.View.Collection = "gone" })},
		"nothing evaluated":     {"not_evaluated", log(func(m *pb.LogEvaluation) { m.View = d.where(`{"$match": {"quality": -1}}`) })},
		"patches":               {"bad_view", log(func(m *pb.LogEvaluation) { m.View.RowKind = pb.RowKind_ROW_KIND_PATCH })},
		"broken rows":           {"bad_pipeline", log(func(m *pb.LogEvaluation) { m.View.Pipeline = broken })},
		"broken frames of rows": {"bad_pipeline", log(func(m *pb.LogEvaluation) { m.View.FramesPipeline = broken })},
		"a broken subset": {"bad_pipeline", log(func(m *pb.LogEvaluation) {
			m.Subsets = []*pb.EvaluationSubset{{Name: "s", View: &pb.View{Pipeline: broken}}}
		})},
		"broken frames of a set": {"bad_pipeline", log(func(m *pb.LogEvaluation) {
			m.Subsets = []*pb.EvaluationSubset{{Name: "s", View: &pb.View{FramesPipeline: broken}}}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.failure(c.req)
			assert.Equal(t, c.code, got.GetCode(), got.GetMessage())
			assert.Empty(t, d.server.State().Artifacts)
		})
	}
}
