package artifact

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/ctxtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

func write(t testing.TB, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestHashFile(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ text, md5, sha string }{
		{"", "1B2M2Y8AsgTpgAmY7PhCfg==", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "kAFQmDzST7DWlj99KOF/cg==", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{strings.Repeat("a", 1_000_000), "dwfWrk4CfHDuoqk1wilvIQ==", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	} {
		path := write(t, filepath.Join(dir, "f"), c.text)
		at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
		require.NoError(t, os.Chtimes(path, at, at))
		md5, sha, size, mod, err := HashFile(t.Context(), path)
		require.NoError(t, err)
		assert.Equal(t, c.md5, md5)
		assert.Equal(t, c.sha, sha)
		assert.EqualValues(t, len(c.text), size)
		assert.True(t, at.Equal(mod))
	}
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "f"), link))
	_, _, size, _, err := HashFile(t.Context(), link)
	require.NoError(t, err)
	assert.EqualValues(t, 1_000_000, size, "a link counts as its file")
}

func TestFilesThatCannotBeHashed(t *testing.T) {
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(loop, loop))
	for path, want := range map[string]struct{ code, text string }{
		filepath.Join(dir, "none"):                        {"missing_file", "does not exist"},
		write(t, filepath.Join(dir, "f"), "x") + "/below": {"unreadable_file", "cannot be read"},
		loop:       {"unreadable_file", "cannot be read"},
		dir:        {"not_a_file", "not a regular file"},
		os.DevNull: {"not_a_file", "not a regular file"},
	} {
		_, _, _, _, err := HashFile(t.Context(), path)
		require.ErrorContains(t, err, want.text)
		require.ErrorContains(t, err, path)
		f := fault.As(err)
		assert.Equal(t, want.code, f.Code)
		assert.Equal(t, fault.Media, f.Source)
	}
	_, _, _, _, err := HashFile(t.Context(), filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestHashingStopsWhenItIsCancelled(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "large"), "")
	require.NoError(t, os.Truncate(path, 1<<40)) // a hole: it takes no space, but an hour to hash
	_, _, _, _, err := HashFile(&ctxtest.Countdown{Context: t.Context(), Left: 3}, path)
	require.ErrorIs(t, err, context.Canceled)
}

func TestChanged(t *testing.T) {
	dir := t.TempDir()
	hashed := func() Entry {
		path := write(t, filepath.Join(dir, "f"), "one")
		at := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(path, at, at))
		md5, _, size, mod, err := HashFile(t.Context(), path)
		require.NoError(t, err)
		var files Files // the time must survive in there
		require.NoError(t, files.Add(Entry{Path: "f", Digest: md5, Size: size, LocalPath: path, ModTime: mod}))
		return files.At(0)
	}
	for name, c := range map[string]struct {
		do   func(path string, mod time.Time)
		want bool
	}{
		"as it was":       {func(string, time.Time) {}, false},
		"read":            {func(p string, _ time.Time) { _, _ = os.ReadFile(p) }, false},
		"same size":       {func(p string, _ time.Time) { write(t, p, "two") }, true},
		"same time":       {func(p string, m time.Time) { write(t, p, "longer"); require.NoError(t, os.Chtimes(p, m, m)) }, true},
		"gone":            {func(p string, _ time.Time) { require.NoError(t, os.Remove(p)) }, true},
		"now a directory": {func(p string, _ time.Time) { require.NoError(t, os.Remove(p)); require.NoError(t, os.Mkdir(p, 0o700)) }, true},
	} {
		e := hashed()
		c.do(e.LocalPath, e.ModTime)
		changed, err := e.Changed()
		require.NoError(t, err)
		assert.Equal(t, c.want, changed, name)
		require.NoError(t, os.RemoveAll(e.LocalPath))
	}
	changed, err := Entry{Path: "a", LocalPath: filepath.Join(dir, "never was")}.Changed()
	require.NoError(t, err)
	assert.False(t, changed, "our own files are not looked at")
	changed, err = Entry{Path: "a", Ref: "s3://b"}.Changed()
	require.NoError(t, err)
	assert.False(t, changed)
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(loop, loop))
	_, err = Entry{Path: "a", LocalPath: loop, ModTime: time.Now()}.Changed()
	assert.Equal(t, "unreadable_file", fault.Code(err))
}

func BenchmarkHashFile(b *testing.B) {
	path := write(b, filepath.Join(b.TempDir(), "f"), strings.Repeat("0123456789abcdef", 4<<20))
	b.SetBytes(64 << 20)
	for b.Loop() {
		_, _, _, _, err := HashFile(context.Background(), path)
		require.NoError(b, err)
	}
}

func BenchmarkHashSmallFile(b *testing.B) {
	path := write(b, filepath.Join(b.TempDir(), "f"), strings.Repeat("0123456789abcdef", 9000))
	b.SetBytes(16 * 9000)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _, _, err := HashFile(context.Background(), path)
		require.NoError(b, err)
	}
}
