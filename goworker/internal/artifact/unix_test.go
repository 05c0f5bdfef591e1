//go:build unix

package artifact

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Nobody ever writes to the pipe: opening it in the ordinary way would wait for ever.
func TestPipesAreRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, _, _, _, err := HashFile(t.Context(), path)
	assert.Equal(t, "not_a_file", fault.Code(err))
	_, _, _, _, err = HashFile(t.Context(), "/proc/self/environ")
	assert.Contains(t, []string{"not_a_file", "missing_file"}, fault.Code(err), "what the kernel makes up, where there is such a file")
}

func TestSpoolIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	parent := filepath.Join(t.TempDir(), "new")
	s, err := NewSpool(parent)
	require.NoError(t, err)
	f, err := s.Create("f")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for path, want := range map[string]os.FileMode{parent: 0o700, s.dir: 0o700, f.path: 0o600, s.lock.Path(): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), path)
	}
	require.NoError(t, s.Close())
}
