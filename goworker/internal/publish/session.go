package publish

import (
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Session is W&B as one job sees it: the client, where the artifact goes, and
// the run as it was found.
type Session struct {
	Client *wandb.Client
	Ref    config.RunRef
	Run    *wandb.Run             // nil: the job has to create it
	here   bool                   // the run is active in the caller's own Python
	input  *wandb.ArtifactVersion // to be recorded as used by the run, or nil
	// offline is where the run is written in place of reaching W&B; then there is no client. Nil otherwise.
	offline *offlineRun
}

// openSession resolves the settings and asks W&B, before any data is read,
// whether the key is good and what is known of the project and the run.
func openSession(ctx context.Context, in config.Inputs, runID string) (*Session, error) {
	if err := config.CheckRunID(runID); err != nil {
		return nil, err
	}
	in, here := in.ForRun(runID)
	settings, err := config.Resolve(in)
	if err != nil {
		return nil, err
	}
	client, err := wandb.NewClient(settings)
	if err != nil {
		return nil, err
	}
	access, err := client.CheckAccess(ctx, settings.Entity, settings.Project, runID)
	if err != nil {
		client.Close()
		return nil, err
	}
	if access.Run == nil {
		if err := settings.CheckNewRun(); err != nil {
			client.Close()
			return nil, err
		}
	}
	ref := config.RunRef{Entity: access.Entity, Project: settings.Project, ID: runID}
	return &Session{Client: client, Ref: ref, Run: access.Run, here: here}, nil
}

// findInput finds the artifact that is to be recorded as the run's input.
func (s *Session) findInput(ctx context.Context, reference string) error {
	if reference == "" {
		return nil
	}
	var err error
	s.input, err = s.Client.FindNamedArtifact(ctx, reference, config.ArtifactRef{Entity: s.Ref.Entity, Project: s.Ref.Project}, []string{})
	return err
}

// Relation is how the run relates to the caller; see design, decision 9.
func (s *Session) Relation() Relation {
	switch {
	case s.Run == nil || s.Run.Created:
		return RunOurs
	case s.here:
		return RunActiveHere
	case s.Run.Alive():
		return RunAliveElsewhere
	}
	return RunEnded
}

// offlineRun is where a job writes what it would have uploaded.
type offlineRun struct {
	settings config.Settings
	root     string // holds W&B's directories of runs
	staged   string // the directory of the offline run that is active in the caller's Python; else empty
	named    bool   // the caller named the run, so that it may be at W&B already
}
