package thumbcache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

const large = 1 << 30

func open(t *testing.T, dir string, limit int64) *Cache {
	t.Helper()
	c, err := Open(dir, limit)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func key(i int) Key { return KeyOf([]byte(fmt.Sprint(i))) }

func data(i, size int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	require.NoError(t, err)
	return names
}

func TestKeptForTheNextCall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	c := open(t, dir, large)
	for i := range 100 {
		c.Put(key(i), data(i, 1000+i))
		c.Link(key(1000+i), key(i))
	}
	c.Close()
	c.Put(key(200), nil) // too late, and harmless

	for _, again := range []*Cache{open(t, dir, large), open(t, dir, large)} {
		for i := range 100 {
			for _, k := range []Key{key(i), key(1000 + i)} {
				got, ok := again.Get(k)
				require.True(t, ok)
				require.Equal(t, data(i, 1000+i), got)
			}
		}
		_, ok := again.Get(key(200))
		assert.False(t, ok)
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	info, err = os.Stat(segmentFiles(t, dir)[0])
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestFoundInTheSameCall(t *testing.T) {
	c := open(t, t.TempDir()+"/c", large)
	for i := range 1000 { // more than what is gathered in memory
		c.Put(key(i), data(i, 1000))
	}
	c.Link(key(5000), key(1))
	got, ok := c.Get(key(5000))
	require.True(t, ok)
	assert.Equal(t, data(1, 1000), got)
}

func TestLinksGoNowhereTwice(t *testing.T) {
	c := open(t, t.TempDir()+"/c", large)
	c.Link(key(1), key(2))
	c.Link(key(2), key(1))
	_, ok := c.Get(key(1))
	assert.False(t, ok)
}

func TestDamageIsAsIfItWereNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	c := open(t, dir, large)
	for i := range 20 {
		c.Put(key(i), data(i, 1000))
	}
	c.Close()
	path := segmentFiles(t, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, at := range []int{0, 10_000, len(whole) - 1, len(whole) - footerSize, len(whole) - footerSize - 5} {
		broken := bytes.Clone(whole)
		broken[at] ^= 0xFF
		require.NoError(t, os.WriteFile(path, broken, 0o600))
		again := open(t, dir, large)
		for i := range 20 {
			if got, ok := again.Get(key(i)); ok {
				assert.Equal(t, data(i, 1000), got)
			}
		}
		again.Close()
	}
	for _, size := range []int{0, 1, footerSize, len(whole) / 2} {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		again := open(t, dir, large)
		_, ok := again.Get(key(1))
		assert.False(t, ok)
		again.Close()
		assert.Empty(t, segmentFiles(t, dir), "a segment without an index is removed")
	}
}

func TestBoundedInSize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	const limit = 1 << 20
	for round := range 10 {
		c := open(t, dir, limit)
		for i := range 100 {
			c.Put(key(1000*round+i), data(i, 3000))
		}
		c.Close()
		var total int64
		for _, one := range segmentFiles(t, dir) {
			info, err := os.Stat(one)
			require.NoError(t, err)
			total += info.Size()
			when := info.ModTime().Add(-10 * time.Hour) // the next round is much later
			require.NoError(t, os.Chtimes(one, when, when))
		}
		assert.LessOrEqual(t, total, int64(limit))
	}
	c := open(t, dir, limit)
	_, newest := c.Get(key(9050))
	_, oldest := c.Get(key(50))
	assert.True(t, newest)
	assert.False(t, oldest)
}

func TestWhatIsUsedStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	long := time.Now().Add(-10 * time.Hour)
	for i := range 2 {
		c := open(t, dir, large)
		c.Put(key(i), data(i, 1000))
		c.Close()
	}
	for i, one := range segmentFiles(t, dir) {
		require.NoError(t, os.Chtimes(one, long.Add(time.Duration(i)), long.Add(time.Duration(i))))
	}
	c := open(t, dir, large)
	_, ok := c.Get(key(0))
	require.True(t, ok)
	c.Close()

	c = open(t, dir, 1500)
	c.Close()
	c = open(t, dir, large)
	_, used := c.Get(key(0))
	_, unused := c.Get(key(1))
	assert.True(t, used)
	assert.False(t, unused)
}

func TestSmallSegmentsArePutTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	for i := range 2 * manySmall {
		c := open(t, dir, large)
		c.Put(key(i), data(i, 100))
		c.Link(key(1000+i), key(i))
		c.Close()
	}
	assert.LessOrEqual(t, len(segmentFiles(t, dir)), manySmall)
	c := open(t, dir, large)
	for i := range 2 * manySmall {
		got, ok := c.Get(key(1000 + i))
		require.True(t, ok, "%d", i)
		assert.Equal(t, data(i, 100), got)
	}
}

func TestManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	var wg sync.WaitGroup
	for range 3 {
		c := open(t, dir, 1<<20)
		for worker := range 4 {
			wg.Go(func() {
				for i := range 500 {
					if got, ok := c.Get(key(i)); ok {
						assert.Equal(t, data(i, 1000), got)
					} else {
						c.Put(key(i), data(i, 1000))
					}
				}
				if worker == 0 {
					c.Close()
				}
			})
		}
	}
	wg.Wait()
}

func TestOnlyAPrivateDirectoryIsUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o755))
	_, err := Open(dir, large)
	require.ErrorIs(t, err, localfile.ErrNotPrivate)
	link := dir + "-link"
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Symlink(dir, link))
	_, err = Open(link, large)
	assert.ErrorIs(t, err, localfile.ErrNotPrivate)
}

func TestDraftsOfProcessesThatAreGoneAreRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	open(t, dir, large).Close()
	fresh, old := filepath.Join(dir, "1"+draftSuffix), filepath.Join(dir, "2"+draftSuffix)
	for _, path := range []string{fresh, old} {
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	}
	when := time.Now().Add(-2 * draftAge)
	require.NoError(t, os.Chtimes(old, when, when))
	open(t, dir, large).Close()
	assert.FileExists(t, fresh)
	assert.NoFileExists(t, old)
}

func TestFileStateChangesWithTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Nil(t, FileState(path, info), "it could change again without a trace")
}

func FuzzOpenSegment(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "c")
	c, err := Open(dir, large)
	require.NoError(f, err)
	c.Put(key(1), []byte("some data"))
	c.Link(key(2), key(1))
	c.Close()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	require.NoError(f, err)
	whole, err := os.ReadFile(names[0])
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x"+segmentSuffix)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		s, err := openSegment(path, time.Now())
		if err != nil {
			return
		}
		defer s.close()
		s.get(key(1))
		s.get(key(2))
	})
}
