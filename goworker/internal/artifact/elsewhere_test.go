package artifact

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func TestFilesOfAnotherProcess(t *testing.T) {
	var here, there Files
	for path, text := range map[string]string{"a": "1", "dir/b.txt": "22", "dir/c": "1"} {
		require.NoError(t, here.Add(Entry{Path: path, Digest: digestOf(text), Size: int64(len(text)), LocalPath: "/tmp/some/file"}))
		e := Entry{Path: path, Digest: digestOf(text), Size: int64(len(text))}
		require.NoError(t, there.AddElsewhere(e))
		require.NoError(t, there.AddElsewhere(e), "another process has it, too")
		got, ok := there.Find(path)
		assert.True(t, ok)
		assert.Equal(t, e, got)
	}
	ref := Entry{Path: "ref", Ref: "s3://bucket/x", Digest: "etag"}
	require.NoError(t, here.Add(ref))
	require.NoError(t, there.AddElsewhere(ref))
	assert.Equal(t, here.Digest(), there.Digest())
	assert.Equal(t, here.Twins(), there.Twins())
	var one, two bytes.Buffer
	birth := func(string) string { return "id" }
	require.NoError(t, here.WriteManifest(&one, birth))
	require.NoError(t, there.WriteManifest(&two, birth))
	assert.Equal(t, one.String(), two.String())

	for code, e := range map[string]Entry{
		fault.DuplicatePath: {Path: "a", Digest: digestOf("another"), Size: 7},
		fault.BadEntry:      {Path: "x", Digest: "no digest"},
		fault.BadPath:       {Path: "/x", Digest: digestOf("")},
	} {
		assert.Equal(t, code, fault.Code(there.AddElsewhere(e)))
	}
	assert.Equal(t, fault.BadEntry, fault.Code(there.AddElsewhere(Entry{Path: "x", Digest: digestOf(""), LocalPath: "/here"})))
}

func TestTheMD5OfAFileGoesOnElsewhere(t *testing.T) {
	s, err := NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	f, err := s.Create("f")
	require.NoError(t, err)
	_, err = f.Write([]byte("the rows"))
	require.NoError(t, err)
	size, state, err := f.State()
	require.NoError(t, err)
	assert.EqualValues(t, 8, size)
	require.NoError(t, f.Park())
	elsewhere, err := DigestOf(state, []byte(" and the end"))
	require.NoError(t, err)
	_, err = f.Write([]byte(" and the end"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Equal(t, digestOf("the rows and the end"), elsewhere)
	assert.Equal(t, f.Entry("f").Digest, elsewhere)
	_, err = DigestOf([]byte("no state"), nil)
	assert.Error(t, err)
}

func TestASpoolWithinASpool(t *testing.T) {
	parent := t.TempDir()
	s, err := NewSpool(parent)
	require.NoError(t, err)
	one, err := s.Sub("1")
	require.NoError(t, err)
	two, err := s.Sub("2")
	require.NoError(t, err)
	for _, sub := range []*Spool{one, two} {
		f, err := sub.Create("the same name")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.NoError(t, one.Close())
	require.NoError(t, one.Close())
	_, err = os.Stat(two.dir)
	require.NoError(t, err, "closing one removed the other")
	_, err = one.Create("late")
	require.Error(t, err)
	require.NoError(t, s.Close())
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	assert.Empty(t, left)
}
