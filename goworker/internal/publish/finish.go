package publish

import (
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// FinishRun ends a W&B run that an earlier job created and could not finish. One that
// has ended by now is left as it is.
type FinishRun struct {
	Settings               config.Inputs
	Entity, Project, RunID string
	ExitCode               int
}

// Run does the job.
func (j FinishRun) Run(ctx context.Context) error {
	settings, err := config.Resolve(j.Settings)
	if err != nil {
		return err
	}
	client, err := wandb.NewClient(settings)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.FinishAbandonedRun(ctx, config.RunRef{Entity: j.Entity, Project: j.Project, ID: j.RunID}, j.ExitCode)
}
