package wandb_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// someArtifact is the id of an artifact: the base64 of Artifact:7.
const someArtifact = "QXJ0aWZhY3Q6Nw=="

// opened is a table's copy of the given content.
func opened(content string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
}

func (srv *server) table(t *testing.T, c *wandb.Client, key string) wandb.RunTable {
	table, err := c.UploadTableCopy(t.Context(), ref("r"), wandb.TableCopy{Key: key, Open: opened(`{"columns":[],"data":[]}`), Columns: 2, Rows: 12})
	require.NoError(t, err)
	table, err = table.In(someArtifact, key+".table.json")
	require.NoError(t, err)
	return table
}

func TestTablesShowWithTheEndOfTheRunInOneRequest(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	c := srv.client()
	one, two := srv.table(t, c, "one"), srv.table(t, c, "two")
	require.NoError(t, c.FinishRun(t.Context(), ref("r"), 0, one, two))
	require.Len(t, srv.posts(), 1)
	assert.Equal(t, "finished", srv.run("r").State)

	s := srv.posts()[0]
	history := s["files"].(obj)["wandb-history.jsonl"].(obj)
	assert.EqualValues(t, 0, history["offset"])
	var line, summary map[string]any
	require.NoError(t, json.Unmarshal([]byte(history["content"].([]any)[0].(string)), &line))
	require.NoError(t, json.Unmarshal([]byte(s["files"].(obj)["wandb-summary.json"].(obj)["content"].([]any)[0].(string)), &summary))
	for _, values := range []map[string]any{line, summary} {
		value := values["one"].(map[string]any)
		assert.Equal(t, "table-file", value["_type"])
		assert.EqualValues(t, 12, value["nrows"])
		assert.EqualValues(t, 2, value["ncols"])
		assert.EqualValues(t, 24, value["size"])
		assert.Equal(t, "wandb-artifact://41727469666163743a37/one.table.json", value["artifact_path"])
		assert.Contains(t, s["uploaded"], value["path"])
		assert.Equal(t, `{"columns":[],"data":[]}`, srv.get(append([]string{"files", "me", "p", "r"}, strings.Split(str(value["path"]), "/")...)...))
		assert.Contains(t, values, "two")
	}
}

// W&B's own client gives the run nothing of a partitioned table but where it is.
func TestAPartitionedTableHasNoCopyAmongTheRunsFiles(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	c := srv.client()
	table, err := wandb.PartitionedRunTable("samples").In(someArtifact, "samples.partitioned-table.json")
	require.NoError(t, err)
	require.NoError(t, c.FinishRun(t.Context(), ref("r"), 0, table))
	require.Len(t, srv.posts(), 1)
	assert.NotContains(t, srv.posts()[0], "uploaded")
	for _, name := range []string{"wandb-history.jsonl", "wandb-summary.json"} {
		var values map[string]any
		content := srv.posts()[0]["files"].(obj)[name].(obj)["content"].([]any)
		require.NoError(t, json.Unmarshal([]byte(content[0].(string)), &values))
		assert.Equal(t, map[string]any{
			"_type": "partitioned-table", "artifact_path": "wandb-artifact://41727469666163743a37/samples.partitioned-table.json",
		}, values["samples"])
	}
}

func TestARunIsEndedEvenIfItsTableIsRefused(t *testing.T) {
	srv := newServer(t)
	srv.have("r", "running", "")
	c := srv.client()
	table := srv.table(t, c, "one")
	srv.on("file_stream", 1, status(413, "too long a line"))
	err := c.FinishRun(t.Context(), ref("r"), 0, table)
	assert.Equal(t, "table_not_shown", fault.Code(err))
	assert.Contains(t, err.Error(), "too long a line")
	assert.Equal(t, "finished", srv.run("r").State)
}

func TestTheTablesCopyIsRefused(t *testing.T) {
	srv := newServer(t)
	srv.on("PUT", 1000, body(403, "application/xml", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"))
	_, err := srv.client().UploadTableCopy(t.Context(), ref("r"), wandb.TableCopy{Key: "k", Open: opened("")})
	assert.Equal(t, "refused", fault.Code(err))
	assert.Contains(t, err.Error(), "AccessDenied: no")

	assert.Equal(t, 2, srv.count("CreateRunFiles"), "a fresh address was asked for, once")

	srv.on("CreateRunFiles", 1, body(200, "application/json", `{"data":{"createRunFiles":{"files":[]}}}`))
	_, err = srv.client().UploadTableCopy(t.Context(), ref("r"), wandb.TableCopy{Key: "k", Open: opened("")})
	assert.Equal(t, "server_error", fault.Code(err))

	_, err = wandb.RunTable{}.In("no base64!", "k.table.json")
	assert.Equal(t, "table_not_shown", fault.Code(err))
}
