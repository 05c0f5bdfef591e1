package publish

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// publish uploads what was collected.
func (p *Publisher) publish(ctx context.Context, c *collect.Collector, pub *Publication) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whatever still runs beside a failed upload ends with it
	s := p.Session
	if err := p.EnsureRun(ctx, pub); err != nil {
		return nil, err
	}
	relation := s.Relation()
	p.Tracker.Begin(collect.StageUploading)
	copied := p.copyTable(ctx, pub, relation)
	charts := p.UploadCharts(ctx, pub, relation)
	logged, err := s.Client.LogArtifact(ctx, p.ArtifactSpec(c, pub), func(u wandb.UploadProgress) { p.Tracker.Upload(u.FilesDone, u.FilesTotal, u.BytesDone, u.BytesTotal) })
	if err != nil {
		return nil, err
	}
	if !logged.New {
		logged.FilesUnchanged, _ = c.Stored()
	}
	p.Tracker.Begin(collect.StageCommitting)
	after, done := lenient(ctx)
	defer done()
	p.TellRun(after, c, pub, relation, func() ([]wandb.RunValue, error) {
		values := p.RunValuesOf(c, pub, <-charts)
		one := <-copied
		if pub.Table == nil || relation != RunOurs || one.err != nil {
			return values, one.err
		}
		shown, err := one.table.In(logged.ID, pub.Table.Path)
		if err != nil {
			return values, err
		}
		return append(values, shown), nil
	})
	p.Tracker.Done()
	return p.Result(c, pub, relation, logged), nil
}

// copied is a table's copy for the run's workspace, or why there is none.
type copied struct {
	table wandb.RunTable
	err   error
}

// copyTable uploads the copy for the workspace of a run that this job created beside
// the artifact, so that it adds nothing to the requests in series.
func (p *Publisher) copyTable(ctx context.Context, pub *Publication, relation Relation) <-chan copied {
	out := make(chan copied, 1)
	if pub.Table == nil || relation != RunOurs {
		out <- copied{}
		return out
	}
	if pub.Table.IsPartitioned() {
		out <- copied{table: wandb.PartitionedRunTable(pub.Table.Key)}
		return out
	}
	go func() {
		table, err := p.Session.Client.UploadTableCopy(ctx, p.Session.Ref, CopyOf(pub.Table))
		out <- copied{table, err}
	}()
	return out
}

// TellRun adds what the run should know of the artifact. What fails here fails
// after the artifact was committed: it is a warning.
func (p *Publisher) TellRun(ctx context.Context, c *collect.Collector, pub *Publication, relation Relation, values func() ([]wandb.RunValue, error)) {
	p.useInput(ctx, c, pub)
	switch relation {
	case RunOurs:
		p.StopHeartbeats()
		shown, err := values()
		if err = errors.Join(err, p.finishRun(ctx, 0, shown...)); err != nil {
			c.Warnings.Note(cmp.Or(fault.Code(err), "run_not_finished"), "The artifact was logged, but its run is incomplete: %v", err)
		}
	case RunEnded:
		shown, _ := values()
		p.extendEndedRun(ctx, c, pub, shown)
	case RunAliveElsewhere:
		if pub.Values != nil {
			c.Warnings.Note("run_alive", "The run is alive in another process, which writes its summary, so the run does not show the numbers and charts: the artifact holds them.")
		}
	}
}

// useInput records the input artifact as used by the run, unless the run made it.
func (p *Publisher) useInput(ctx context.Context, c *collect.Collector, pub *Publication) {
	s := p.Session
	if s.input == nil {
		return
	}
	if by := s.input.CreatedBy; by == nil || by.RunRef != s.Ref {
		if err := s.Client.UseVersion(ctx, s.Ref, s.input); err != nil {
			c.Warnings.Note("no_input", "The artifact was logged, but its run does not name its input: %v", err)
			return
		}
	}
	pub.Result.InputArtifactURL = s.input.URL(s.Client.Settings())
}

// CopyOf is the copy of a table for a run's workspace.
func CopyOf(t *collect.TableFile) wandb.TableCopy {
	return wandb.TableCopy{Key: t.Key, Columns: len(t.Done.Columns), Rows: t.Done.Rows,
		Open: func() (io.ReadCloser, error) { return t.OpenCopy(wandb.MaxRunTableRows) }}
}
