package standin_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

// TestRestart closes a server with finished and with pending work and goes on with the next one.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	in := func(o *standin.Options) { o.Dir = dir }
	c := start(t, in)
	first := c.log(spec{files: map[string]string{"a": "1", "b": "2"}, input: object{"metadata": `{ "as it came": "<&>", "n": 9007199254740993 }`}})
	removed := c.log(spec{files: map[string]string{"a": "1", "b": "3"}})
	c.data(`mutation($id: ID!) { deleteArtifact(input: {artifactID: $id, deleteAliases: true}) { artifact { id } } }`, object{"id": removed})
	pending, _ := c.upload(spec{name: "pending", files: map[string]string{"x": "y"}})
	c.stream("maker", `{"files":{"wandb-history.jsonl":{"offset":0,"content":["{\"_step\":0}"]}}}`)
	c.data(`mutation { upsertView(input: {projectName: "p", displayName: "R", spec: "{}"}) { inserted } }`, nil)
	before := c.State()
	require.NoError(t, c.Close())

	c = start(t, in)
	assert.Equal(t, before, c.State())
	assert.Equal(t, first, c.version("things:latest")["id"])
	assert.Equal(t, `{ "as it came": "<&>", "n": 9007199254740993 }`, c.version("things:latest")["metadata"])
	c.data(commitArtifact, object{"artifactID": pending})
	assert.Equal(t, pending, c.version("pending:latest")["id"])
	id, sent := c.upload(spec{files: map[string]string{"a": "1", "b": "4"}})
	assert.Equal(t, 1, sent, "what is there is still known")
	c.data(commitArtifact, object{"artifactID": id})
	assert.EqualValues(t, 2, c.version("things:latest")["versionIndex"])
	assert.EqualValues(t, 1, c.runField("maker", "historyLineCount"))
	assert.NotEqual(t, first, id)
}

func TestBrokenStateIsAnError(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600))
	_, err := standin.New(standin.Options{Dir: dir})
	assert.ErrorContains(t, err, "state.json")
}

// TestFilesAreStoredOnce counts the files on the disk.
func TestFilesAreStoredOnce(t *testing.T) {
	dir := t.TempDir()
	c := start(t, func(o *standin.Options) { o.Dir = dir })
	c.log(spec{name: "one", files: map[string]string{"a": "content", "b": "content"}})
	c.log(spec{name: "two", files: map[string]string{"c": "content"}})
	var found int
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "files"), func(_ string, entry os.DirEntry, err error) error {
		if !entry.IsDir() {
			found++
			info, err := entry.Info()
			require.NoError(t, err)
			assert.Zero(t, info.Mode().Perm()&0o077, "only its user may read it")
		}
		return err
	}))
	assert.Equal(t, 3, found, "two manifests and one content")
}
