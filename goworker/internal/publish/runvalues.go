package publish

import (
	"bytes"
	"context"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evalreport"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// RunValues is what a run gets to know beside the artifact. In a run that is active in the caller's
// own Python, the host sets it.
type RunValues struct {
	// Numbers go into the summary, by their keys.
	Numbers map[string]float64
	// Charts have at least one row each.
	Charts []chart.Chart
	// Own are keys of the config that a later call replaces.
	Own map[string]any
	// Stale are keys of the summary that an earlier call may have set and this one does not.
	Stale []string
}

// ValuesOfEvaluation are the values of an evaluation.
func ValuesOfEvaluation(v evalreport.Values) *RunValues {
	return &RunValues{Numbers: v.Numbers, Charts: v.Charts, Own: v.Own, Stale: v.Stale}
}

// chartUploads is how many tables of charts go up at once.
const chartUploads = 4

// panels are those of the charts, by the charts' keys.
func (v *RunValues) panels() map[string]any {
	if v == nil || len(v.Charts) == 0 {
		return nil
	}
	panels := make(map[string]any, len(v.Charts))
	for _, c := range v.Charts {
		panels[c.Key] = c.Panel()
	}
	return panels
}

// config are the keys that the run's config gets.
func (pub *Publication) runConfig() map[string]any {
	config := map[string]any{}
	for key, value := range pub.Config {
		config[key] = value
	}
	if pub.Values != nil {
		for key, value := range pub.Values.Own {
			config[key] = value
		}
	}
	return config
}

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

// tableOf is the table that a chart draws.
func tableOf(c chart.Chart) wandb.TableCopy {
	raw := c.TableJSON()
	return wandb.TableCopy{
		Key: c.TableKey(), Columns: len(c.Columns), Rows: int64(len(c.Rows)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
	}
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
