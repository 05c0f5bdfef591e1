package wandb

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// MaxRunTableRows is how many rows the copy of a table among a run's files may have.
const MaxRunTableRows = 10_000

// TableCopy is the copy of a table that goes among a run's files: what the run's
// workspace shows until it has fetched the artifact.
type TableCopy struct {
	// Key names the table in the workspace.
	Key string
	// Open gives {"columns":[…],"data":[…]}, with media cells replaced by their type's
	// name and at most MaxRunTableRows rows: the same bytes each time.
	Open func() (io.ReadCloser, error)
	// Columns and Rows are those of the whole table.
	Columns int
	Rows    int64
}

// RunTable is a table that a run's workspace shows. It is a RunValue.
type RunTable struct {
	copy         TableCopy
	path, sha256 string // of the copy; empty where there is none
	size         int64
	artifactPath string
}

// runTableForm is the form in which a RunTable is kept.
type runTableForm struct {
	Key    string `json:"key"`
	Path   string `json:"path,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Cols   int    `json:"columns,omitempty"`
	Rows   int64  `json:"rows,omitempty"`
	In     string `json:"in,omitempty"`
}

// MarshalJSON implements json.Marshaler: what is kept is what FinishRun needs, and not how the copy is read.
func (t RunTable) MarshalJSON() ([]byte, error) {
	return json.Marshal(runTableForm{t.copy.Key, t.path, t.sha256, t.size, t.copy.Columns, t.copy.Rows, t.artifactPath})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *RunTable) UnmarshalJSON(raw []byte) error {
	var in runTableForm
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*t = RunTable{copy: TableCopy{Key: in.Key, Columns: in.Cols, Rows: in.Rows}, path: in.Path, sha256: in.SHA256, size: in.Size, artifactPath: in.In}
	return nil
}

// PartitionedRunTable is a table of several parts. It has no copy among the run's files: as with W&B's own client, the
// workspace reads it from the artifact.
func PartitionedRunTable(key string) RunTable { return RunTable{copy: TableCopy{Key: key}} }

// UploadTableCopy puts the copy among the files of a run that this job created or that has ended. It
// takes two requests and does not need the artifact, so it can go on beside LogArtifact.
func (c *Client) UploadTableCopy(ctx context.Context, ref config.RunRef, t TableCopy) (RunTable, error) {
	const doing = "uploading the copy of the table for the run's workspace"
	table, src, err := describeCopy(t)
	if err != nil {
		return RunTable{}, err
	}
	err = c.putFresh(ctx, doing, src, func() (uploadTarget, error) {
		var out struct {
			CreateRunFiles struct {
				UploadHeaders []string `json:"uploadHeaders"`
				Files         []struct {
					UploadURL string `json:"uploadUrl"`
				} `json:"files"`
			} `json:"createRunFiles"`
		}
		vars := map[string]any{"entity": ref.Entity, "project": ref.Project, "run": ref.ID, "files": []string{table.path}}
		if err := c.graphql(ctx, "CreateRunFiles", vars, &out); err != nil {
			return uploadTarget{}, c.explain(doing, err)
		}
		if len(out.CreateRunFiles.Files) != 1 || out.CreateRunFiles.Files[0].UploadURL == "" {
			return uploadTarget{}, fault.New(fault.WandB, fault.ServerError, "W&B at %s gave no address: %s failed.", c.host(), doing)
		}
		return uploadTarget{url: out.CreateRunFiles.Files[0].UploadURL, headers: out.CreateRunFiles.UploadHeaders}, nil
	})
	return table, err
}

// describeCopy is the table of a copy, and what is to be uploaded.
func describeCopy(t TableCopy) (RunTable, source, error) {
	src, digest, err := copySource(t)
	if err != nil {
		return RunTable{}, source{}, err
	}
	return RunTable{copy: t, size: src.size, sha256: digest, path: "media/table/" + t.Key + "_0_" + digest[:20] + ".table.json"}, src, nil
}

// DescribeTable is the table of a copy that is not uploaded here: an offline run has it among its files.
func DescribeTable(t TableCopy) (RunTable, error) {
	table, _, err := describeCopy(t)
	return table, err
}

// InOffline says where the whole table is: in the artifact that clientID names once an offline run is uploaded.
func (t RunTable) InOffline(clientID, path string) RunTable {
	t.artifactPath = "wandb-client-artifact://" + clientID + "/" + path
	return t
}

// Path is where the copy is among the run's files; empty for a table without one.
func (t RunTable) Path() string { return t.path }

// Value is what history and summary of the run hold under the table's key, as JSON.
func (t RunTable) Value() json.RawMessage {
	raw, _ := json.Marshal(t.value()) // texts and numbers only: it cannot fail
	return raw
}

// copySource uploads a copy, which is read once before for its digests.
func copySource(t TableCopy) (source, string, error) {
	in, err := t.Open()
	if err != nil {
		return source{}, "", err
	}
	defer func() { _ = in.Close() }()
	short, long := newMD5(), sha256.New()
	size, err := io.Copy(io.MultiWriter(short, long), in)
	return source{
		size: size, md5: base64Sum(short), open: t.Open,
		changed: fault.New(fault.Plugin, fault.Internal, "The copy of the table changed while it was uploaded."),
	}, hex.EncodeToString(long.Sum(nil)), err
}

// In says where the whole table is: in which artifact, under which path. FinishRun
// needs to know. An artifact id of a form that cannot be referred to is a fault.
func (t RunTable) In(artifactID, path string) (RunTable, error) {
	id, err := base64.StdEncoding.DecodeString(artifactID)
	if err != nil {
		return RunTable{}, fault.Wrap(err, fault.WandB, fault.TableNotShown,
			"The table does not show in the run's workspace, because the server's artifact ids are in a form that this plugin does not know. The artifact holds it.")
	}
	t.artifactPath = "wandb-artifact://" + hex.EncodeToString(id) + "/" + path
	return t, nil
}

// value is what history and summary of the run hold under the table's key.
func (t RunTable) value() map[string]any {
	if t.path == "" {
		return map[string]any{"_type": "partitioned-table", "artifact_path": t.artifactPath}
	}
	out := map[string]any{
		"_type": "table-file", "log_mode": "IMMUTABLE", "ncols": t.copy.Columns, "nrows": t.copy.Rows,
		"path": t.path, "sha256": t.sha256, "size": t.size,
	}
	if t.artifactPath != "" { // the table of a chart is in no artifact
		out["artifact_path"] = t.artifactPath
	}
	return out
}

func (t RunTable) put(line map[string]any) (file string) {
	line[t.copy.Key] = t.value()
	return t.path
}
