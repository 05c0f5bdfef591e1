package rpc_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

// offline are settings that reach no server, and have no key.
func (w *world) offline() *pb.WandbSettings {
	s := w.settings()
	s.ApiKey, s.BaseUrl, s.Offline = "", "", true
	s.Environment = map[string]string{"WANDB_NAME": "night shift", "WANDB_TAGS": "a,b", "WANDB_RUN_GROUP": "g", "WANDB_NOTES": "dark"}
	return s
}

func (w *world) logOffline(m *pb.LogView) *pb.ArtifactLogged {
	w.t.Helper()
	req := logView(m)
	req.Wandb = w.offline()
	return w.logged(req)
}

func syncOffline(m *pb.SyncOffline) *pb.RunRequest {
	return &pb.RunRequest{Job: &pb.RunRequest_SyncOffline{SyncOffline: m}}
}

// marks are the files of an offline run that say that it was uploaded.
func marks(t *testing.T, dir string) []string {
	found, err := filepath.Glob(filepath.Join(dir, "*.synced"))
	require.NoError(t, err)
	return found
}

// tableType is what a run's workspace shows as its table.
func tableType(t *testing.T, run standin.RunState) string {
	var summary struct {
		Samples struct {
			Type string `json:"_type"`
		} `json:"samples"`
	}
	require.NoError(t, json.Unmarshal(run.Summary, &summary))
	return summary.Samples.Type
}

// storedFiles are the bytes of an artifact's files that wait in a directory.
func storedFiles(t *testing.T, dir string) (files []string) {
	found, err := filepath.Glob(filepath.Join(dir, "artifact", "*", "*"))
	require.NoError(t, err)
	for _, path := range found {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		files = append(files, string(raw))
	}
	return files
}

// TestOfflineAndThenUploaded holds that an artifact that waits in a directory is the one that would have been logged.
func TestOfflineAndThenUploaded(t *testing.T) {
	for name, parts := range map[string]*pb.TableParts{"one table": nil, "parts": {Whole: 2, Part: 2}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.samples(6)
			m := w.everything()
			m.Parts = parts
			w.logged(logView(m))
			online := w.onlyArtifact()

			m.ArtifactName = "later"
			written := w.logOffline(m)
			assert.Len(t, w.server.State().Artifacts, 1, "nothing reaches W&B")
			assert.Equal(t, []string{"", "", ""}, []string{written.GetWandbUrl(), written.GetArtifactUrl(), written.GetArtifactVersion()})
			dir := written.GetOfflineDirectory()
			assert.True(t, strings.HasPrefix(dir, filepath.Join(w.dir, "wandb", "offline-run-")), dir)
			assert.Empty(t, marks(t, dir))

			got := w.logged(syncOffline(&pb.SyncOffline{Directory: dir}))
			assert.Equal(t, []any{"later", "v0", true, written.GetRunId(), int64(6)},
				[]any{got.GetArtifactName(), got.GetArtifactVersion(), got.GetNewVersion(), got.GetRunId(), got.GetSamples()})
			assert.Len(t, marks(t, dir), 1)
			state := w.server.State()
			require.Len(t, state.Artifacts, 2)
			uploaded := state.Artifacts[1]
			assert.Equal(t, online.Digest, uploaded.Digest)
			assert.Equal(t, []any{online.Description, online.Aliases, online.Tags}, []any{uploaded.Description, uploaded.Aliases, uploaded.Tags})
			assert.JSONEq(t, strings.ReplaceAll(string(online.Metadata), "my_view", "later"), string(uploaded.Metadata))
			run := state.Runs[1]
			assert.Equal(t, []any{"night shift", []string{"a", "b"}, "g", "dark", "finished", "laptop"},
				[]any{run.DisplayName, run.Tags, run.Group, run.Notes, run.State, run.Host})
			assert.Contains(t, string(run.Config), "fiftyone_view_artifact")
			assert.Equal(t, tableType(t, state.Runs[0]), tableType(t, run))
			assert.Empty(t, got.GetWarnings())

			again := w.logged(syncOffline(&pb.SyncOffline{Directory: dir}))
			assert.False(t, again.GetNewVersion())
			assert.Zero(t, again.GetBytesUploaded())
		})
	}
}

// TestAnOfflineRunGoesWhereItIsSent takes another project than the one that it was written for.
func TestAnOfflineRunGoesWhereItIsSent(t *testing.T) {
	w := newWorld(t)
	w.samples(2)
	written := w.logOffline(w.everything())
	got := w.logged(syncOffline(&pb.SyncOffline{Directory: written.GetOfflineDirectory(), Project: "other"}))
	assert.Equal(t, "other", got.GetProject())
	assert.Equal(t, []string{"local-user/other"}, w.server.State().Projects)
}

// TestTheInputOfAnOfflineRun is recorded by the upload; one that W&B does not have costs the record only.
func TestTheInputOfAnOfflineRun(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	w.logged(logView(w.everything()))
	for input, warning := range map[string]string{"my_view:best": "", "nothing:v1": "no_input"} {
		name := strings.ReplaceAll("from_"+input, ":", "_")
		written := w.logged(&pb.RunRequest{Wandb: w.offline(), Job: &pb.RunRequest_LogPredictions{LogPredictions: &pb.LogPredictions{
			View: w.view(), Dataset: w.dataset(), Predictions: predictionsField, ModelName: "m", ArtifactName: name, InputArtifact: input, RunId: "run-" + name}}})
		assert.ElementsMatch(t, []string{"offline_input", "offline_run"}, warningCodes(written))
		got := w.logged(syncOffline(&pb.SyncOffline{Directory: written.GetOfflineDirectory()}))
		runs := w.server.State().Runs
		if warning == "" {
			assert.Empty(t, got.GetWarnings())
			assert.Equal(t, []string{w.server.State().Artifacts[0].ID}, runs[len(runs)-1].Inputs)
		} else {
			assert.Equal(t, []string{warning}, warningCodes(got))
			assert.Empty(t, runs[len(runs)-1].Inputs)
		}
	}
}

// TestAnOfflineDryRunWritesNothing says how large the artifact would be.
func TestAnOfflineDryRunWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	m := w.everything()
	m.DryRun = true
	dry := w.logOffline(m)
	_, err := os.Stat(filepath.Join(w.dir, "wandb"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	m.DryRun = false
	logged := w.logged(logView(m))
	assert.True(t, dry.GetDryRun())
	assert.Equal(t, []int64{logged.GetFilesUploaded(), logged.GetBytesUploaded()}, []int64{dry.GetFilesTotal(), dry.GetBytesTotal()})
}

// TestBesideTheCallersOfflineRun writes the artifact into the directory of the offline run that is active in the caller's Python.
func TestBesideTheCallersOfflineRun(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	dir := filepath.Join(w.dir, "wandb", "offline-run-20260131_120000-abc")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	s := w.offline()
	s.ActiveRun = &pb.ActiveRun{Entity: "local-user", Project: "p", RunId: "abc", OfflineDirectory: dir}
	m := &pb.LogPredictions{View: w.view(), Dataset: w.dataset(), Predictions: predictionsField, ModelName: "m", ArtifactName: "beside",
		InputArtifact: "data:v0", RunId: "abc"}
	got := w.logged(&pb.RunRequest{Wandb: s, Job: &pb.RunRequest_LogPredictions{LogPredictions: m}})
	assert.Equal(t, pb.RunRelation_RUN_RELATION_ACTIVE_HERE, got.GetRunRelation())
	assert.Equal(t, filepath.Join(dir, "fiftyone"), filepath.Dir(got.GetOfflineDirectory()))
	assert.True(t, strings.HasPrefix(filepath.Base(got.GetOfflineDirectory()), "beside-"))
	assert.Equal(t, []string{"no_input"}, warningCodes(got))
	assert.True(t, json.Valid([]byte(got.GetRunConfigJson())))
	assert.Contains(t, got.GetRunConfigJson(), `"samples_processed":3`)
	assert.Contains(t, strings.Join(storedFiles(t, got.GetOfflineDirectory()), ""), objectID(2, 0).Hex(), "the artifact is there")
	logs, err := filepath.Glob(filepath.Join(w.dir, "wandb", "*", "*.wandb"))
	require.NoError(t, err)
	assert.Empty(t, logs, "the run is the caller's to write")
}

// TestSyncsThatFail end with what is wrong with the directory, and W&B gets nothing.
func TestSyncsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		code  string
		words string
		spoil func(t *testing.T, dir string)
	}{
		"no directory": {"not_found", "There is no directory", func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) }},
		"of W&B's own": {"not_offline", "wandb sync", func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.Mkdir(dir, 0o700))
		}},
		"a changed file": {"offline_changed", "differ from what was logged", func(t *testing.T, dir string) {
			found, err := filepath.Glob(filepath.Join(dir, "artifact", "*", "*"))
			require.NoError(t, err)
			require.NoError(t, os.Truncate(found[0], 3))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.samples(2)
			dir := w.logOffline(w.everything()).GetOfflineDirectory()
			c.spoil(t, dir)
			got := w.failure(syncOffline(&pb.SyncOffline{Directory: dir}))
			assert.Equal(t, []any{c.code, pb.Source_SOURCE_SETTINGS}, []any{got.GetCode(), got.GetSource()})
			assert.Contains(t, got.GetMessage(), c.words)
			assert.Empty(t, w.server.State().Artifacts)
			assert.Empty(t, marks(t, dir))
		})
	}
}

// TestASyncThatBreaksOffIsDoneAgain: the directory counts as uploaded only when W&B has the artifact.
func TestASyncThatBreaksOffIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	w.samples(2)
	dir := w.logOffline(w.everything()).GetOfflineDirectory()
	require.NoError(t, w.server.AddFault(standin.Fault{Kind: standin.KindGraphQL, Match: "CommitArtifact", Mode: standin.ModeStatus, Status: 400, Count: 1}))
	assert.Equal(t, "refused", w.failure(syncOffline(&pb.SyncOffline{Directory: dir})).GetCode())
	assert.Empty(t, marks(t, dir))
	assert.Equal(t, "failed", w.server.State().Runs[0].State)
	got := w.logged(syncOffline(&pb.SyncOffline{Directory: dir}))
	assert.Equal(t, "v0", got.GetArtifactVersion())
	assert.Len(t, marks(t, dir), 1)
}

// TestDisabled: W&B's mode "disabled" is not an error, and nothing is read or written.
func TestDisabled(t *testing.T) {
	w := newWorld(t)
	s := w.settings()
	s.Environment = map[string]string{"WANDB_MODE": "disabled"}
	m := w.everything()
	m.View.Uri = "mongodb://nobody.invalid"
	req := logView(m)
	req.Wandb = s
	got := w.logged(req)
	assert.True(t, got.GetDisabled())
	assert.Equal(t, []string{"my_view", ""}, []string{got.GetArtifactName(), got.GetArtifactVersion()})
	assert.Equal(t, []string{"disabled"}, warningCodes(got))
	assert.Empty(t, w.server.State().Runs)
}
