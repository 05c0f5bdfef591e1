package sharing

import (
	"encoding/json"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
)

// valuesState is what a run gets to know of an evaluation that several workers have logged, and what their hosts are told of it. It is kept
// apart from the result, and packed: a thousand classes are a megabyte.
type valuesState struct {
	Numbers map[string]float64 `json:"numbers"`
	Charts  []chart.Chart      `json:"charts"`
	Own     map[string]any     `json:"own"`
	Stale   []string           `json:"stale"`
	Report  reportState        `json:"report"`
}

// reportState is the part of a report that hosts are told. The rest is in the artifact.
type reportState struct {
	Key          string              `json:"key"`
	Type         evaluation.Type     `json:"type"`
	Subset       bool                `json:"subset,omitempty"`
	Metrics      []evaluation.Metric `json:"metrics"`
	Classes      []classState        `json:"classes"`
	Missing      string              `json:"missing"`
	Matches      int64               `json:"matches"`
	Changed      int64               `json:"changed"`
	MasksWritten int64               `json:"masks_written"`
	Evaluated    int64               `json:"evaluated"`
}

// classState is a class without the means, which need not be finite.
type classState struct {
	Name   string     `json:"name"`
	Rates  [3]float64 `json:"rates"`  // precision, recall, F1
	Counts [4]int64   `json:"counts"` // support, TP, FP, FN
	AP     *float64   `json:"ap,omitempty"`
	OwnAP  *float64   `json:"own_ap,omitempty"`
}

// keepValues takes the values out of the result.
func (st *outcomeState) keepValues(v *publish.RunValues) error {
	res := &st.Result
	if v == nil || res.Evaluation == nil {
		return nil
	}
	r := res.Evaluation.Report
	report := reportState{Key: r.Config.Key, Type: r.Config.Type, Subset: r.Subset, Metrics: r.Metrics, Missing: r.Missing, Matches: r.Matches,
		Changed: r.Changed, MasksWritten: r.MasksWritten, Evaluated: res.Evaluation.Evaluated}
	for _, c := range r.Classes[:min(len(r.Classes), publish.MaxClasses)] {
		report.Classes = append(report.Classes, classState{c.Name, [3]float64{c.Precision, c.Recall, c.F1}, [4]int64{c.Support, c.TP, c.FP, c.FN}, c.AP, c.OwnAP})
	}
	raw, err := json.Marshal(valuesState{v.Numbers, v.Charts, v.Own, v.Stale, report})
	st.Values = packed(raw)
	res.Evaluation, res.Metrics, res.Charts = nil, nil, nil
	return err
}

// readValues reads what keepValues has kept; nil where that is nothing.
func readValues(kept []byte) (*valuesState, error) {
	if kept == nil {
		return nil, nil
	}
	raw, err := unpacked(kept)
	if err != nil {
		return nil, err
	}
	v := &valuesState{}
	return v, json.Unmarshal(raw, v)
}

// RunValues is what the run gets; nil for nothing.
func (v *valuesState) runValues() *publish.RunValues {
	if v == nil {
		return nil
	}
	return &publish.RunValues{Numbers: v.Numbers, Charts: v.Charts, Own: v.Own, Stale: v.Stale}
}

// to puts the values back into the result.
func (v *valuesState) to(res *publish.Result) {
	s := v.Report
	r := &evaluation.Report{Config: evaluation.Config{Key: s.Key, Type: s.Type}, Subset: s.Subset, Metrics: s.Metrics, Missing: s.Missing, Matches: s.Matches,
		Changed: s.Changed, MasksWritten: s.MasksWritten}
	for _, c := range s.Classes {
		r.Classes = append(r.Classes, evaluation.Class{Name: c.Name, Precision: c.Rates[0], Recall: c.Rates[1], F1: c.Rates[2],
			Support: c.Counts[0], TP: c.Counts[1], FP: c.Counts[2], FN: c.Counts[3], AP: c.AP, OwnAP: c.OwnAP})
	}
	res.Evaluation = &publish.EvaluationResult{Report: r, Evaluated: s.Evaluated}
	res.Metrics, res.Charts = v.Numbers, v.Charts
}
