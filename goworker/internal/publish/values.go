package publish

import (
	"bytes"
	"io"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
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

// tableOf is the table that a chart draws.
func tableOf(c chart.Chart) wandb.TableCopy {
	raw := c.TableJSON()
	return wandb.TableCopy{
		Key: c.TableKey(), Columns: len(c.Columns), Rows: int64(len(c.Rows)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
	}
}
