package localfile

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOwnership(t *testing.T) {
	var table struct {
		Cases []struct {
			Name, Mode               string
			UID, GID                 int64
			Parent, Trusted, Private bool
		}
	}
	raw, err := os.ReadFile("testdata/ownership.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &table))
	require.NotEmpty(t, table.Cases)
	for _, c := range table.Cases {
		bits, err := strconv.ParseUint(c.Mode, 8, 32)
		require.NoError(t, err)
		mode := fs.FileMode(bits & 0o777)
		if bits&0o1000 != 0 {
			mode |= fs.ModeSticky
		}
		user, o := person{uid: 1000, group: 1000}, owner{mode: mode, uid: c.UID, gid: c.GID}
		assert.Equal(t, c.Trusted, user.trusts(o, c.Parent), c.Name)
		assert.Equal(t, c.Private, user.private(o), c.Name)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	data, err := ReadAll(link, 5)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(data))
	_, err = ReadAll(path, 4)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Open(path + "x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Open(filepath.Dir(path))
	require.ErrorIs(t, err, ErrNotRegular)
	_, err = Open(os.DevNull)
	require.ErrorIs(t, err, ErrNotRegular)
}

func TestAFileIsReadToTheSizeThatItHad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
	f, err := Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	grow, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = grow.WriteString(" and more")
	require.NoError(t, err)
	require.NoError(t, grow.Close())
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(data))

	require.NoError(t, os.Truncate(path, 3))
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	var got bytes.Buffer
	_, err = io.Copy(&got, f)
	require.ErrorIs(t, err, ErrChanged)
	assert.Equal(t, "hel", got.String())
}
