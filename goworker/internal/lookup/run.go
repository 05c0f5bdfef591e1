package lookup

import (
	"bytes"
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// ReadRun reads a run, and adds tags to it if any are given.
type ReadRun struct {
	Settings config.Inputs
	// Reference is an id, a name that people see, or the address of the run's page.
	Reference string
	// AddTags are tags to add.
	AddTags []string
	// HistoryKeys are the metrics whose sampled history is wanted, HistoryPoints how
	// many points of each at most, 0 for defaultPoints.
	HistoryKeys   []string
	HistoryPoints int
	WithArtifacts bool
}

// RunDetails is what ReadRun found. The JSON texts have at most metadata.TrimmedLimit bytes
// but for HistoryJSON.
type RunDetails struct {
	Run                            RunEntry
	ConfigJSON, SummaryJSON        string
	Notes, HeartbeatAt, ProjectURL string
	AddedTags, HistoryKeys         []string
	HistoryJSON                    string
	Inputs, Outputs                []ArtifactEntry
	// ActiveHere says that the run is active in the caller's own Python: AddedTags were
	// not written, they are left to the caller's wandb.run.
	ActiveHere bool
	// SettingsFiles are those of W&B that named the server, the entity or the project.
	SettingsFiles []string
}

// defaultPoints is how many points of a history are given.
const defaultPoints = 500

// Run does the job.
func (j ReadRun) Run(ctx context.Context) (*RunDetails, error) {
	for _, t := range j.AddTags {
		if err := config.CheckRunTag(t); err != nil {
			return nil, err
		}
	}
	in, _ := j.Settings.ForRun(j.Reference)
	settings, err := config.Resolve(in)
	if err != nil {
		return nil, err
	}
	client, err := wandb.NewClient(settings)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	points := j.HistoryPoints
	if points <= 0 {
		points = defaultPoints
	}
	d, err := client.ReadRun(ctx, wandb.RunQuery{
		Entity: settings.Entity, Project: settings.Project, Reference: j.Reference,
		HistoryKeys: j.HistoryKeys, HistoryPoints: points, Artifacts: j.WithArtifacts,
	})
	if err != nil {
		return nil, err
	}
	res := runDetails(settings, d)
	if len(j.AddTags) == 0 {
		return res, nil
	}
	if res.ActiveHere = isActive(j.Settings.ActiveRun, d.RunRef); res.ActiveHere {
		res.AddedTags = wandb.MissingTags(d.Tags, j.AddTags)
		return res, nil
	}
	if res.AddedTags, err = client.AddRunTags(ctx, d.RunRef, j.AddTags); err != nil {
		return nil, err
	}
	res.Run.Tags = append(res.Run.Tags, wandb.MissingTags(d.Tags, res.AddedTags)...)
	return res, nil
}

// isActive reports whether a run is the one that is active in the caller's Python.
func isActive(a *config.ActiveRun, ref config.RunRef) bool {
	return a != nil && a.RunID == ref.ID && (a.Entity == "" || a.Entity == ref.Entity) && (a.Project == "" || a.Project == ref.Project)
}

func runDetails(s config.Settings, d *wandb.RunDetails) *RunDetails {
	res := &RunDetails{
		Run: runEntry(s, d.RunInfo), Notes: d.Notes, HeartbeatAt: d.HeartbeatAt, HistoryKeys: d.HistoryKeys,
		ProjectURL: s.ProjectURL(d.Entity, d.Project),
		ConfigJSON: string(metadata.Sorted(d.Config).Trimmed()), SettingsFiles: s.Files,
	}
	res.SummaryJSON = string(metadata.Read(d.Summary).Trimmed("_wandb"))
	res.Run.MetricsJSON = metrics(d.Summary, nil)
	res.HistoryJSON = "[]"
	if len(d.History) > 0 {
		res.HistoryJSON = string(bytes.ToValidUTF8(metadata.JSON(d.History), []byte("\uFFFD")))
	}
	for _, a := range d.Inputs {
		res.Inputs = append(res.Inputs, artifactEntry(s, a))
	}
	for _, a := range d.Outputs {
		res.Outputs = append(res.Outputs, artifactEntry(s, a))
	}
	return res
}
