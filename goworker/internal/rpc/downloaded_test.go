package rpc_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

// download is what W&B's own client makes of an artifact: a directory.
func (w *world) download(name string) string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), name+":v0")
	for path := range w.onlyArtifact().Files {
		at := filepath.Join(dir, filepath.FromSlash(path))
		require.NoError(w.t, os.MkdirAll(filepath.Dir(at), 0o700))
		require.NoError(w.t, os.WriteFile(at, []byte(w.file(name, path)), 0o600))
	}
	return dir
}

// TestADownloadedArtifactIsRead gives what W&B would, without reaching it.
func TestADownloadedArtifactIsRead(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	w.logged(&pb.RunRequest{Job: &pb.RunRequest_LogPredictions{LogPredictions: &pb.LogPredictions{View: w.view(), Dataset: w.dataset(),
		Predictions: predictionsField, ModelName: "resnet", ArtifactName: "predictions", LowConfidenceThreshold: 0.5}}})
	lists := []pb.IdList{pb.IdList_ID_LIST_SAMPLES, pb.IdList_ID_LIST_LABELS}
	read := func(m *pb.ReadArtifact) (map[pb.IdList]string, *pb.ArtifactContent) {
		events := w.run(&pb.RunRequest{Job: &pb.RunRequest_ReadArtifact{ReadArtifact: m}})
		require.NotNil(t, last(events).GetArtifactContent(), "%v", last(events).GetFailure())
		ids := map[pb.IdList]string{}
		for _, event := range events {
			if chunk := event.GetIdChunk(); chunk != nil {
				ids[chunk.GetList()] += hex.EncodeToString(chunk.GetIds())
			}
		}
		return ids, last(events).GetArtifactContent()
	}
	wantIDs, want := read(&pb.ReadArtifact{Reference: "predictions:latest", Lists: lists})
	dir := w.download("predictions")
	w.server.ResetStats()
	ids, got := read(&pb.ReadArtifact{Directory: dir, Lists: lists})
	assert.Equal(t, wantIDs, ids)
	assert.Equal(t, strings.ReplaceAll(w.file("predictions", "fiftyone/sample_ids.txt"), "\n", ""), ids[pb.IdList_ID_LIST_SAMPLES])
	assert.Equal(t, want.GetFound(), got.GetFound())
	assert.Equal(t, []any{"predictions", "v0", want.GetArtifact().GetModelName(), ""},
		[]any{got.GetArtifact().GetName(), got.GetArtifact().GetVersion(), got.GetArtifact().GetModelName(), got.GetArtifact().GetUrl()})
	assert.Contains(t, got.GetMetadataJson(), `"resnet"`)
	assert.Empty(t, w.server.Stats().Requests)
}

// TestDirectoriesThatAreNoArtifact are refused with what is wrong with them.
func TestDirectoriesThatAreNoArtifact(t *testing.T) {
	w := newWorld(t)
	w.samples(2)
	w.logged(logView(w.everything()))
	for name, c := range map[string]struct {
		code  string
		words string
		spoil func(t *testing.T, m *pb.ReadArtifact)
	}{
		"of the original plugin": {"not_an_artifact", "fiftyone/metadata.json", func(t *testing.T, m *pb.ReadArtifact) {
			require.NoError(t, os.Remove(filepath.Join(m.Directory, "fiftyone", "metadata.json")))
		}},
		"with a version": {"bad_argument", "leave out the version", func(_ *testing.T, m *pb.ReadArtifact) { m.Version = "v1" }},
		"damaged ids": {"bad_artifact", "sample_ids.txt", func(t *testing.T, m *pb.ReadArtifact) {
			require.NoError(t, os.WriteFile(filepath.Join(m.Directory, "fiftyone", "sample_ids.txt"), []byte("no ids\n"), 0o600))
		}},
		"a directory for a file": {"bad_artifact", "sample_ids.txt", func(t *testing.T, m *pb.ReadArtifact) {
			path := filepath.Join(m.Directory, "fiftyone", "sample_ids.txt")
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}},
		"a file for a directory": {"bad_artifact", "cannot be read", func(t *testing.T, m *pb.ReadArtifact) {
			require.NoError(t, os.RemoveAll(filepath.Join(m.Directory, "fiftyone")))
			require.NoError(t, os.WriteFile(filepath.Join(m.Directory, "fiftyone"), nil, 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &pb.ReadArtifact{Directory: w.download("my_view"), Lists: []pb.IdList{pb.IdList_ID_LIST_SAMPLES}}
			c.spoil(t, m)
			got := w.failure(&pb.RunRequest{Job: &pb.RunRequest_ReadArtifact{ReadArtifact: m}})
			assert.Equal(t, c.code, got.GetCode(), got.GetMessage())
			assert.Contains(t, got.GetMessage(), c.words)
		})
	}
}
