package wandbtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

func (s *suite) spec(t *testing.T, run *wandb.Run, name string, contents map[string]string) wandb.ArtifactSpec {
	return wandb.ArtifactSpec{
		Run: run.RunRef, Type: "dataset", Name: name, Description: "of the contract suite",
		Metadata: json.RawMessage(`{"number":1.5,"list":["a","b"],"nothing":null}`), Files: s.files(t, contents),
	}
}

func (s *suite) firstVersion(t *testing.T) {
	ctx := t.Context()
	run := s.newRun(t, "first", nil)
	contents := map[string]string{"a.txt": "hello\n", "b/data.json": `{"a":1}`, "empty.bin": "", "mit Leerzeichen/ümlaut.txt": "x"}
	for i := range 60 {
		contents[fmt.Sprintf("many/%03d.txt", i)] = fmt.Sprint("file ", i)
	}
	spec := s.spec(t, run, s.collection("first"), contents)
	spec.Aliases, spec.Tags = []string{"best", "latest"}, []string{"one", "two words"}
	var last wandb.UploadProgress
	done, err := s.client.LogArtifact(ctx, spec, func(p wandb.UploadProgress) { last = p })
	require.NoError(t, err)
	assert.True(t, done.New)
	assert.Equal(t, "v0", done.Version)
	assert.EqualValues(t, len(contents), done.FilesUploaded+done.FilesUnchanged)
	assert.Equal(t, wandb.UploadProgress{
		FilesDone: int64(len(contents)), FilesTotal: int64(len(contents)), BytesDone: done.BytesUploaded, BytesTotal: done.BytesUploaded,
	}, last)

	v := s.read.version(done.ID)
	assert.Equal(t, "COMMITTED", v.State)
	assert.Equal(t, spec.Files.Digest(), v.Digest)
	assert.Equal(t, spec.Description, v.Description)
	assert.JSONEq(t, string(spec.Metadata), v.Metadata)
	assert.Equal(t, "dataset", v.Type.Name)
	assert.Equal(t, len(contents), v.FileCount)
	assert.Equal(t, spec.Files.Size(), v.Size)
	assert.Subset(t, v.aliases(), []string{"latest", "best"})
	assert.Equal(t, run.ID, v.CreatedBy.Name)
	assert.Len(t, v.Tags, 2)
	s.assertFiles(t, done.ID, contents)

	assert.Contains(t, s.read.run(run.Entity, run.Project, run.ID).Outputs.ids(), done.ID)
	assert.Equal(t, "running", s.read.run(run.Entity, run.Project, run.ID).State, "logging does not end a run")
}

func (s *suite) laterVersions(t *testing.T) {
	ctx := t.Context()
	first, second := s.newRun(t, "later1", nil), s.newRun(t, "later2", nil)
	name := s.collection("later")
	contents := map[string]string{"same.txt": "same", "other.txt": "one", "third.txt": "third"}
	v0, err := s.client.LogArtifact(ctx, s.spec(t, first, name, contents), nil)
	require.NoError(t, err)
	require.True(t, v0.New)

	changed := maps.Clone(contents)
	changed["other.txt"] = "two"
	v1, err := s.client.LogArtifact(ctx, s.spec(t, second, name, changed), nil)
	require.NoError(t, err)
	assert.True(t, v1.New)
	assert.Equal(t, "v1", v1.Version)
	assert.EqualValues(t, 1, v1.FilesUploaded, "what did not change is not uploaded again")
	assert.EqualValues(t, 2, v1.FilesUnchanged)
	s.assertFiles(t, v1.ID, changed)
	assert.Contains(t, s.read.version(v1.ID).aliases(), "latest")
	assert.NotContains(t, s.read.version(v0.ID).aliases(), "latest")

	again := s.spec(t, second, name, contents)
	again.Aliases = []string{"back"}
	back, err := s.client.LogArtifact(ctx, again, nil)
	require.NoError(t, err)
	assert.False(t, back.New)
	assert.Equal(t, v0.ID, back.ID)
	assert.Equal(t, "v0", back.Version)
	assert.Zero(t, back.FilesUploaded)
	assert.Subset(t, s.read.version(v0.ID).aliases(), []string{"latest", "back"})
	assert.Contains(t, s.read.run(second.Entity, second.Project, second.ID).Inputs.ids(), v0.ID, "it is recorded as used")

	mine, err := s.client.LogArtifact(ctx, s.spec(t, first, name, contents), nil)
	require.NoError(t, err)
	assert.False(t, mine.New)
	assert.NotContains(t, s.read.run(first.Entity, first.Project, first.ID).Inputs.ids(), v0.ID, "a run does not use what it made")
}

func (s *suite) largeFile(t *testing.T) {
	limits := wandb.DefaultLimits()
	limits.Multipart, limits.Part = 8<<20, 5<<20 // stores take no smaller parts
	run := s.newRun(t, "large", nil)
	contents := map[string]string{"large.bin": strings.Repeat("0123456789abcdef", 11<<16), "small.txt": "small"}
	done, err := s.newClient(t, s.target.APIKey, wandb.WithLimits(limits)).
		LogArtifact(t.Context(), s.spec(t, run, s.collection("large"), contents), nil)
	require.NoError(t, err)
	s.assertFiles(t, done.ID, contents)
}

func (s *suite) typeTaken(t *testing.T) {
	ctx := t.Context()
	run := s.newRun(t, "type", nil)
	name := s.collection("type")
	free, err := s.client.ArtifactType(ctx, run.Entity, run.Project, name)
	require.NoError(t, err)
	assert.Empty(t, free)
	_, err = s.client.LogArtifact(ctx, s.spec(t, run, name, map[string]string{"a": "a"}), nil)
	require.NoError(t, err)
	has, err := s.client.ArtifactType(ctx, run.Entity, run.Project, name)
	require.NoError(t, err)
	assert.Equal(t, "dataset", has)

	other := s.spec(t, run, name, map[string]string{"a": "b"})
	other.Type = "predictions"
	_, err = s.client.LogArtifact(ctx, other, nil)
	assert.Equal(t, "type_taken", fault.Code(err), "%v", err)
}

func (s *suite) resume(t *testing.T) {
	run := s.newRun(t, "resume", nil)
	contents := map[string]string{}
	for i := range 40 {
		contents[fmt.Sprintf("%02d.txt", i)] = fmt.Sprint("file ", i)
	}
	spec := s.spec(t, run, s.collection("resume"), contents)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.client.LogArtifact(ctx, spec, func(p wandb.UploadProgress) {
		if p.FilesDone == 35 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, s.read.run(run.Entity, run.Project, run.ID).Outputs.ids(), "a cancelled call leaves nothing visible")

	done, err := s.client.LogArtifact(t.Context(), spec, nil)
	require.NoError(t, err)
	assert.Equal(t, "v0", done.Version)
	s.assertFiles(t, done.ID, contents)
}

func (s *suite) workspaceTable(t *testing.T) {
	ctx := t.Context()
	run := s.newRun(t, "table", nil)
	done, err := s.client.LogArtifact(ctx, s.spec(t, run, s.collection("table"), map[string]string{"samples.table.json": `{"columns":["a"],"data":[[1]]}`}), nil)
	require.NoError(t, err)
	data := []byte(`{"columns":["a"],"data":[[1]]}`)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	table, err := s.client.UploadTableCopy(ctx, run.RunRef, wandb.TableCopy{Key: "samples", Open: open, Columns: 1, Rows: 1})
	require.NoError(t, err)
	table, err = table.In(done.ID, "samples.table.json")
	require.NoError(t, err)
	require.NoError(t, s.client.FinishRun(ctx, run.RunRef, 0, table))

	var stored *storedRun
	eventually(t, "the run is finished with its table", func() bool {
		stored = s.read.run(run.Entity, run.Project, run.ID)
		return stored.State == "finished" && stored.Lines == 1 && len(stored.Files.Edges) > 0
	})
	var summary struct {
		Samples map[string]any `json:"samples"`
	}
	require.NoError(t, json.Unmarshal([]byte(stored.Summary), &summary))
	id, err := base64.StdEncoding.DecodeString(done.ID)
	require.NoError(t, err)
	assert.Equal(t, "table-file", summary.Samples["_type"])
	assert.Equal(t, "wandb-artifact://"+hex.EncodeToString(id)+"/samples.table.json", summary.Samples["artifact_path"])
	for _, f := range stored.Files.Edges {
		if f.Node.Name == summary.Samples["path"] {
			assert.Equal(t, data, s.read.download(f.Node.DirectURL))
			return
		}
	}
	assert.Fail(t, "the copy of the table is not among the run's files")
}
