package artifact_test

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func TestScratchIsReadWhileItIsWrittenAndGoesWithTheSpool(t *testing.T) {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	f, err := spool.Scratch("x")
	require.NoError(t, err)
	_, err = f.Write([]byte("text"))
	require.NoError(t, err)
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "text", string(got))
	require.NoError(t, f.Close())
	_, err = f.Write([]byte("more"))
	assert.NotNil(t, fault.As(err), "an error of a scratch file is for people, too")
	require.NoError(t, spool.Close())
	_, err = os.Stat(f.Name())
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = spool.Scratch("late")
	assert.NotNil(t, fault.As(err))
}
