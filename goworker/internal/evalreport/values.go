// Package evalreport writes the report on an evaluation down for W&B: as tables of an artifact, as numbers and charts of a run, and as JSON.
package evalreport

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// DefaultPrefix is what the summary keys of evaluations begin with.
const DefaultPrefix = "eval"

// maxPrefix bounds what is a part of every key, in characters.
const maxPrefix = 64

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)

// Prefix is the given prefix, or the default. Faults: bad_argument.
func Prefix(given string) (string, error) {
	prefix := strings.TrimSuffix(cmp.Or(given, DefaultPrefix), "/")
	if len(prefix) > maxPrefix || !validPrefix.MatchString(prefix) {
		return "", fault.New(fault.Settings, fault.BadArgument,
			"The prefix %q cannot begin the run's keys: use up to %d letters, digits, '_', '-' and '/', such as %q.", given, maxPrefix, DefaultPrefix)
	}
	return prefix, nil
}

// configKey is the config key that says which evaluation the keys with a prefix are of.
func configKey(prefix string) string {
	if prefix == DefaultPrefix {
		return "evaluation"
	}
	return "evaluation_" + strings.ReplaceAll(prefix, "/", "_")
}

// Subset is the report on a part of what was evaluated, under its name.
type Subset struct {
	Name   string
	Report *evaluation.Report
}

// Values are what a run gets to know of an evaluation.
type Values struct {
	// Numbers go into the summary, by their keys.
	Numbers map[string]float64
	// Charts have at least one row each.
	Charts []chart.Chart
	// Own are keys of the config that a later evaluation with the same prefix replaces.
	Own map[string]any
	// Stale are keys of the summary that an evaluation of another kind may have set and this one does not.
	Stale []string
}

// NewValues are the values of an evaluation: its headline numbers under short keys, the same for all
// models, those of subsets, and its charts. The keys of charts have another prefix, see package chart.
func NewValues(r *evaluation.Report, subsets []Subset, prefix string, config map[string]any) Values {
	v := Values{Numbers: map[string]float64{}, Own: map[string]any{configKey(prefix): config}}
	for _, m := range r.Metrics {
		v.Numbers[prefix+"/"+m.Name] = m.Value
	}
	for _, m := range r.Custom {
		if m.Value != nil {
			v.Numbers[prefix+"/custom/"+keyPart(m.Key)] = *m.Value
		}
	}
	for _, s := range subsets {
		for _, m := range s.Report.Metrics {
			v.Numbers[prefix+"/"+keyPart(s.Name)+"/"+m.Name] = m.Value
		}
	}
	for _, c := range chartsOf(r, prefix+"_charts/") {
		if len(c.Rows) > 0 {
			v.Charts = append(v.Charts, c)
		}
	}
	v.Stale = staleKeys(r, prefix, &v)
	return v
}

// staleKeys are the summary keys of this package that an evaluation of another kind may have left behind.
func staleKeys(r *evaluation.Report, prefix string, v *Values) (keys []string) {
	names := []string{
		evaluation.MetricMAP, evaluation.MetricMAR, evaluation.MetricPrecision, evaluation.MetricRecall, evaluation.MetricF1,
		evaluation.MetricAccuracy, evaluation.MetricSupport, evaluation.MetricTP, evaluation.MetricFP, evaluation.MetricFN,
		evaluation.MetricCorrect, evaluation.MetricIncorrect, evaluation.MetricAverageConfidence, evaluation.MetricAP,
		evaluation.MetricAUC, evaluation.MetricDice, evaluation.MetricMIoU, r.Config.OwnMAP(), evaluation.MAPAt(0.5), evaluation.MAPAt(0.75),
	}
	for _, name := range names {
		key := prefix + "/" + name
		if _, set := v.Numbers[key]; name != "" && !set && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, name := range chartNames {
		table := chart.Chart{Key: prefix + "_charts/" + name}.TableKey()
		if !slices.ContainsFunc(v.Charts, func(c chart.Chart) bool { return c.TableKey() == table }) {
			keys = append(keys, table)
		}
	}
	return keys
}

// keyPart makes a name a part of a summary key: "." would nest it, and "/" begins another part.
func keyPart(name string) string { return strings.NewReplacer(".", "_", "/", "_").Replace(name) }

// The names of the charts, which are the last parts of their keys.
const (
	chartConfusion = "confusion_matrix"
	chartPR        = "precision_recall"
	chartF1        = "f1_by_class"
	chartROC       = "roc"
	chartResiduals = "residuals"
)

var chartNames = []string{chartConfusion, chartPR, chartF1, chartROC, chartResiduals}

// chartsOf are the charts of an evaluation; those that it has no numbers for are empty.
func chartsOf(r *evaluation.Report, prefix string) []chart.Chart {
	return []chart.Chart{
		confusionChart(r, prefix+chartConfusion), curvesChart(r, prefix+chartPR), scoresChart(r, prefix+chartF1),
		rocChart(r, prefix+chartROC), residualsChart(r, prefix+chartResiduals),
	}
}

func confusionChart(r *evaluation.Report, key string) chart.Chart {
	if len(r.Confusion.Cells) == 0 {
		return chart.Chart{}
	}
	cells := make([]chart.Cell, len(r.Confusion.Cells))
	for i, c := range r.Confusion.Cells {
		cells[i] = chart.Cell{Truth: c.Truth, Predicted: c.Predicted, Count: float64(c.Count)}
	}
	return chart.ConfusionMatrix(key, "Confusion matrix", r.Confusion.Labels, r.Missing, cells)
}

func curvesChart(r *evaluation.Report, key string) chart.Chart {
	title := "Precision-recall"
	if r.Config.IoU != nil {
		title += fmt.Sprintf(" at IoU %g", *r.Config.IoU)
	}
	var curves []chart.Curve
	for _, pr := range r.Curves.PR {
		one := chart.Curve{Class: r.Classes[pr.Class].Name, Support: float64(r.Classes[pr.Class].Support)}
		for _, p := range pr.Points {
			one.Recall, one.Precision = append(one.Recall, p.Recall), append(one.Precision, p.Precision)
		}
		curves = append(curves, one)
	}
	return chart.PrecisionRecall(key, title, curves)
}

func scoresChart(r *evaluation.Report, key string) chart.Chart {
	var bars []chart.Bar
	for _, c := range r.Classes {
		bars = append(bars, chart.Bar{Class: c.Name, Support: float64(c.Support), Value: c.F1})
	}
	return chart.ByClass(key, "F1 by class", evaluation.MetricF1, bars)
}

// rocChart is the chart of a binary evaluation, whose positive class is not Missing.
func rocChart(r *evaluation.Report, key string) chart.Chart {
	positive := slices.IndexFunc(r.Classes, func(c evaluation.Class) bool { return c.Name != r.Missing })
	if len(r.Curves.ROC) == 0 || positive < 0 {
		return chart.Chart{}
	}
	var fpr, tpr []float64
	for _, p := range r.Curves.ROC {
		fpr, tpr = append(fpr, p.FPR), append(tpr, p.TPR)
	}
	return chart.ROC(key, "ROC", r.Classes[positive].Name, fpr, tpr)
}

func residualsChart(r *evaluation.Report, key string) chart.Chart {
	var truth, predicted []float64
	for _, one := range r.Curves.Residuals {
		truth, predicted = append(truth, one.Truth), append(predicted, one.Predicted)
	}
	return chart.Residuals(key, "Residuals", truth, predicted)
}
