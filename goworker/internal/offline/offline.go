// Package offline writes what a job logs as W&B's directories of offline runs, which the official `wandb sync`
// uploads, and reads those directories again.
package offline

import (
	"encoding/json"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
)

// Spec is what a directory says of its run and artifact, beside the files. It is written twice: as W&B's own records
// for `wandb sync`, and as JSON for this plugin.
type Spec struct {
	// Format is the version of the JSON.
	Format   int      `json:"format"`
	Run      Run      `json:"run"`
	Artifact Artifact `json:"artifact"`
	Table    *Table   `json:"table,omitempty"`
	// Rows counts the samples that were logged.
	Rows int64 `json:"rows"`
}

// format is that of this version of the plugin.
const format = 1

// Run is the run that the artifact belongs to.
type Run struct {
	ID string `json:"id"`
	// Entity is empty for the default of whoever uploads it.
	Entity  string `json:"entity"`
	Project string `json:"project"`
	// What W&B's variables say of new runs; empty where they do not.
	DisplayName string                     `json:"display_name,omitempty"`
	JobType     string                     `json:"job_type,omitempty"`
	Group       string                     `json:"group,omitempty"`
	Notes       string                     `json:"notes,omitempty"`
	Host        string                     `json:"host,omitempty"`
	Program     string                     `json:"program,omitempty"`
	Tags        []string                   `json:"tags,omitempty"`
	Config      map[string]json.RawMessage `json:"config"`
	Started     time.Time                  `json:"started"`
	// Numbers and Charts are for the run's history and summary.
	Numbers map[string]float64 `json:"numbers,omitempty"`
	Charts  []Chart            `json:"charts,omitempty"`
	// Replaced are those keys of Config that go before the values of a run that is at W&B already; Stale are keys that its
	// summary loses if it has values of an earlier call. `wandb sync` knows neither.
	Replaced []string `json:"replaced,omitempty"`
	Stale    []string `json:"stale,omitempty"`
	// Input is the artifact that the run used, as the caller named it; empty for none. W&B's records have no place for an input
	// that is known by its name only, so it is for this plugin alone.
	Input string `json:"input_artifact,omitempty"`
}

// Chart is a custom chart that the run shows.
type Chart struct {
	chart.Chart
	// Copy is the path of its table among the run's files.
	Copy string `json:"copy"`
	// Value is what history and summary hold under the table's key.
	Value json.RawMessage `json:"value"`
}

// Artifact is a version of an artifact.
type Artifact struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Digest      string          `json:"digest"`
	Metadata    json.RawMessage `json:"metadata"`
	// Slim is sent in place of Metadata where that is too large for the server; empty for none.
	Slim             json.RawMessage `json:"slim_metadata,omitempty"`
	Aliases          []string        `json:"aliases"`
	Tags             []string        `json:"tags,omitempty"`
	ClientID         string          `json:"client_id"`
	SequenceClientID string          `json:"sequence_client_id"`
	// Files counts the entries, so that a list that was cut is noticed.
	Files int `json:"files"`
}

// Table is the table that the run's workspace shows.
type Table struct {
	Key     string   `json:"key"`
	Path    string   `json:"path"` // in the artifact
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	Parts   int      `json:"parts"`
	// Copy is the path of its copy among the run's files; empty for a partitioned table.
	Copy string `json:"copy,omitempty"`
	// Value is what history and summary hold under Key.
	Value json.RawMessage `json:"value"`
}

// storedPath is where the bytes of a digest are, below the directory: files with the same bytes are one.
func storedPath(digest string) string {
	name := hexOf(digest)
	return "artifact/" + name[:2] + "/" + name
}
