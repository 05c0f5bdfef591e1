package wandbtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// settled gives a run as soon as it is as it should be, or as it is after a while.
func (q *questioner) settled(ref config.RunRef, ok func(*storedRun) bool) *storedRun {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		run := q.read.run(ref.Entity, ref.Project, ref.ID)
		if require.NotNil(q.t, run); ok(run) || time.Now().After(end) {
			return run
		}
	}
}

// under is what a JSON object holds under keys, as JSON.
func under(text string, path ...any) string {
	var all any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return "not JSON"
	}
	raw, _ := json.Marshal(dig(all, path...)) // it was JSON before
	return string(raw)
}

// partitionedTable logs a table of two parts and has a run that it creates end with it.
func (q *questioner) partitionedTable() {
	ctx := q.t.Context()
	run := q.suite.newRun(q.t, "parts", nil)
	path, parts := table.Layout("samples", 2)
	contents := map[string]string{
		path:     string(table.PartitionedJSON("samples")),
		parts[0]: `{"columns":["id","n"],"data":[["a",1],["b",2]]}`,
		parts[1]: `{"columns":["id","n"],"data":[["c",3]]}`,
	}
	logged, err := q.client.LogArtifact(ctx, q.spec(q.t, run, q.collection("parts"), contents), nil)
	require.NoError(q.t, err)
	shown, err := wandb.PartitionedRunTable("samples").In(logged.ID, path)
	require.NoError(q.t, err)
	end := "accepted"
	if err := q.client.FinishRun(ctx, run.RunRef, 0, shown); err != nil {
		end = err.Error()
	}
	stored := q.settled(run.RunRef, func(r *storedRun) bool {
		return r.State == "finished" && strings.Contains(r.Summary, "partitioned-table")
	})
	q.note("a partitioned-table in the last message of a run", fmt.Sprintf("%s; its state is %s, history lines: %d, summary.samples: %s", end, stored.State, stored.Lines, under(stored.Summary, "samples")),
		"The state finished, and the value in the summary with its artifact_path: the workspace reads the parts from the artifact. Where it is refused, the run ends without it, with a warning.")
	q.note("the files of a partitioned table, read back from its artifact", fmt.Sprintf("all as they were sent: %t", q.holds(logged.ID, contents)),
		"All as they were sent, listed under their paths.")
}

// holds reports whether a version has exactly these files.
func (q *questioner) holds(id string, contents map[string]string) bool {
	got := map[string]string{}
	for _, e := range q.read.version(id).Files.Edges {
		got[e.Node.Name] = string(q.read.download(e.Node.DirectURL))
	}
	return assert.ObjectsAreEqual(contents, got)
}

// finishedRun gives a chart to a run that has ended, in the three places where W&B's client
// keeps one: the table among the run's files, its value in the summary, and how it is drawn
// in the config. A post to the file stream would wake the run.
func (q *questioner) finishedRun() {
	ref := q.ref("ended")
	q.suite.newRun(q.t, "ended", map[string]any{"plain": 1})
	require.NoError(q.t, q.client.FinishRun(q.t.Context(), ref, 0))
	run := q.settled(ref, func(r *storedRun) bool { return r.State == "finished" })
	const stays = "The run stays finished: the plugin extends the config of runs that have ended. It gives them no charts and no summary."

	data := `{"columns":["label","value"],"data":[["cat",1],["dog",2]]}`
	sum := sha256.Sum256([]byte(data))
	digest := hex.EncodeToString(sum[:])
	path := "media/table/chart_table_0_" + digest[:20] + ".table.json"
	r := q.graphql(`mutation($e: String!, $p: String!, $r: String!, $f: [String!]!) { createRunFiles(input: {entityName: $e, projectName: $p, runName: $r, files: $f}) {
		uploadHeaders files { name uploadUrl } } }`, object{"e": ref.Entity, "p": ref.Project, "r": ref.ID, "f": []string{path}})
	made := dig(r.json, "data", "createRunFiles")
	node := object{"uploadUrl": dig(made, "files", 0, "uploadUrl"), "uploadHeaders": dig(made, "uploadHeaders")}
	q.note("a table's file given to a finished run", q.put(node, strings.NewReader(data), int64(len(data))).String(), stays)

	summary, err := json.Marshal(object{"chart_table": object{
		"_type": "table-file", "log_mode": "IMMUTABLE", "ncols": 2, "nrows": 2, "path": path, "sha256": digest, "size": len(data),
	}})
	require.NoError(q.t, err)
	r = q.graphql(`mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { state } } }`, object{"i": object{"id": run.ID, "summaryMetrics": string(summary)}})
	after := q.settled(ref, func(r *storedRun) bool { return strings.Contains(r.Summary, path) })
	q.note("a summary given to a finished run by upsertBucket", fmt.Sprintf("%s; its state is %s, summary.chart_table: %s", r.words(), after.State, under(after.Summary, "chart_table")), stays)

	r = q.graphql(`mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { state } } }`, object{"i": object{"id": run.ID, "config": q.withChart(after.Config)}})
	after = q.settled(ref, func(r *storedRun) bool { return strings.Contains(r.Config, "wandb/bar/v0") })
	q.note("a chart in the config of a finished run", fmt.Sprintf("%s; its state is %s, config.plain: %s, the chart is there: %t", r.words(), after.State,
		under(after.Config, "plain", "value"), under(after.Config, "_wandb", "value", "visualize", "chart", "panel_type") == `"Vega2"`), stays)
	after = q.settled(ref, func(r *storedRun) bool { return slices.Contains(r.fileNames(), path) })
	q.note("whether the finished run lists the chart's table file", fmt.Sprint(slices.Contains(after.fileNames(), path)), stays)
}

// withChart is a run's whole config with a bar chart of the table chart_table.
func (q *questioner) withChart(config string) string {
	var all map[string]any
	require.NoError(q.t, json.Unmarshal([]byte(config), &all))
	own, _ := dig(all, "_wandb", "value").(object)
	if own == nil {
		own = object{}
		all["_wandb"] = object{"value": own}
	}
	field := func(name string, fields ...any) object {
		return object{"name": name, "args": []any{}, "fields": append([]any{}, fields...)}
	}
	rows := field("summaryTable")
	rows["args"] = []any{object{"name": "tableKey", "value": "chart_table"}}
	runs := field("runSets", field("id"), field("name"), field("_defaultColorIndex"), rows)
	runs["args"] = []any{object{"name": "runSets", "value": "${runSets}"}}
	own["visualize"] = object{"chart": object{"panel_type": "Vega2", "panel_config": object{
		"panelDefId": "wandb/bar/v0", "fieldSettings": object{"label": "label", "value": "value"}, "stringSettings": object{"title": "check-server"},
		"transform": object{"name": "tableWithLeafColNames"}, "userQuery": object{"queryFields": []any{runs}},
	}}}
	raw, err := json.Marshal(all)
	require.NoError(q.t, err)
	return string(raw)
}
