package chart

import (
	"cmp"
	"fmt"
	"slices"
)

// Bounds of what one chart shows and a person can read.
const (
	maxConfusionClasses = 100 // so that all cells are MaxRows
	maxCurves           = 50
	maxBars             = 100
	maxCurvePoints      = 1_000 // of one line
	maxResiduals        = 5_000
)

// Cell is one cell of a confusion matrix. Truth and Predicted are places in the list of classes.
type Cell struct {
	Truth, Predicted int
	Count            float64
}

// ConfusionMatrix draws how often each class was predicted as each.
//
// Classes are in the order in which they are to be shown; cells that are left out are 0, and cells of the same place
// are added. More than 100 classes are reduced to the most frequent ones, by truth and prediction together, and one
// class for all the others. What stands for no label, missing, is kept in any case.
func ConfusionMatrix(key, title string, classes []string, missing string, cells []Cell) Chart {
	classes, place := reduce(classes, missing, cells)
	n := len(classes)
	counts := make([]float64, n*n)
	for _, c := range cells {
		if finite(c.Count) {
			counts[place[c.Truth]*n+place[c.Predicted]] += c.Count
		}
	}
	chart := Chart{
		Key: key, Spec: specConfusion, Columns: []string{"Actual", "Predicted", "nPredictions"},
		Fields:  map[string]string{"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"},
		Strings: map[string]string{"title": title},
	}
	for i, truth := range classes {
		for j, predicted := range classes {
			chart.Rows = append(chart.Rows, []any{truth, predicted, counts[i*n+j]})
		}
	}
	return chart
}

// reduce gives the classes to show, and for each given class its place among them.
func reduce(classes []string, missing string, cells []Cell) (shown []string, place []int) {
	place = make([]int, len(classes))
	for i := range place {
		place[i] = i
	}
	if len(classes) <= maxConfusionClasses {
		return classes, place
	}
	frequency := make([]float64, len(classes))
	for _, c := range cells {
		frequency[c.Truth] += c.Count
		frequency[c.Predicted] += c.Count
	}
	kept := most(len(classes), maxConfusionClasses-1, func(i int) float64 { return frequency[i] })
	if i := slices.Index(classes, missing); i >= 0 && !slices.Contains(kept, i) {
		kept = append(mostOf(kept, maxConfusionClasses-2, func(i int) float64 { return frequency[i] }), i)
		slices.Sort(kept)
	}
	other := unusedName("(other)", classes)
	for i := range place {
		place[i] = len(kept)
	}
	for to, i := range kept {
		place[i] = to
		shown = append(shown, classes[i])
	}
	return append(shown, other), place
}

// Curve is the precision of one class at some recalls.
type Curve struct {
	Class string
	// Support is how many objects of the class there are.
	Support float64
	// Recall and Precision are the points, in the order in which they are drawn.
	Recall, Precision []float64
}

// PrecisionRecall draws the precision of classes over the recall. Where there are several and all have the same recalls,
// the first line is their mean, which is that of all given curves. Of more than 50 classes it shows those with the most support.
// A curve with a number that is not finite is left out, and one of very many points is drawn by fewer.
func PrecisionRecall(key, title string, curves []Curve) Chart {
	chart := curveChart(key, title, "recall", "precision", "Recall", "Precision")
	curves = slices.DeleteFunc(slices.Clone(curves), func(c Curve) bool {
		return len(c.Precision) != len(c.Recall) || !finite(c.Precision...) || !finite(c.Recall...)
	})
	shown := most(len(curves), maxCurves, func(i int) float64 { return curves[i].Support })
	add := func(class string, c Curve) {
		for _, i := range evenly(len(c.Recall), min(maxCurvePoints, MaxRows/(len(shown)+1))) {
			chart.Rows = append(chart.Rows, []any{class, c.Precision[i], c.Recall[i]})
		}
	}
	if mean, ok := meanCurve(curves); ok {
		add(mean.Class, mean)
	}
	for _, i := range shown {
		add(curves[i].Class, curves[i])
	}
	return chart
}

// meanCurve is the mean of several curves of the same recalls.
func meanCurve(curves []Curve) (mean Curve, ok bool) {
	if len(curves) < 2 {
		return Curve{}, false
	}
	mean = Curve{Recall: curves[0].Recall, Precision: make([]float64, len(curves[0].Recall))}
	names := make([]string, len(curves))
	for i, c := range curves {
		if !slices.Equal(c.Recall, mean.Recall) {
			return Curve{}, false
		}
		names[i] = c.Class
		for r, p := range c.Precision {
			mean.Precision[r] += p / float64(len(curves))
		}
	}
	mean.Class = unusedName("mean", names)
	return mean, true
}

// Bar is the height of the bar of one class.
type Bar struct {
	Class          string
	Support, Value float64
}

// ByClass draws a bar for each class. Of more than 100 it shows those with the most support, and the title says so.
func ByClass(key, title, name string, bars []Bar) Chart {
	bars = slices.DeleteFunc(slices.Clone(bars), func(b Bar) bool { return !finite(b.Value) })
	if len(bars) > maxBars {
		title = fmt.Sprintf("%s (the %d most frequent of %d)", title, maxBars, len(bars))
	}
	chart := Chart{
		Key: key, Spec: specBar, Columns: []string{"class", name},
		Fields: map[string]string{"label": "class", "value": name}, Strings: map[string]string{"title": title},
	}
	for _, i := range most(len(bars), maxBars, func(i int) float64 { return bars[i].Support }) {
		chart.Rows = append(chart.Rows, []any{bars[i].Class, bars[i].Value})
	}
	return chart
}

// ROC draws the true positive rate of the positive class over its false positive rate. A curve of more than 1,000
// points is drawn by as many, evenly chosen, with both ends.
func ROC(key, title, class string, fpr, tpr []float64) Chart {
	chart := curveChart(key, title, "fpr", "tpr", "False positive rate", "True positive rate")
	// As W&B's client has it, x comes first here.
	chart.Columns = []string{"class", "fpr", "tpr"}
	for _, i := range evenly(min(len(fpr), len(tpr)), maxCurvePoints) {
		if finite(fpr[i], tpr[i]) {
			chart.Rows = append(chart.Rows, []any{class, fpr[i], tpr[i]})
		}
	}
	return chart
}

// Residuals draws how far each prediction is from the truth, over the truth. Of more than 5,000 it draws as many,
// evenly chosen in the given order.
func Residuals(key, title string, truth, predicted []float64) Chart {
	chart := Chart{
		Key: key, Spec: specScatter, Columns: []string{"truth", "residual"},
		Fields: map[string]string{"x": "truth", "y": "residual"}, Strings: map[string]string{"title": title},
	}
	for _, i := range evenly(min(len(truth), len(predicted)), maxResiduals) {
		if residual := predicted[i] - truth[i]; finite(truth[i], residual) {
			chart.Rows = append(chart.Rows, []any{truth[i], residual})
		}
	}
	return chart
}

func curveChart(key, title, x, y, xTitle, yTitle string) Chart {
	return Chart{
		Key: key, Spec: specCurve, Columns: []string{"class", y, x},
		Fields:  map[string]string{"x": x, "y": y, "class": "class"},
		Strings: map[string]string{"title": title, "x-axis-title": xTitle, "y-axis-title": yTitle},
	}
}

// most gives the places of the at most limit largest of n, in their own order. Of equal ones the first count more.
func most(n, limit int, size func(int) float64) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return mostOf(places, limit, size)
}

func mostOf(places []int, limit int, size func(int) float64) []int {
	if len(places) <= limit {
		return places
	}
	sorted := slices.Clone(places)
	slices.SortStableFunc(sorted, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	sorted = sorted[:limit]
	slices.Sort(sorted)
	return sorted
}

// evenly gives at most limit of n places, the first and the last among them.
func evenly(n, limit int) []int {
	places := make([]int, min(n, limit))
	for i := range places {
		places[i] = i
		if n > limit {
			places[i] = i * (n - 1) / (limit - 1)
		}
	}
	return places
}

// unusedName is a name that no class has.
func unusedName(name string, classes []string) string {
	for slices.Contains(classes, name) {
		name = "(" + name + ")"
	}
	return name
}
