package artifact

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// childVar makes the test binary a process of its own with a spool, see TestMain.
const childVar = "ARTIFACT_TEST_CHILD"

// TestMain plays another process if it is told so: "hold PARENT" makes a spool with a file,
// says where it is and waits until it is killed; "churn PARENT" makes and closes many.
func TestMain(m *testing.M) {
	mode, parent, child := strings.Cut(os.Getenv(childVar), " ")
	if !child {
		os.Exit(m.Run())
	}
	var err error
	switch mode {
	case "hold":
		var s *Spool
		if s, err = NewSpool(parent); err == nil {
			err = os.WriteFile(filepath.Join(s.dir, "f"), []byte("left behind"), 0o600)
			fmt.Println(s.dir)
			_, _ = io.Copy(io.Discard, os.Stdin)
		}
	case "churn":
		for i := 0; i < 40 && err == nil; i++ {
			err = useSpool(parent)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t *testing.T, mode, parent string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+mode+" "+parent)
	cmd.Stderr = os.Stderr
	return cmd
}

// useSpool makes a spool, and checks that nobody takes it away while it is in use.
func useSpool(parent string) error {
	s, err := NewSpool(parent)
	if err != nil {
		return err
	}
	f, err := s.Create("f")
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte("hello")); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if b, err := os.ReadFile(f.path); err != nil || string(b) != "hello" {
		return fmt.Errorf("%q %w", b, err)
	}
	if _, err := os.Lstat(s.lock.Path()); err != nil {
		return err
	}
	return s.Close()
}

func names(t *testing.T, dir string) []string {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := []string{}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestSpool(t *testing.T) {
	parent := t.TempDir()
	s, err := NewSpool(parent)
	require.NoError(t, err)
	for _, size := range []int{0, 1, bufferSize - 1, bufferSize, bufferSize + 1, 3*bufferSize + 7} {
		for _, step := range []int{1000, bufferSize, 1 << 20} {
			want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
			f, err := s.Create(fmt.Sprint(size, "-", step))
			require.NoError(t, err)
			for at := 0; at < size; at += step {
				n, err := f.Write(want[at:min(at+step, size)])
				require.NoError(t, err)
				require.Equal(t, min(step, size-at), n)
			}
			require.NoError(t, f.Close())
			require.NoError(t, f.Close())
			e := f.Entry("p")
			md5, _, hashed, _, err := HashFile(t.Context(), e.LocalPath)
			require.NoError(t, err)
			assert.Equal(t, Entry{Path: "p", Digest: md5, Size: hashed, LocalPath: f.path}, e)
			r, err := f.Open()
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.True(t, bytes.Equal(want, got))
		}
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	assert.Empty(t, names(t, parent))
}

// A table has any number of parts open; the files give their handles back meanwhile.
func TestParkedFilesGoOn(t *testing.T) {
	s, err := NewSpool(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	const n = 3000 // more than there are file handles for, on most machines
	var files []*SpoolFile
	for i := range n {
		f, err := s.Create(fmt.Sprint(i))
		require.NoError(t, err)
		_, err = fmt.Fprint(f, "part ", i)
		require.NoError(t, err)
		require.NoError(t, f.Park())
		require.NoError(t, f.Park())
		files = append(files, f)
	}
	assert.Empty(t, s.open)
	for i, f := range files {
		_, err := fmt.Fprint(f, " end")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		want := fmt.Sprintf("part %d end", i)
		assert.Equal(t, Entry{Path: "p", Digest: digestOf(want), Size: int64(len(want)), LocalPath: f.path}, f.Entry("p"))
	}
}

func TestMisuseOfSpools(t *testing.T) {
	s, err := NewSpool(t.TempDir())
	require.NoError(t, err)
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "a\x00"} {
		_, err := s.Create(name)
		require.ErrorContains(t, err, "name", "%q", name)
		assert.Equal(t, fault.Plugin, fault.As(err).Source)
	}
	f, err := s.Create("f")
	require.NoError(t, err)
	_, err = s.Create("f")
	require.ErrorContains(t, err, "exists")
	_, err = f.Open()
	require.ErrorContains(t, err, "before it is closed")
	var files Files
	require.Error(t, files.Add(f.Entry("p")), "it is not complete yet")
	require.NoError(t, f.Close())
	_, err = f.Write([]byte("x"))
	require.ErrorContains(t, err, "after it was closed")

	open, err := s.Create("open")
	require.NoError(t, err)
	parked, err := s.Create("parked")
	require.NoError(t, err)
	require.NoError(t, parked.Park())
	require.NoError(t, s.Close())
	for _, f := range []*SpoolFile{open, parked} {
		_, err = f.Write(make([]byte, bufferSize))
		require.ErrorContains(t, err, "after its directory was removed")
		require.Error(t, f.Close())
	}
	_, err = s.Create("late")
	require.ErrorContains(t, err, "after its directory was removed")
}

func TestSpoolSaysWhatIsWrongWithItsDirectory(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "f"), "x")
	_, err := NewSpool(filepath.Join(file, "below"))
	require.ErrorContains(t, err, "TMPDIR")
	assert.Equal(t, fault.Settings, fault.As(err).Source)
}

// What a killed process left is removed by the next spool, and never what a living one has.
func TestSpoolsOfCrashedProcessesAreRemoved(t *testing.T) {
	parent := t.TempDir()
	var dirs []string
	var living []*exec.Cmd
	for range 2 {
		cmd := child(t, "hold", parent)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		defer func() { _ = in.Close() }()
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var dir string
		_, err = fmt.Fscanln(out, &dir)
		require.NoError(t, err)
		dirs, living = append(dirs, dir), append(living, cmd)
	}
	here, err := NewSpool(parent)
	require.NoError(t, err)
	defer func() { require.NoError(t, here.Close()) }()
	require.FileExists(t, filepath.Join(dirs[0], "f"))
	require.FileExists(t, filepath.Join(dirs[1], "f"))

	require.NoError(t, living[0].Process.Kill())
	_ = living[0].Wait() // it says that it was killed
	s, err := NewSpool(parent)
	require.NoError(t, err)
	assert.NoDirExists(t, dirs[0])
	assert.NoFileExists(t, dirs[0]+lockSuffix)
	assert.FileExists(t, filepath.Join(dirs[1], "f"), "of a living process")
	assert.DirExists(t, here.dir, "of this process")
	require.NoError(t, s.Close())

	require.NoError(t, living[1].Process.Kill())
	_ = living[1].Wait()
}

func TestOnlySpoolsAreRemoved(t *testing.T) {
	parent := t.TempDir()
	name := spoolPrefix + strings.Repeat("0a", 16)
	mkdir := func(name string, mode os.FileMode) {
		require.NoError(t, os.Mkdir(filepath.Join(parent, name), mode))
		write(t, filepath.Join(parent, name, "f"), "x")
	}
	outside := t.TempDir()
	kept := write(t, filepath.Join(outside, "kept"), "x")

	lock := func(name string) { write(t, filepath.Join(parent, name+lockSuffix), "") }
	mkdir("other", 0o700)
	lock("other")
	mkdir(spoolPrefix+"short", 0o700)
	lock(spoolPrefix + "short")
	mkdir(name, 0o700) // no lock file
	open := strings.Replace(name, "0a", "1a", 1)
	mkdir(open, 0o755) // open to others: we make no such
	lock(open)
	link := strings.Replace(name, "0a", "2a", 1)
	require.NoError(t, os.Symlink(outside, filepath.Join(parent, link)))
	lock(link)
	before := names(t, parent)
	stale := strings.Replace(name, "0a", "3a", 1)
	mkdir(stale, 0o700)
	lock(stale)
	lock(strings.Replace(name, "0a", "4a", 1)) // its directory is removed already

	s, err := NewSpool(parent)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Equal(t, before, names(t, parent))
	assert.FileExists(t, kept)
}

// Many processes and goroutines make, use, sweep and close spools in one directory at once.
func TestSpoolsDoNotDisturbEachOther(t *testing.T) {
	parent := t.TempDir()
	var wait sync.WaitGroup
	for range 3 {
		cmd := child(t, "churn", parent)
		wait.Go(func() { assert.NoError(t, cmd.Run()) })
	}
	for range 3 {
		wait.Go(func() {
			for range 40 {
				assert.NoError(t, useSpool(parent))
			}
		})
	}
	wait.Wait()
	s, err := NewSpool(parent)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Empty(t, names(t, parent))
}

func BenchmarkSpoolFile(b *testing.B) {
	s, err := NewSpool(b.TempDir())
	require.NoError(b, err)
	f, err := s.Create("f")
	require.NoError(b, err)
	row := bytes.Repeat([]byte("x"), 64<<10) // as the table writer gives it
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	written := 0
	for b.Loop() {
		_, err := f.Write(row)
		require.NoError(b, err)
		if written += len(row); written > 1<<30 {
			require.NoError(b, f.Park())
			require.NoError(b, os.Truncate(f.path, 0))
			written = 0
		}
	}
	require.NoError(b, f.Close())
	require.NoError(b, s.Close())
}
