package publish

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evalreport"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Events is how a job tells its host what happens. The functions are called
// from one goroutine at a time and must not block for long.
type Events struct {
	// Progress takes each change; the receiver thins them out.
	Progress func(collect.Progress)
	// RunCreated is called when a W&B run was made that somebody has to finish.
	RunCreated func(entity, project, runID string)
	// RunLeftOpen is called when it is not sure that this run has ended: somebody has to
	// look after it.
	RunLeftOpen func()
}

// Target says where in W&B an artifact goes and what it is called.
type Target struct {
	Settings      config.Inputs
	RunID         string // empty makes a new run
	RunGiven      bool   // the caller named the run: set by Run
	ArtifactName  string // not sanitized; empty for the default
	Description   string
	Aliases, Tags []string
	// InputArtifact is recorded as used by the run: what
	// config.Settings.ArtifactRefs reads, or empty.
	InputArtifact string
	// DryRun says what would be done, and does nothing of it.
	DryRun bool
}

// Relation is how a W&B run stands to us (whose state we may change).
type Relation int

// The relations, in the order of the wire contract.
const (
	// RunOurs was created by this job, which finishes it.
	RunOurs Relation = iota + 1
	// RunEnded had ended before: it only gains keys.
	RunEnded
	// RunActiveHere is active in the caller's own Python, which sets its config.
	RunActiveHere
	// RunAliveElsewhere is left alone.
	RunAliveElsewhere
)

// Result is what a logging job has done.
type Result struct {
	Entity, Project, RunID        string
	Relation                      Relation
	ArtifactName, ArtifactVersion string
	// GivenName is the artifact's name that was asked for, where W&B has it under another; else empty.
	GivenName                     string
	NewVersion                    bool
	RunURL, ArtifactURL, BaseURL  string
	Samples                       int64
	Predictions                   int64
	Classes                       int64
	LowConfidence                 int64
	BytesUploaded                 int64
	FilesUploaded, FilesUnchanged int64
	// FilesTotal and BytesTotal are those of the whole artifact. They are set for a
	// DryRun only: then what counts as uploaded is what would be.
	FilesTotal, BytesTotal int64
	// Entries are those of the artifact's manifest, ManifestBytes is its size, and ClientMemoryBytes about what W&B's
	// own client needs to read it. They are set for a dry run only.
	Entries, ManifestBytes, ClientMemoryBytes int64
	DryRun                                    bool
	// ViewSamples is the number of rows of the view, of which Samples may be a part.
	ViewSamples int64
	// ThumbnailsMade counts those that were not in the cache.
	ThumbnailsMade   int64
	RunConfigJSON    string
	InputArtifactURL string
	// SettingsFiles are those of W&B that named the server, the entity or the project.
	SettingsFiles []string
	Warnings      []collect.Warning
	// Evaluation is what was found of an evaluation; nil for other jobs.
	Evaluation *EvaluationResult
	// OfflineDir is the directory that was written in place of reaching W&B, or that was synced; else empty.
	OfflineDir string
	// Disabled says that W&B is switched off: nothing was logged.
	Disabled bool
	// Metrics and Charts are for the run. The host sets them where the run is active in its Python.
	Metrics map[string]float64
	Charts  []chart.Chart
}

// EvaluationResult is what a job has found of an evaluation.
type EvaluationResult struct {
	Report *evaluation.Report
	// Other is the evaluation that it was compared with, or nil.
	Other *evaluation.Report
	// Subsets are in the order that was asked for, under their names.
	Subsets []evalreport.Subset
	// Evaluated is how many samples of the view were evaluated.
	Evaluated int64
}

// MaxClasses is of how many classes of an evaluation hosts are told. The artifact has all of them.
const MaxClasses = 10_000
