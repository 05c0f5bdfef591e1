package lookup_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func (l *library) lookup(j lookup.List) *lookup.ListResult {
	j.Settings = l.inputs()
	res, err := j.Run(l.t.Context())
	require.NoError(l.t, err)
	return res
}

// shelve logs artifacts of all sorts, oldest first: small and large ones of this plugin and
// of the original plugin. It gives their facts by name.
func (l *library) shelve() map[string]lookup.Facts {
	ids := func(n int) string {
		raw, err := json.Marshal(strings.Fields(idLines(0, n)))
		require.NoError(l.t, err)
		return string(raw)
	}
	const identity = `{"kind":"predictions","dataset":"big","model_name":"m","predictions_field":"pred"}`
	l.Artifact(l.run, "dataset", "original_large", `{"num_samples":20000,"fiftyone_dataset_name":"o","sample_ids":`+ids(20_000)+`}`,
		map[string]string{"samples.table.json": strings.Repeat("x", 2_000_000)})
	l.Artifact(l.run, "dataset", "original_huge", `{"num_samples":1,"fiftyone_dataset_name":"o"}`, map[string]string{"samples.table.json": strings.Repeat("x", 5_000_000)})
	l.Artifact(l.run, "predictions", "ours_large", `{"num_samples":100000,"sample_ids":`+ids(100_000)+`}`,
		map[string]string{"fiftyone/sample_ids.txt": idLines(0, 100_000), "fiftyone/metadata.json": identity})
	l.Artifact(l.run, "dataset", "ours_small", `{"num_samples":3,"fiftyone_dataset_name":"small"}`, map[string]string{"fiftyone/sample_ids.txt": idLines(0, 3), "fiftyone/metadata.json": `{"dataset":"small"}`})
	l.Artifact(l.run, "dataset", "odd", `{"num_samples":"many","fiftyone_dataset_name":{}}`, map[string]string{"f": ""})
	return map[string]lookup.Facts{
		"original_large": {Samples: 20_000, DatasetName: "o"},
		"original_huge":  {}, // not asked for: its metadata may be as large as it is
		"ours_large":     {Samples: 100_000, DatasetName: "big", ModelName: "m", PredictionsField: "pred"},
		"ours_small":     {Samples: 3, DatasetName: "small"},
		"odd":            {},
	}
}

func TestFactsOfArtifacts(t *testing.T) {
	l := newLibrary(t)
	want := l.shelve()
	check := func(res *lookup.ListResult) {
		got := map[string]lookup.Facts{}
		for _, a := range res.Artifacts {
			got[a.Name] = a.Facts
		}
		assert.Equal(t, want, got)
	}
	l.server.ResetStats()
	plain := l.lookup(lookup.List{Kind: lookup.Artifacts, ArtifactTypes: []string{"dataset", "predictions"}})
	require.Len(t, plain.Artifacts, 5)
	assert.Equal(t, 2, l.server.Stats().Total, "whose projects, and a list alone is one request")
	assert.Zero(t, plain.Artifacts[0].Facts)

	// What is asked at once has to be under way at once, also on a slow machine.
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindAny, Mode: standin.ModeLatency, LatencyMS: 300, Count: -1}))
	l.server.ResetStats()
	check(l.lookup(lookup.List{Kind: lookup.Artifacts, ArtifactTypes: []string{"dataset", "predictions"}, Details: 20}))
	stats := l.server.Stats()
	l.server.ClearFaults()
	assert.Equal(t, 4, stats.Series, "whose projects, the list, what is known of all, what is missing of some")
	assert.Equal(t, map[string]int{"Viewer": 1, "ListArtifacts": 1, "ArtifactDetails": 2, "GET file": 1}, stats.Requests)

	var chosen []string
	for _, a := range plain.Artifacts {
		chosen = append(chosen, a.ID)
	}
	res := l.lookup(lookup.List{Kind: lookup.Artifacts, ArtifactIDs: append(chosen, "QXJ0aWZhY3Q6MQ==")})
	check(res)
	assert.Equal(t, plain.Artifacts[0].URL, res.Artifacts[0].URL)
	assert.Equal(t, plain.Artifacts[0].ArtifactInfo, res.Artifacts[0].ArtifactInfo)

	versions := l.lookup(lookup.List{Kind: lookup.Versions, ArtifactName: "ours_small:v0", Details: 5})
	require.Len(t, versions.Artifacts, 1)
	assert.Equal(t, want["ours_small"], versions.Artifacts[0].Facts)
}

// TestListWithoutItsFacts: a server that cannot give them gives a list all the same.
func TestListWithoutItsFacts(t *testing.T) {
	l := newLibrary(t)
	l.shelve()
	for name, f := range map[string]standin.Fault{
		"older server": {Kind: standin.KindGraphQL, Match: "ArtifactDetails", Mode: standin.ModeStatus, Status: 400, Count: -1},
		"no store":     {Kind: standin.KindDownload, Mode: standin.ModeStatus, Status: 403, Count: -1},
	} {
		require.NoError(t, l.server.AddFault(f))
		res := l.lookup(lookup.List{Kind: lookup.Artifacts, Details: 20})
		assert.Len(t, res.Artifacts, 5, name)
		l.server.ClearFaults()
	}
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindGraphQL, Match: "ArtifactDetails", Mode: standin.ModeStatus, Status: 400}))
	_, err := lookup.List{Settings: l.inputs(), Kind: lookup.Artifacts, ArtifactIDs: []string{"x"}}.Run(t.Context())
	assert.Equal(t, "refused", fault.Code(err), "here they are what was asked for")
}

func TestLookUpRuns(t *testing.T) {
	l := newLibrary(t)
	for i := range 30 {
		run := l.Run(fmt.Sprintf("r%02d", i), "", nil)
		l.Stream(run, map[string]any{"files": map[string]any{"wandb-summary.json": map[string]any{"offset": 0, "content": []string{
			fmt.Sprintf(`{"loss":%d,"val":{"acc":0.5},"_step":1}`, i)}}}})
	}
	res := l.lookup(lookup.List{Kind: lookup.Runs})
	require.Len(t, res.Runs, 31)
	assert.JSONEq(t, `{"loss":29}`, res.Runs[0].MetricsJSON)
	assert.Empty(t, res.Runs[25].MetricsJSON, "a few of the newest")
	assert.Equal(t, l.server.URL()+"/local-user/p/runs/r29", res.Runs[0].URL)
	assert.Equal(t, []string{"local-user", "team"}, res.Entities)

	res = l.lookup(lookup.List{Kind: lookup.Runs, Metrics: []string{"val.acc", "none"}, Limit: 30})
	require.Len(t, res.Runs, 30)
	assert.JSONEq(t, `{"val.acc":0.5}`, res.Runs[29].MetricsJSON)
	assert.NotEmpty(t, res.Next)

	res = l.lookup(lookup.List{Kind: lookup.Runs, Search: "MAKER"})
	require.Len(t, res.Runs, 1)
	assert.Equal(t, "the maker", res.Runs[0].DisplayName)

	_, err := lookup.List{Settings: l.inputs()}.Run(t.Context())
	assert.Equal(t, "unknown_job", fault.Code(err))
	in := l.inputs()
	in.APIKey = ""
	_, err = lookup.List{Settings: in, Kind: lookup.Projects}.Run(t.Context())
	assert.Equal(t, "no_key", fault.Code(err))
}

func TestReadRun(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("training", "swift-fox", map[string]any{"lr": 0.1, "sample_ids": 3})
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf(`{"_step":%d,"loss":%d}`, i, i))
	}
	l.Stream(run, map[string]any{"files": map[string]any{
		"wandb-history.jsonl": map[string]any{"offset": 0, "content": lines},
		"wandb-summary.json":  map[string]any{"offset": 0, "content": []string{`{"loss":999,"_wandb":{"runtime":1},"histogram":"` + strings.Repeat("x", 2<<20) + `"}`}},
	}})
	l.Artifact(run, "predictions", "preds", "{}", map[string]string{"f": ""})
	d, err := lookup.ReadRun{Settings: l.inputs(), Reference: "swift-fox", HistoryKeys: []string{"loss"}, WithArtifacts: true}.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "training", d.Run.ID)
	assert.JSONEq(t, `{"lr":0.1,"sample_ids":3}`, d.ConfigJSON)
	assert.JSONEq(t, `{"loss":999,"values_left_out":["histogram"]}`, d.SummaryJSON)
	assert.JSONEq(t, `{"loss":999}`, d.Run.MetricsJSON)
	var history []map[string]float64
	require.NoError(t, json.Unmarshal([]byte(d.HistoryJSON), &history))
	assert.LessOrEqual(t, len(history), 500)
	assert.Greater(t, len(history), 400)
	assert.Equal(t, history[len(history)-1]["_step"], history[len(history)-1]["loss"])
	require.Len(t, d.Outputs, 1)
	assert.Equal(t, l.server.URL()+"/local-user/p/artifacts/predictions/preds/v0", d.Outputs[0].URL)
	assert.Equal(t, l.server.URL()+"/local-user/p", d.ProjectURL)

	bare, err := lookup.ReadRun{Settings: l.inputs(), Reference: d.Run.URL}.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "[]", bare.HistoryJSON)
	assert.Empty(t, bare.Outputs)
}

func TestTagsOfARun(t *testing.T) {
	l := newLibrary(t)
	tag := func(active *config.ActiveRun, tags ...string) *lookup.RunDetails {
		in := l.inputs()
		in.ActiveRun = active
		d, err := lookup.ReadRun{Settings: in, Reference: "maker", AddTags: tags}.Run(t.Context())
		require.NoError(t, err)
		return d
	}
	d := tag(nil, "fiftyone", "predictions:a")
	assert.Equal(t, []string{"fiftyone", "predictions:a"}, d.AddedTags)
	assert.Equal(t, d.AddedTags, d.Run.Tags)
	d = tag(nil, "fiftyone", "new")
	assert.Equal(t, []string{"new"}, d.AddedTags)
	assert.Equal(t, []string{"fiftyone", "predictions:a", "new"}, d.Run.Tags)

	active := &config.ActiveRun{Entity: l.Entity, Project: "p", RunID: "maker", BaseURL: l.server.URL()}
	d = tag(active, "fiftyone", "by wandb.run")
	assert.True(t, d.ActiveHere)
	assert.Equal(t, []string{"by wandb.run"}, d.AddedTags)
	assert.Equal(t, []string{"fiftyone", "predictions:a", "new"}, l.server.State().Runs[0].Tags, "left to the caller's wandb.run")
	active.Project = "other"
	active.RunID = "another"
	assert.False(t, tag(active, "x").ActiveHere)

	_, err := lookup.ReadRun{Settings: l.inputs(), Reference: "maker", AddTags: []string{strings.Repeat("x", 65)}}.Run(t.Context())
	assert.Equal(t, "bad_name", fault.Code(err))
}
