package wandb_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func TestRunByReference(t *testing.T) {
	l := newLibrary(t)
	l.Run("id1", "swift-fox", nil)
	l.Run("id2", "twin", nil)
	l.Run("id3", "twin", nil)
	l.Run("id4", "id1", nil)
	l.Run("id5", "a/b/c", nil)
	l.Run("id6", "50% – 漢字: #?", nil)
	page := l.server.URL() + "/" + l.Entity + "/p/runs/"
	for reference, want := range map[string]string{
		"id1": "id1", "  swift-fox ": "id1", "a/b/c": "id5", "50% – 漢字: #?": "id6",
		page + "id2":                   "id2",
		page + "id2/overview?nw=x#top": "id2",
		l.Entity + "/p/id3":            "id3",
	} {
		run, err := l.client.ReadRun(t.Context(), wandb.RunQuery{Project: "p", Reference: reference})
		if assert.NoError(t, err, reference) {
			assert.Equal(t, l.Ref(want), run.RunRef, reference)
		}
	}
	for reference, want := range map[string]string{
		"twin": "ambiguous", "nothing": "not_found", "": "bad_reference", page: "bad_reference",
		page + "none": "not_found", l.server.URL() + "/" + l.Entity + "/none/runs/id1": "unknown_project",
		"https://wandb.ai/me/p/runs/id1": "other_server", l.server.URL() + "/" + l.Entity + "/p/reports/x": "bad_reference",
		l.Entity + "/p/none": "not_found",
	} {
		_, err := l.client.ReadRun(t.Context(), wandb.RunQuery{Project: "p", Reference: reference})
		assert.Equal(t, want, fault.Code(err), "%s: %v", reference, err)
		if reference == "twin" {
			assert.Contains(t, err.Error(), "id3, id2")
		}
	}
}

// TestRunOfAServerThatRefusesMissingRuns: 404 where others give null.
func TestRunOfAServerThatRefusesMissingRuns(t *testing.T) {
	l := newLibrary(t)
	l.Run("id1", "swift-fox", nil)
	missing := standin.Fault{Kind: standin.KindGraphQL, Match: "RunDetails", Mode: standin.ModeStatus, Status: 404, Message: "run not found"}
	require.NoError(t, l.server.AddFault(missing))
	run, err := l.client.ReadRun(t.Context(), wandb.RunQuery{Project: "p", Reference: "swift-fox"})
	require.NoError(t, err)
	assert.Equal(t, "id1", run.ID)
	require.NoError(t, l.server.AddFault(missing))
	_, err = l.client.ReadRun(t.Context(), wandb.RunQuery{Project: "p", Reference: "none"})
	assert.Equal(t, "not_found", fault.Code(err))
}

func TestRunDetails(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("id1", "swift-fox", map[string]any{"lr": 0.1, "nested": map[string]any{"value": 3, "b": nil}, "none": nil})
	other := l.Run("id2", "", nil)
	for i := range 5 {
		l.Artifact(run, "dataset", fmt.Sprintf("out%d", i), "{}", map[string]string{"f": fmt.Sprint(i)})
	}
	for i, use := range []func(id string) error{
		func(id string) error { return l.client.UseArtifact(t.Context(), run, id) },
		func(id string) error {
			linked := &wandb.ArtifactVersion{Linked: true}
			linked.ID, linked.Entity, linked.Project = id, l.Entity, "registry"
			return l.client.UseVersion(t.Context(), run, linked)
		},
		func(id string) error { return l.client.UseVersion(t.Context(), run, versionOf(id)) },
	} {
		used := l.Artifact(other, "dataset", fmt.Sprintf("in%d", i), "{}", map[string]string{"f": "x"})
		require.NoError(t, use(used.ID))
	}
	l.Stream(run, map[string]any{"files": map[string]any{
		"wandb-history.jsonl": map[string]any{"offset": 0, "content": []string{
			`{"_step":0,"loss":1.5,"nested":{"acc":0.1}}`, `{"_step":1,"loss":1}`, `{"_step":2,"nested":{"acc":0.3}}`, `{"_step":5,"loss":0.5,"nested":{"acc":0.5}}`}},
		"wandb-summary.json": map[string]any{"offset": 0, "content": []string{`{"loss":0.5,"_wandb":{"runtime":3}}`}},
	}})
	l.server.SetLimits(standin.Limits{PageMax: 2})
	l.server.ResetStats()
	d, err := l.client.ReadRun(t.Context(), wandb.RunQuery{
		Project: "p", Reference: "id1", HistoryKeys: []string{"loss", "nested.acc", "nothing"}, HistoryPoints: 500, Artifacts: true,
	})
	require.NoError(t, err)
	assert.Equal(t, 4, l.graphqlCalls(), "one, and one for each further page of artifacts")
	config, err := json.Marshal(d.Config)
	require.NoError(t, err)
	assert.JSONEq(t, `{"lr":0.1,"nested":{"value":3,"b":null},"none":null}`, string(config))
	assert.JSONEq(t, `{"loss":0.5,"_wandb":{"runtime":3}}`, string(d.Summary))
	assert.Equal(t, []string{"_step", "loss", "nested.acc"}, d.HistoryKeys)
	history, err := json.Marshal(d.History)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"_step":0,"loss":1.5,"nested.acc":0.1},{"_step":1,"loss":1},{"_step":2,"nested.acc":0.3},{"_step":5,"loss":0.5,"nested.acc":0.5}]`, string(history))
	assert.Len(t, d.Outputs, 5)
	assert.Equal(t, []string{"in0", "in1", "in2"}, artifactNames(d.Inputs))
	assert.Equal(t, "running", d.State)
	assert.NotEmpty(t, d.HeartbeatAt)
}

func versionOf(id string) *wandb.ArtifactVersion {
	v := new(wandb.ArtifactVersion)
	v.ID = id
	return v
}

func TestAddRunTags(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("id1", "", nil)
	added, err := l.client.AddRunTags(t.Context(), run, []string{"a", "b", "a"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, added)
	l.server.ResetStats()
	added, err = l.client.AddRunTags(t.Context(), run, []string{"b"})
	require.NoError(t, err)
	assert.Empty(t, added)
	assert.Zero(t, l.server.Stats().Requests["SetRunTags"], "nothing is written where nothing is new")
	added, err = l.client.AddRunTags(t.Context(), run, []string{"c"})
	require.NoError(t, err)
	assert.Equal(t, []string{"c"}, added)
	state := l.server.State().Runs[0]
	assert.Equal(t, []string{"a", "b", "c"}, state.Tags)
	assert.Equal(t, "running", state.State, "whose state it is not ours to change")

	_, err = l.client.AddRunTags(t.Context(), run, []string{""})
	assert.Equal(t, "bad_name", fault.Code(err))
	_, err = l.client.AddRunTags(t.Context(), l.Ref("none"), []string{"a"})
	assert.Equal(t, "not_found", fault.Code(err))
	_, err = l.client.AddRunTags(t.Context(), config.RunRef{Entity: "strangers", Project: "p", ID: "x"}, []string{"a"})
	assert.Equal(t, "not_found", fault.Code(err), "what may not be seen looks as if it were not there")
	assert.ErrorContains(t, err, "may not see it")
}
