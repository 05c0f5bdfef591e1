package collect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

func TestFactsThatAreTooLargeForTheMetadataAreInFiles(t *testing.T) {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = spool.Close() })
	c := &Collector{Spool: spool, Files: new(artifact.Files)}
	info := `{"notes":"` + strings.Repeat("x", 3<<20) + `"}`
	targets := `{"mask":"` + strings.Repeat("y", 2<<20) + `"}`
	meta := &metadata.Object{}
	large, err := c.Describe(meta, Dataset{InfoJSON: info, MaskTargetsJSON: targets, DefaultClassesJSON: `["a"]`})
	require.NoError(t, err)
	ids := metadata.List{Key: "sample_ids", Path: "ids", Size: 4, JSON: func() ([]byte, error) { return []byte(`["i"]`), nil }}
	full, slim, err := metadata.Fill(meta, append([]metadata.List{ids}, large...))
	require.NoError(t, err)
	assert.Less(t, len(full), metadata.Limit)
	assert.Less(t, len(slim), 1000)
	var got struct {
		Info    map[string]string `json:"dataset_info"`
		IDs     []string          `json:"sample_ids"`
		Classes []string          `json:"default_classes"`
		Left    map[string]string `json:"lists_in_files"`
	}
	require.NoError(t, json.Unmarshal(full, &got))
	assert.Len(t, got.Info["notes"], 3<<20, "there is room for one of them")
	assert.Equal(t, []string{"i"}, got.IDs)
	assert.Equal(t, []string{"a"}, got.Classes)
	assert.Equal(t, map[string]string{"mask_targets": "fiftyone/mask_targets.json"}, got.Left)
	assert.Equal(t, 2, c.Files.Len())
}
