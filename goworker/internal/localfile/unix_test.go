//go:build unix

package localfile

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nobody ever writes to the pipe: opening it in the ordinary way would wait for ever.
func TestPipesAreRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := Open(path)
	require.ErrorIs(t, err, ErrNotRegular)
	// Also when it takes the place of a file after the first look.
	f, err := os.OpenFile(path, os.O_RDONLY|dontWait, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// They say that they are regular files, and reading them gives the process's secrets.
func TestFilesOfTheKernelAreRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has them")
	}
	for _, path := range []string{"/proc/self/environ", "/proc/version", "/sys/kernel/notes", "/proc/self/root/proc/self/cmdline"} {
		if _, err := os.Stat(path); err == nil {
			_, err = Open(path)
			require.ErrorIs(t, err, ErrNotRegular, path)
		}
	}
}

func TestPrivateDir(t *testing.T) {
	base := t.TempDir()
	for _, umask := range []int{0, 0o777} {
		dir := filepath.Join(base, string(rune('a'+umask%7)), "b", "c")
		old := syscall.Umask(umask)
		err := PrivateDir(dir)
		syscall.Umask(old)
		require.NoError(t, err)
		for _, path := range []string{dir, filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), path)
		}
		require.NoError(t, PrivateDir(dir))
	}

	open := filepath.Join(base, "open")
	require.NoError(t, os.Mkdir(open, 0o700))
	require.NoError(t, os.Chmod(open, 0o777))
	require.ErrorIs(t, PrivateDir(filepath.Join(open, "cache")), ErrNotPrivate, "others could exchange it")
	_, err := os.Stat(filepath.Join(open, "cache"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, PrivateDir(open), ErrNotPrivate)
	require.NoError(t, os.Chmod(open, 0o777|os.ModeSticky))
	require.NoError(t, PrivateDir(filepath.Join(open, "cache")), "as in /tmp")

	require.NoError(t, os.Chmod(open, 0o755))
	require.ErrorIs(t, PrivateDir(open), ErrNotPrivate, "others could look into it")
	link := filepath.Join(base, "link")
	require.NoError(t, os.Symlink(filepath.Join(open, "cache"), link))
	require.ErrorIs(t, PrivateDir(link), ErrNotPrivate)
}

func TestPrivateGroups(t *testing.T) {
	for line, want := range map[string]bool{
		"ann:x:1000:": true, "ann:x:1000:ann": true, "ann:x:1000:bob": false, "ann:x:1000:ann,bob": false,
		"users:x:1000:": false, "ann:x:100:": false, "": false,
	} {
		_, ok := privateGroup(line, "ann", "1000")
		assert.Equal(t, want, ok, line)
	}
}
