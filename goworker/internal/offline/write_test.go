package offline

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// content is some files of an artifact: two with the same bytes, an original, a part of a pack, and a reference.
func content(t *testing.T) (*artifact.Files, string) {
	t.Helper()
	dir := t.TempDir()
	files := &artifact.Files{}
	add := func(path, bytes, local string, offset int64, original bool) {
		sum := md5.Sum([]byte(bytes))
		e := artifact.Entry{Path: path, Digest: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(bytes)), LocalPath: local, Offset: offset}
		if original {
			info, err := os.Stat(local)
			require.NoError(t, err)
			e.ModTime = info.ModTime()
		}
		require.NoError(t, files.Add(e))
	}
	write := func(name, bytes string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(bytes), 0o600))
		return path
	}
	add("a.txt", "same", write("a", "same"), 0, false)
	add("b.txt", "same", write("b", "same"), 0, false)
	add("media/c.jpg", "original", write("c", "original"), 0, true)
	add("d", "part", write("pack", "xxpartyy"), 2, false)
	require.NoError(t, files.Add(artifact.Entry{Path: "r", Digest: "s3://b/k", Ref: "s3://b/k"}))
	return files, filepath.Join(dir, "c")
}

func spec(files *artifact.Files) Spec {
	scores := chart.Chart{Key: "eval_charts/f1", Spec: "bar", Fields: map[string]string{"label": "class"}, Columns: []string{"class", "F1"}, Rows: [][]any{{"a", 0.1}, {"b", 1.0}}}
	return Spec{
		Run: Run{ID: "abc", Project: "p", Config: map[string]json.RawMessage{"k": json.RawMessage(`1`)}, Started: time.Unix(1_790_000_000, 0).UTC(),
			Charts: []Chart{{scores, "media/table/eval_charts/f1.table.json", json.RawMessage(`{"_type":"table-file"}`)}}},
		Artifact: Artifact{Type: "dataset", Name: "data", Digest: files.Digest(), Metadata: json.RawMessage(`{"a":1}`),
			Aliases: []string{"latest"}, ClientID: "c", SequenceClientID: "s"},
		Table: &Table{Key: "samples", Path: "samples.table.json", Copy: "media/table/x.table.json",
			Value: json.RawMessage(`{"sha256":"6f5a6034e770acbfb3f797e6a7eb7948d470d45f9928f92b7d72dc7c45e6d0cd"}`)},
	}
}

func write(t *testing.T, files *artifact.Files) (string, error) {
	t.Helper()
	root := t.TempDir()
	draft := filepath.Join(root, "draft")
	require.NoError(t, os.Mkdir(draft, 0o700))
	copied := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("copy")), nil }
	return Write(context.Background(), root, draft, spec(files), Content{Files: files, Copy: copied})
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	files, original := content(t)
	dir, err := write(t, files)
	require.NoError(t, err)
	require.Equal(t, "offline-run-20260921_141320-abc", filepath.Base(dir))
	require.NoError(t, os.Remove(original), "nothing is needed but the directory")

	moved := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(dir, moved))
	got, again, err := Read(context.Background(), moved)
	require.NoError(t, err)
	require.Equal(t, files.Digest(), again.Digest())
	require.Equal(t, files.Len(), again.Len())
	require.Equal(t, "data", got.Artifact.Name)
	require.JSONEq(t, `1`, string(got.Run.Config["k"]))
	in, err := OpenCopy(moved, *got.Table)
	require.NoError(t, err)
	text, _ := io.ReadAll(in)
	require.Equal(t, "copy", string(text))
	require.NoError(t, in.Close())

	raw, err := os.ReadFile(filepath.Join(moved, "run-abc.wandb"))
	require.NoError(t, err)
	records := readLog(t, raw)
	require.Len(t, records, 9, "header, run, the artifact under three paths, files, history, summary, exit")
	require.Equal(t, spec(files).Run.Charts[0].Chart, got.Run.Charts[0].Chart)
	shown, err := os.ReadFile(filepath.Join(moved, "files", "media", "table", "eval_charts", "f1.table.json"))
	require.NoError(t, err)
	require.Equal(t, `{"columns":["class","F1"],"data":[["a",0.1],["b",1.0]]}`, string(shown))
	require.True(t, bytes.Contains(records[1], []byte("visualize")))
	for _, record := range records[6:8] {
		require.True(t, bytes.Contains(record, []byte("eval_charts/f1_table")))
	}
	for i, base := range []string{dir, filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir), filepath.Base(dir)} {
		require.True(t, bytes.Contains(records[2+i], []byte(base+"/artifact/")), base)
	}
}

// The copy of the table is checked before anything is uploaded, as the artifact's files are.
func TestACopyThatWasChangedIsNoticed(t *testing.T) {
	for name, change := range map[string]func(string) error{
		"gone": os.Remove, "cut": func(path string) error { return os.Truncate(path, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			files, _ := content(t)
			dir, err := write(t, files)
			require.NoError(t, err)
			require.NoError(t, change(filepath.Join(dir, "files", "media", "table", "x.table.json")))
			_, _, err = Read(context.Background(), dir)
			require.Equal(t, fault.OfflineChanged, fault.Code(err))
			require.ErrorContains(t, err, "x.table.json")
		})
	}
}

func TestTwoOfOneSecondAreTwoDirectories(t *testing.T) {
	files, _ := content(t)
	root := t.TempDir()
	for _, want := range []string{"offline-run-20260921_141320-abc", "offline-run-20260921_141321-abc"} {
		draft := filepath.Join(root, "draft")
		require.NoError(t, os.Mkdir(draft, 0o700))
		s := spec(files)
		s.Table = nil
		dir, err := Write(context.Background(), root, draft, s, Content{Files: files})
		require.NoError(t, err)
		require.Equal(t, want, filepath.Base(dir))
	}
}

func TestAFileThatChangedIsNotWritten(t *testing.T) {
	for name, change := range map[string]func(string) error{
		"other bytes": func(path string) error { return os.WriteFile(path, []byte("ORIGINAL"), 0o600) },
		"longer":      func(path string) error { return os.WriteFile(path, []byte("original and more"), 0o600) },
		"gone":        os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			files, original := content(t)
			require.NoError(t, change(original))
			_, err := write(t, files)
			require.Equal(t, fault.FileChanged, fault.Code(err))
		})
	}
}

func TestACancelledWriterLeavesNothing(t *testing.T) {
	files, _ := content(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root := t.TempDir()
	draft := filepath.Join(root, "draft")
	require.NoError(t, os.Mkdir(draft, 0o700))
	_, err := Write(ctx, root, draft, spec(files), Content{Files: files})
	require.True(t, errors.Is(err, context.Canceled))
	found, err := filepath.Glob(filepath.Join(root, "offline-run-*"))
	require.NoError(t, err)
	require.Empty(t, found)
}

// A disk that is full, or a table that cannot be read, leaves no directory, at whatever file it happens.
func TestAFailedWriterLeavesNothing(t *testing.T) {
	for name, reader := range map[string]io.Reader{
		"at once": iotest.ErrReader(syscall.ENOSPC),
		"midway":  io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), iotest.ErrReader(syscall.ENOSPC)),
	} {
		t.Run(name, func(t *testing.T) {
			files, _ := content(t)
			root := t.TempDir()
			draft := filepath.Join(root, "draft")
			require.NoError(t, os.Mkdir(draft, 0o700))
			_, err := Write(context.Background(), root, draft, spec(files), Content{Files: files,
				Copy: func() (io.ReadCloser, error) { return io.NopCloser(reader), nil }})
			require.ErrorIs(t, err, syscall.ENOSPC)
			found, err := filepath.Glob(filepath.Join(root, "offline-run-*"))
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

func TestAPathThatLeavesTheDirectoryIsRefused(t *testing.T) {
	for _, path := range []string{"../x", "/etc/passwd", "media/table/../../../x", "other/x"} {
		_, err := OpenCopy(t.TempDir(), Table{Copy: path})
		require.Equal(t, fault.OfflineChanged, fault.Code(err), path)
	}
}

// FuzzRead reads what others may have written: an error at most.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":1,"artifact":{"files":1}}` + "\n" + `{"path":"a","digest":"sZRqySSS0jR8YjW00mERhA==","size":6}` + "\n"))
	f.Add([]byte(`{"format":1,"artifact":{"files":-1}}`))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, specFile), data, 0o600))
		_, _, _ = Read(context.Background(), dir)
	})
}
