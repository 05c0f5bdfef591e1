//go:build unix

package picture

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

// A pipe, a device, and what the kernel makes up: a dataset may name them as the media of its
// samples. None is waited for, none is read, and each costs its cell only.
func TestWhatIsNoFileIsNoMedia(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.png")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero", "/proc/self/environ", t.TempDir()} {
		if _, err := os.Stat(path); err != nil {
			continue // not on this system
		}
		out := &testSink{}
		w := &worker{p: &Maker{sink: out}}

		_, err := w.original(t.Context(), media{path: path})
		var why *noPicture
		require.ErrorAs(t, err, &why, path)

		_, err = w.reference(t.Context(), path)
		require.NoError(t, err, path)

		_, err = w.thumbnail(t.Context(), media{path: path})
		require.ErrorAs(t, err, &why, path)

		_, err = (&overlays{}).load(path, largestFile)
		require.Error(t, err, path)
		assert.Zero(t, out.files.Len(), path)
		w.close()
	}
}

func TestAFileThatIsExchangedAfterTheFirstLookIsOpenedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("first"), 0o600))
	f := &sourceFile{path: path}
	f.look()
	f.state = []byte("kept")
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, os.WriteFile(path, []byte("second one"), 0o600))
	opened, err := f.reader()
	require.NoError(t, err)
	assert.Nil(t, f.state, "nothing is cached for a file that was not looked at")
	assert.EqualValues(t, len("second one"), f.info.Size())

	require.NoError(t, os.Remove(path))
	again, err := f.reader()
	require.NoError(t, err)
	assert.Same(t, opened, again)
	f.close()
}

// testSink keeps the artifact's files.
type testSink struct{ files artifact.Files }

func (s *testSink) Pack(string) (*artifact.Pack, error) { return nil, errors.ErrUnsupported }
func (s *testSink) AddFile(e artifact.Entry) error      { return s.files.Add(e) }
func (s *testSink) WriteFile(string, []byte) error      { return errors.ErrUnsupported }
func (s *testSink) Note(string, string, ...any)         {}
func (s *testSink) AtEnd(func())                        {}
