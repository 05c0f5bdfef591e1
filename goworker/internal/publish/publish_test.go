package publish

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func TestArtifactNames(t *testing.T) {
	name, err := ArtifactName("My Model/V2", "unused")
	require.NoError(t, err)
	assert.Equal(t, "my_model_v2", name)
	_, err = ArtifactName("///", "unused")
	assert.Equal(t, "bad_name", fault.Code(err))
}
