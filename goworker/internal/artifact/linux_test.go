package artifact

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func TestFullDisk(t *testing.T) {
	s, err := NewSpool(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	f, err := s.Create("f")
	require.NoError(t, err)
	require.NoError(t, f.Park())
	require.NoError(t, os.Remove(f.path))
	require.NoError(t, os.Symlink("/dev/full", f.path)) // says that the disk is full
	_, err = f.Write(make([]byte, bufferSize))
	assert.Equal(t, "no_space", fault.Code(err))
	assert.Equal(t, "no_space", fault.Code(f.Close()), "the first error stays")
	assert.Empty(t, f.Entry("p").Digest)
}
