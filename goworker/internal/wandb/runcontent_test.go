package wandb_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// ended puts a run that has ended on the server.
func (srv *server) ended(id, config, summary string) *wandb.Run {
	srv.haveRun(ref(id), "finished", config, summary)
	return &wandb.Run{RunRef: ref(id), State: "finished"}
}

const otherPanel = `{"panel_type":"Vega2","panel_config":{"panelDefId":"wandb/bar/v0"}}`

func TestARunThatHasEndedGainsNumbersAndCharts(t *testing.T) {
	srv := newServer(t)
	run := srv.ended("r", `{"lr":{"value":12345678901234567890},"_wandb":{"desc":null,"value":{"t":{"1":[2]},"m":[{"1":"eval/*"}],"visualize":{"theirs":`+otherPanel+`}}}}`,
		`{"loss":1e-30,"_step":7,"_wandb":{"runtime":3},"eval/mAP":0.25,"eval/AUC":1}`)
	c := srv.client()
	chart, err := c.UploadTableCopy(t.Context(), ref("r"), wandb.TableCopy{
		Key: "eval_charts/f1_by_class_table", Open: opened(`{"columns":["class","F1"],"data":[["a",0.5]]}`), Columns: 2, Rows: 1,
	})
	require.NoError(t, err)
	content := wandb.RunContent{
		Config: map[string]any{"lr": 1, "model_name": "m"}, Own: map[string]any{"evaluation": map[string]any{"eval_key": "ev"}},
		Panels: map[string]any{"eval_charts/f1_by_class": map[string]any{"panel_type": "Vega2"}},
		Values: []wandb.RunValue{chart, wandb.RunNumbers{"eval/mAP": 0.5, "eval/F1": 0.75, "eval/nan": math.NaN(), "eval/inf": math.Inf(-1)}},
		Stale:  []string{"eval/AUC", "eval/F1", "eval/dice"},
	}
	replaced, err := c.UpdateRun(t.Context(), run, content)
	require.NoError(t, err)
	assert.Equal(t, []string{"eval/mAP"}, replaced, "eval/AUC is not ours: nothing says that an evaluation was logged before")

	config := string(srv.run("r").Config)
	assert.Contains(t, config, `"lr":{"value":12345678901234567890}`, "not a digit changes")
	assert.JSONEq(t, `{"desc":null,"value":{"t":{"1":[2]},"m":[{"1":"eval/*"}],"visualize":{"theirs":`+otherPanel+`,"eval_charts/f1_by_class":{"panel_type":"Vega2"}}}}`,
		string(mustJSON(t, object(t, config)["_wandb"])))
	assert.Equal(t, map[string]any{"value": map[string]any{"eval_key": "ev"}}, object(t, config)["evaluation"])
	assert.Equal(t, map[string]any{"value": "m"}, object(t, config)["model_name"])

	text := string(srv.run("r").Summary)
	assert.Contains(t, text, `"loss":1e-30`)
	summary := object(t, text)
	table := summary["eval_charts/f1_by_class_table"].(map[string]any)
	assert.Regexp(t, `^media/table/eval_charts/f1_by_class_table_0_[0-9a-f]{20}\.table\.json$`, table["path"])
	assert.EqualValues(t, "table-file", table["_type"])
	assert.NotContains(t, table, "artifact_path")
	delete(summary, "eval_charts/f1_by_class_table")
	assert.Equal(t, map[string]any{"loss": 1e-30, "_step": 7.0, "_wandb": map[string]any{"runtime": 3.0}, "eval/mAP": 0.5, "eval/F1": 0.75, "eval/AUC": 1.0}, summary)
	assert.Equal(t, "finished", srv.run("r").State)
	assert.Zero(t, srv.count("file_stream"), "a post would wake the run")

	// The same again changes nothing; another evaluation replaces it, and takes away what it has not.
	replaced, err = c.UpdateRun(t.Context(), run, content)
	require.NoError(t, err)
	assert.Equal(t, []string{"eval/AUC"}, replaced)
	content.Own = map[string]any{"evaluation": map[string]any{"eval_key": "other"}}
	content.Values = []wandb.RunValue{wandb.RunNumbers{"eval/mAP": 0.5}}
	replaced, err = c.UpdateRun(t.Context(), run, content)
	require.NoError(t, err)
	assert.Equal(t, []string{"eval/F1", "evaluation"}, replaced)
	assert.NotContains(t, object(t, string(srv.run("r").Summary)), "eval/F1")
}

func mustJSON(t *testing.T, v any) []byte {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

func TestRunsWhoseValuesAreOdd(t *testing.T) {
	for name, c := range map[string]struct{ config, summary, code string }{
		"nothing there":            {"", "", ""},
		"null":                     {`{"_wandb":null}`, `null`, ""},
		"no objects":               {`{"_wandb":{"value":7}}`, `{"x":NaN}`, ""},
		"visualize is a list":      {`{"_wandb":{"value":{"visualize":[1],"t":1}}}`, `{}`, ""},
		"a summary that is a list": {`{}`, `[1]`, "server_error"},
		"a config that is a list":  {`[]`, `{}`, "server_error"},
		"a config that is null":    {`null`, ` `, ""},
		"a summary that is broken": {`{}`, `{"a":`, "server_error"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			run := srv.ended("r", "", "")
			srv.alter("RunContent", 1, func(data obj) { // no server would take all of these
				node := data["project"].(obj)["run"].(obj)
				node["config"], node["summaryMetrics"] = c.config, c.summary
			})
			_, err := srv.client().UpdateRun(t.Context(), run, wandb.RunContent{
				Panels: map[string]any{"k": 1}, Values: []wandb.RunValue{wandb.RunNumbers{"n": 1}},
			})
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			if c.code != "" {
				assert.Zero(t, srv.count("SetRunContent"), "it was left alone")
				return
			}
			visualize := object(t, string(srv.run("r").Config))["_wandb"].(map[string]any)["value"].(map[string]any)["visualize"]
			assert.Equal(t, map[string]any{"k": 1.0}, visualize)
			assert.Equal(t, 1.0, object(t, string(srv.run("r").Summary))["n"])
		})
	}
}

func TestValuesOfARunThatIsNotOursToWrite(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "{}")
	_, err := srv.client().UpdateRun(t.Context(), &wandb.Run{RunRef: ref("r"), State: "finished"}, wandb.RunContent{Values: []wandb.RunValue{wandb.RunNumbers{"n": 1}}})
	assert.Equal(t, "run_alive", fault.Code(err))
	assert.Zero(t, srv.count("SetRunContent"))
	_, err = srv.client().UpdateRun(t.Context(), &wandb.Run{RunRef: ref("gone")}, wandb.RunContent{})
	assert.Equal(t, "not_found", fault.Code(err))
}

func TestANewRunHasItsPanelsFromTheBeginning(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	run, err := c.CreateRun(t.Context(), wandb.RunSpec{RunRef: ref("new"), Config: map[string]any{"a": 1}, Panels: map[string]any{"k": map[string]any{"panel_type": "Vega2"}}})
	require.NoError(t, err)
	own := object(t, string(srv.run("new").Config))["_wandb"].(map[string]any)["value"].(map[string]any)
	assert.Equal(t, map[string]any{"k": map[string]any{"panel_type": "Vega2"}}, own["visualize"])
	assert.Contains(t, own, "t")

	require.NoError(t, c.FinishRun(t.Context(), run.RunRef, 0, wandb.RunNumbers{"eval/F1": 0.1, "eval/nan": math.NaN()}))
	require.Len(t, srv.posts(), 1)
	assert.NotContains(t, srv.posts()[0], "uploaded")
	for _, name := range []string{"wandb-history.jsonl", "wandb-summary.json"} {
		line := object(t, srv.posts()[0]["files"].(obj)[name].(obj)["content"].([]any)[0].(string))
		assert.Equal(t, 0.1, line["eval/F1"])
		assert.NotContains(t, line, "eval/nan")
	}
}
