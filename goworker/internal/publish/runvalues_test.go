package publish

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evalreport"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// detections is what a run gets to know of an evaluation of detections with two classes, under some key.
func detections(key string) *RunValues {
	iou := 0.5
	points := []evaluation.PRPoint{{Recall: 0, Precision: 1}, {Recall: 1, Precision: 0.5}}
	return ValuesOfEvaluation(evalreport.NewValues(&evaluation.Report{
		Config:  evaluation.Config{Key: "ev", Type: evaluation.Detection, Method: "coco", IoU: &iou},
		Metrics: []evaluation.Metric{{Name: "mAP", Value: 0.25}},
		Classes: []evaluation.Class{{Name: "a.b", F1: 0.5, Support: 3}, {Name: "person/x", F1: 0.75, Support: 5}}, Missing: "(none)",
		Confusion: evaluation.Confusion{Labels: []string{"a.b", "person/x", "(none)"}, Cells: []evaluation.Cell{{Truth: 0, Predicted: 0, Count: 3}, {Truth: 2, Predicted: 1, Count: 2}}},
		Curves:    evaluation.Curves{PR: []evaluation.PRCurve{{Class: 0, Points: points}, {Class: 1, Points: points}}},
	}, nil, evalreport.DefaultPrefix, map[string]any{"eval_key": key}))
}

// publishEvaluation logs an artifact of one file with the values of an evaluation to a run.
func publishEvaluation(t *testing.T, server *standin.Server, runID string, active *config.ActiveRun, values *RunValues) *Result {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	defer func() { _ = spool.Close() }()
	s, err := openSession(t.Context(), config.Inputs{APIKey: server.Key(), BaseURL: server.URL(), Project: "p", ActiveRun: active}, runID)
	require.NoError(t, err)
	defer s.Client.Close()
	p := &Publisher{Session: s, Tracker: collect.NewTracker(nil), Name: "evaluation_d", Spec: Spec{Kind: "evaluation"}}
	defer p.StopHeartbeats()
	c := &collect.Collector{Spool: spool, Files: &artifact.Files{}, Tracker: p.Tracker, Name: p.Name, RunID: runID}
	require.NoError(t, c.WriteFile("fiftyone/metadata.json", []byte("{}\n")))
	res, err := p.publish(t.Context(), c, &Publication{Config: map[string]any{"model_name": "m"}, Metadata: []byte("{}"), Values: values})
	require.NoError(t, err)
	return res
}

// runState is the run as W&B has it.
func runState(t *testing.T, server *standin.Server, id string) standin.RunState {
	for _, r := range server.State().Runs {
		if r.Name == id {
			return r
		}
	}
	require.Fail(t, "there is no run "+id)
	return standin.RunState{}
}

// Each kind of run gets the numbers and charts in its own way.
func TestRunsShowAnEvaluation(t *testing.T) {
	server, err := standin.New(standin.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	defer func() { _ = server.Close() }()
	values := detections("ev")

	res := publishEvaluation(t, server, "new", nil, values)
	assert.Equal(t, RunOurs, res.Relation)
	assert.Empty(t, res.Warnings)
	checkShown(t, server, runState(t, server, "new"))

	// The run has ended: it keeps what it has.
	other := detections("other")
	other.Numbers["eval/mAP"] = 0.75
	res = publishEvaluation(t, server, "new", nil, other)
	assert.Equal(t, RunEnded, res.Relation)
	require.Len(t, res.Warnings, 1)
	assert.Equal(t, "replaced_values", res.Warnings[0].Code)
	assert.Contains(t, res.Warnings[0].Message, "eval/mAP, evaluation.")
	run := runState(t, server, "new")
	assert.Contains(t, string(metadata.JSON(run.Summary)), `"eval/mAP":0.75`)
	assert.Equal(t, "finished", run.State)

	// The run is active in the caller's Python: only the host may write to it.
	settings, err := config.Resolve(config.Inputs{APIKey: server.Key(), BaseURL: server.URL(), Entity: server.Entity(), Project: "p"})
	require.NoError(t, err)
	client, err := wandb.NewClient(settings)
	require.NoError(t, err)
	defer client.Close()
	ref := config.RunRef{Entity: server.Entity(), Project: "p", ID: "active"}
	_, err = client.CreateRun(t.Context(), wandb.RunSpec{RunRef: ref})
	require.NoError(t, err)
	res = publishEvaluation(t, server, "active", &config.ActiveRun{Entity: ref.Entity, Project: "p", RunID: "active", BaseURL: server.URL()}, values)
	assert.Equal(t, RunActiveHere, res.Relation)
	assert.Equal(t, values.Numbers, res.Metrics)
	assert.Equal(t, values.Charts, res.Charts)
	assert.Contains(t, res.RunConfigJSON, `"eval_key":"ev"`)
	assert.NotContains(t, string(metadata.JSON(runState(t, server, "active"))), "eval/mAP")

	res = publishEvaluation(t, server, "active", nil, values)
	assert.Equal(t, RunAliveElsewhere, res.Relation)
	require.Len(t, res.Warnings, 1)
	assert.Equal(t, "run_alive", res.Warnings[0].Code)
	assert.NotContains(t, string(metadata.JSON(runState(t, server, "active"))), "eval/mAP")
}

func checkShown(t *testing.T, server *standin.Server, run standin.RunState) {
	var config struct {
		Own struct {
			Value struct {
				Visualize map[string]json.RawMessage `json:"visualize"`
			} `json:"value"`
		} `json:"_wandb"`
	}
	require.NoError(t, json.Unmarshal(metadata.JSON(run.Config), &config))
	summary := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(metadata.JSON(run.Summary), &summary))
	assert.JSONEq(t, "0.25", string(summary["eval/mAP"]))
	for _, key := range []string{"eval_charts/confusion_matrix", "eval_charts/precision_recall", "eval_charts/f1_by_class"} {
		assert.Contains(t, string(config.Own.Value.Visualize[key]), fmt.Sprintf(`%q`, key+"_table"))
		var table struct {
			Path string `json:"path"`
		}
		require.NoError(t, json.Unmarshal(summary[key+"_table"], &table))
		assert.True(t, slices.ContainsFunc(run.Files, func(f string) bool { return f == table.Path }), "%s in %v", table.Path, run.Files)
	}
}
