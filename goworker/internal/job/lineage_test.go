package job_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
)

func TestInputArtifactIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	view := w.logView()
	view.Target.ArtifactName = "train"
	trained, err := view.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	references := []string{"train", "train:v0", "p/train:latest", w.server.Entity() + "/p/train:v0", trained.ArtifactURL}
	for i, reference := range references {
		j := w.logPredictions()
		j.Target.InputArtifact, j.Target.ArtifactName = reference, fmt.Sprintf("predictions%d", i)
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err, reference)
		assert.Equal(t, trained.ArtifactURL, res.InputArtifactURL)
		assert.Empty(t, res.Warnings)
		run, err := lookup.ReadRun{Settings: w.target().Settings, Reference: res.RunID, WithArtifacts: true}.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, run.Inputs, 1, reference)
		assert.Equal(t, "train", run.Inputs[0].Name)
		assert.Equal(t, "finished", run.Run.State)
	}
}

func TestInputArtifactThatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	_, err := w.logView().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	w.runs = nil
	j := w.logPredictions()
	j.Target.ArtifactName, j.Target.InputArtifact = "predictions", "nothing:v3"
	_, err = j.Run(t.Context(), w.callbacks())
	assert.Equal(t, "not_found", fault.Code(err))
	assert.Empty(t, w.runs, "a run was made for nothing")
}

func TestInputArtifactThatTheRunMade(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	view := w.logView()
	view.Target.ArtifactName, view.Target.RunID = "train", "one"
	_, err := view.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	j := w.logPredictions()
	j.Target.InputArtifact, j.Target.RunID = "train", "one"
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.NotEmpty(t, res.InputArtifactURL, "the run that made an artifact has it already")
	assert.Empty(t, res.Warnings)
}

func TestGroupSliceIsInTheMetadata(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	j := w.logView()
	j.View.GroupSlice = "right"
	_, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	content, err := lookup.ReadArtifact{Settings: w.target().Settings, Reference: "the_view"}.Run(t.Context(), nil)
	require.NoError(t, err)
	var metadata map[string]any
	require.NoError(t, json.Unmarshal([]byte(content.MetadataJSON), &metadata))
	assert.Equal(t, "right", metadata["group_slice"])
}
