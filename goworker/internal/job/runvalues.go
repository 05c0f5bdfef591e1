package job

import (
	"bytes"
	"context"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evalreport"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// runValues is what a run gets to know beside the artifact. In a run that is active in the caller's
// own Python, the host sets it.
type runValues struct {
	// numbers go into the summary, by their keys.
	numbers map[string]float64
	// charts have at least one row each.
	charts []chart.Chart
	// own are keys of the config that a later call replaces.
	own map[string]any
	// stale are keys of the summary that an earlier call may have set and this one does not.
	stale []string
}

// valuesOfEvaluation are the values of an evaluation.
func valuesOfEvaluation(v evalreport.Values) *runValues {
	return &runValues{numbers: v.Numbers, charts: v.Charts, own: v.Own, stale: v.Stale}
}

// chartUploads is how many tables of charts go up at once.
const chartUploads = 4

// panels are those of the charts, by the charts' keys.
func (v *runValues) panels() map[string]any {
	if v == nil || len(v.charts) == 0 {
		return nil
	}
	panels := make(map[string]any, len(v.charts))
	for _, c := range v.charts {
		panels[c.Key] = c.Panel()
	}
	return panels
}

// config are the keys that the run's config gets.
func (pub *publication) runConfig() map[string]any {
	config := map[string]any{}
	for key, value := range pub.config {
		config[key] = value
	}
	if pub.values != nil {
		for key, value := range pub.values.own {
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

// uploadCharts puts the tables of the charts among the files of a run that may be changed, beside the artifact.
func (p *publisher) uploadCharts(ctx context.Context, pub *publication, relation Relation) <-chan uploadedCharts {
	out := make(chan uploadedCharts, 1)
	if pub.values == nil || relation != RunOurs && relation != RunEnded {
		out <- uploadedCharts{}
		return out
	}
	go func() {
		tables := make([]wandb.RunValue, len(pub.values.charts))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(chartUploads)
		for i, c := range pub.values.charts {
			g.Go(func() error {
				table, err := p.session.client.UploadTableCopy(gctx, p.session.ref, tableOf(c))
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

// runValuesOf are the values for the run's summary. Without its tables a chart would be empty, so what failed is told.
func (p *publisher) runValuesOf(c *collector, pub *publication, charts uploadedCharts) []wandb.RunValue {
	if pub.values == nil {
		return nil
	}
	if charts.err != nil {
		c.warnings.note("no_charts", "The artifact was logged, but the run has no charts of it: %v", charts.err)
	}
	return append(charts.tables, wandb.RunNumbers(pub.values.numbers))
}

// extendEndedRun adds what a run that had ended should know of the artifact.
func (p *publisher) extendEndedRun(ctx context.Context, c *collector, pub *publication, values []wandb.RunValue) {
	s := p.session
	if pub.values == nil {
		if _, err := s.client.UpdateRunConfig(ctx, s.run, pub.config); err != nil {
			c.warnings.note("no_run_config", "The artifact was logged, but the run's config could not be extended: %v", err)
		}
		return
	}
	replaced, err := s.client.UpdateRun(ctx, s.run, wandb.RunContent{
		Config: pub.config, Own: pub.values.own, Panels: pub.values.panels(), Values: values, Stale: pub.values.stale,
	})
	if err != nil {
		c.warnings.note("no_run_values", "The artifact was logged, but the run does not show its numbers and charts: %v", err)
	} else if len(replaced) > 0 {
		c.warnings.note("replaced_values", "The run had values under these keys already, which were replaced: %s. Pass another prefix to keep both.", strings.Join(replaced, ", "))
	}
}
