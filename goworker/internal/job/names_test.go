package job

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
)

// The original takes the run's id as it is, and of a model's name only the blanks.
func TestDefaultNamesOfArtifacts(t *testing.T) {
	for id, want := range map[string]string{
		"run-b": "dataset_view_run-b", "Run--C_9876": "dataset_view_Run--C_9", "a b@c": "dataset_view_a_b_c", "日本語": "dataset_view____",
	} {
		name, err := publish.ArtifactName("", defaultViewName(id))
		require.NoError(t, err)
		assert.Equal(t, want, name)
	}
	for model, want := range map[string]string{
		"YOLO v8-n": "yolo_v8-n_predictions_20260101_000000", "org/model:7b": "org_model_7b_predictions_20260101_000000",
	} {
		name, err := publish.ArtifactName("", LogPredictions{ModelName: model, NameTimestamp: "20260101_000000"}.defaultName())
		require.NoError(t, err)
		assert.Equal(t, want, name)
	}
}

// A model's configuration that is too large for the metadata is in a file.
func TestALargeConfigurationIsInAFile(t *testing.T) {
	config := `{"mask":"` + strings.Repeat("y", 2<<20) + `"}`
	model := LogPredictions{ModelName: "m", ModelConfigJSON: config}
	meta := &metadata.Object{}
	full, _, err := metadata.Fill(meta, model.describeModel(meta))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(full), `"model_config"`))
	assert.JSONEq(t, `{"model_name":"m","model_version":null,"predictions_field":"","prompt_field":null,"model_config":`+config+`}`, string(full))
}
