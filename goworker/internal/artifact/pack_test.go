package artifact_test

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func TestPackHoldsEachContentOnce(t *testing.T) {
	parent := t.TempDir()
	spool, err := artifact.NewSpool(parent)
	require.NoError(t, err)
	files := &artifact.Files{}
	pack, err := spool.Pack("pack", files)
	require.NoError(t, err)
	const n = 500
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range n {
				assert.NoError(t, pack.Add(fmt.Sprintf("media/%03d.jpg", i), fmt.Appendf(nil, "content %d", i)), "%d", worker)
			}
		})
	}
	wg.Wait()
	require.NoError(t, pack.Close())
	require.NoError(t, pack.Close())
	require.Equal(t, n, files.Len())

	var local string
	for i := range files.Len() {
		e := files.At(i)
		local = e.LocalPath
		f, err := os.Open(e.LocalPath)
		require.NoError(t, err)
		got, err := io.ReadAll(io.NewSectionReader(f, e.Offset, e.Size))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("content %d", i), string(got))
		require.NoError(t, f.Close())
	}
	info, err := os.Stat(local)
	require.NoError(t, err)
	assert.Equal(t, files.Size(), info.Size(), "as large as its entries and no larger")
	require.NoError(t, spool.Close())
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestPackRefusesOtherContentUnderTheSamePath(t *testing.T) {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	defer func() { _ = spool.Close() }()
	pack, err := spool.Pack("pack", &artifact.Files{})
	require.NoError(t, err)
	require.NoError(t, pack.Add("a", []byte("1")))
	assert.Equal(t, "duplicate_path", fault.Code(pack.Add("a", []byte("2"))))
	require.NoError(t, pack.Close())
	assert.Equal(t, "spool", fault.Code(pack.Add("b", []byte("1"))))
}
