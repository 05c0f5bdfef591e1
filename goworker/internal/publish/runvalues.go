package publish

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// chartUploads is how many tables of charts go up at once.
const chartUploads = 4

// uploadedCharts are the tables of the charts that are among the run's files, or why they are not.
type uploadedCharts struct {
	tables []wandb.RunValue
	err    error
}

// UploadCharts puts the tables of the charts among the files of a run that may be changed, beside the artifact.
func (p *Publisher) UploadCharts(ctx context.Context, pub *Publication, relation Relation) <-chan uploadedCharts {
	out := make(chan uploadedCharts, 1)
	if pub.Values == nil || relation != RunOurs && relation != RunEnded {
		out <- uploadedCharts{}
		return out
	}
	go func() {
		tables := make([]wandb.RunValue, len(pub.Values.Charts))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(chartUploads)
		for i, c := range pub.Values.Charts {
			g.Go(func() error {
				table, err := p.Session.Client.UploadTableCopy(gctx, p.Session.Ref, tableOf(c))
				tables[i] = table
				return err
			})
		}
		if err := g.Wait(); err != nil {
			out <- uploadedCharts{err: err}
			return
		}
		out <- uploadedCharts{tables: tables}
	}()
	return out
}

// RunValuesOf are the values for the run's summary. Without its tables a chart would be empty, so what failed is told.
func (p *Publisher) RunValuesOf(c *collect.Collector, pub *Publication, charts uploadedCharts) []wandb.RunValue {
	if pub.Values == nil {
		return nil
	}
	if charts.err != nil {
		c.Warnings.Note("no_charts", "The artifact was logged, but the run has no charts of it: %v", charts.err)
	}
	return append(charts.tables, wandb.RunNumbers(pub.Values.Numbers))
}

// extendEndedRun adds what a run that had ended should know of the artifact.
func (p *Publisher) extendEndedRun(ctx context.Context, c *collect.Collector, pub *Publication, values []wandb.RunValue) {
	s := p.Session
	if pub.Values == nil {
		if _, err := s.Client.UpdateRunConfig(ctx, s.Run, pub.Config); err != nil {
			c.Warnings.Note("no_run_config", "The artifact was logged, but the run's config could not be extended: %v", err)
		}
		return
	}
	replaced, err := s.Client.UpdateRun(ctx, s.Run, wandb.RunContent{
		Config: pub.Config, Own: pub.Values.Own, Panels: pub.Values.panels(), Values: values, Stale: pub.Values.Stale,
	})
	if err != nil {
		c.Warnings.Note("no_run_values", "The artifact was logged, but the run does not show its numbers and charts: %v", err)
	} else if len(replaced) > 0 {
		c.Warnings.Note("replaced_values", "The run had values under these keys already, which were replaced: %s. Pass another prefix to keep both.", strings.Join(replaced, ", "))
	}
}
