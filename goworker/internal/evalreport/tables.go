package evalreport

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// Table is a table whose rows are in memory. Key is its name in the artifact.
type Table struct {
	Key     string
	Columns []string
	// Write writes the rows.
	Write func(*table.Writer) error
}

// Tables are the tables of a report, or of two that are compared: classes, the cells of the confusion matrix, and curves. b may be nil.
func Tables(a, b *evaluation.Report) []Table {
	return []Table{classesTable(a, b), confusionTable(a, b), curvesTable(a, b)}
}

// newTable is a table of some rows.
func newTable[R any](key string, columns []table.Column[R], rows []R) Table {
	return Table{key, table.Names(columns), func(w *table.Writer) error {
		for _, one := range rows {
			if err := table.Add(w, columns, one); err != nil {
				return err
			}
		}
		return nil
	}}
}

// classPair is a class in one evaluation or in two; either may be nil.
type classPair struct {
	name string
	a, b *evaluation.Class
}

// pairClasses joins the classes of two reports, the first one's order first.
func pairClasses(a, b *evaluation.Report) (pairs []classPair) {
	at := map[string]int{}
	for i := range a.Classes {
		at[a.Classes[i].Name] = len(pairs)
		pairs = append(pairs, classPair{name: a.Classes[i].Name, a: &a.Classes[i]})
	}
	if b == nil {
		return pairs
	}
	for i := range b.Classes {
		if j, ok := at[b.Classes[i].Name]; ok {
			pairs[j].b = &b.Classes[i]
		} else {
			pairs = append(pairs, classPair{name: b.Classes[i].Name, b: &b.Classes[i]})
		}
	}
	return pairs
}

// classNumbers are the columns of the table of classes, the same for all evaluations.
var classNumbers = []struct {
	name string
	of   func(*evaluation.Class) *float64
}{
	{"precision", func(c *evaluation.Class) *float64 { return &c.Precision }},
	{"recall", func(c *evaluation.Class) *float64 { return &c.Recall }},
	{"F1", func(c *evaluation.Class) *float64 { return &c.F1 }},
	{"AP", func(c *evaluation.Class) *float64 { return c.AP }},
	{"AP_own_iou", func(c *evaluation.Class) *float64 { return c.OwnAP }},
	{"AP_50", func(c *evaluation.Class) *float64 { return c.AP50 }},
	{"AP_75", func(c *evaluation.Class) *float64 { return c.AP75 }},
	{"AR", func(c *evaluation.Class) *float64 { return c.AR }},
	{"mean_confidence", func(c *evaluation.Class) *float64 { return c.Confidence }},
	{"mean_iou", func(c *evaluation.Class) *float64 { return c.IoU }},
}

var classCounters = []struct {
	name string
	of   func(*evaluation.Class) int64
}{
	{"support", func(c *evaluation.Class) int64 { return c.Support }},
	{"tp", func(c *evaluation.Class) int64 { return c.TP }},
	{"fp", func(c *evaluation.Class) int64 { return c.FP }},
	{"fn", func(c *evaluation.Class) int64 { return c.FN }},
}

// classColumns are the columns with the numbers of one of a pair's classes.
func classColumns(prefix string, of func(classPair) *evaluation.Class) (columns []table.Column[classPair]) {
	add := func(name string, write func(*table.Writer, *evaluation.Class)) {
		columns = append(columns, table.Column[classPair]{Name: prefix + name, Cell: func(w *table.Writer, p classPair) {
			if c := of(p); c != nil {
				write(w, c)
				return
			}
			w.Null()
		}})
	}
	for _, n := range classNumbers {
		add(n.name, func(w *table.Writer, c *evaluation.Class) { w.OptionalFloat(n.of(c)) })
	}
	for _, n := range classCounters {
		add(n.name, func(w *table.Writer, c *evaluation.Class) { w.Int(n.of(c)) })
	}
	return columns
}

// classesTable is the table of classes.
func classesTable(a, b *evaluation.Report) Table {
	columns := []table.Column[classPair]{{Name: "class", Cell: func(w *table.Writer, p classPair) { w.Text(p.name) }}}
	first := func(p classPair) *evaluation.Class { return p.a }
	if b == nil {
		columns = append(columns, classColumns("", first)...)
	} else {
		columns = append(columns, classColumns("a_", first)...)
		columns = append(columns, classColumns("b_", func(p classPair) *evaluation.Class { return p.b })...)
		for _, n := range classNumbers[:5] {
			columns = append(columns, table.Column[classPair]{Name: "delta_" + n.name, Cell: func(w *table.Writer, p classPair) {
				w.OptionalFloat(differenceOf(p, n.of))
			}})
		}
	}
	return newTable("classes", columns, pairClasses(a, b))
}

func differenceOf(p classPair, of func(*evaluation.Class) *float64) *float64 {
	if p.a == nil || p.b == nil {
		return nil
	}
	a, b := of(p.a), of(p.b)
	if a == nil || b == nil {
		return nil
	}
	d := *a - *b
	return &d
}

// cellPair is a cell of one confusion matrix, or of two.
type cellPair struct {
	truth, predicted string
	a, b             int64
}

// confusionTable is the table of the confusion matrix, without its empty cells.
func confusionTable(a, b *evaluation.Report) Table {
	var cells []cellPair
	at := map[[2]string]int{}
	for _, one := range a.Confusion.Cells {
		key := [2]string{a.Confusion.Labels[one.Truth], a.Confusion.Labels[one.Predicted]}
		at[key] = len(cells)
		cells = append(cells, cellPair{key[0], key[1], one.Count, 0})
	}
	columns := []table.Column[cellPair]{
		{Name: "Actual", Cell: func(w *table.Writer, p cellPair) { w.Text(p.truth) }},
		{Name: "Predicted", Cell: func(w *table.Writer, p cellPair) { w.Text(p.predicted) }},
	}
	if b == nil {
		columns = append(columns, table.Column[cellPair]{Name: "count", Cell: func(w *table.Writer, p cellPair) { w.Int(p.a) }})
		return newTable("confusion", columns, cells)
	}
	for _, one := range b.Confusion.Cells {
		key := [2]string{b.Confusion.Labels[one.Truth], b.Confusion.Labels[one.Predicted]}
		if i, ok := at[key]; ok {
			cells[i].b = one.Count
		} else {
			cells = append(cells, cellPair{key[0], key[1], 0, one.Count})
		}
	}
	columns = append(columns,
		table.Column[cellPair]{Name: "a_count", Cell: func(w *table.Writer, p cellPair) { w.Int(p.a) }},
		table.Column[cellPair]{Name: "b_count", Cell: func(w *table.Writer, p cellPair) { w.Int(p.b) }},
		table.Column[cellPair]{Name: "delta_count", Cell: func(w *table.Writer, p cellPair) { w.Int(p.a - p.b) }})
	return newTable("confusion", columns, cells)
}

// curvePoint is a row of the table of curves.
type curvePoint struct {
	evaluation, curve, class string
	x, y                     float64
}

// curvesTable is the table of curves: precision over recall, the true over the false positive rate, and predicted over true values.
func curvesTable(a, b *evaluation.Report) Table {
	points := curvePoints(a)
	columns := []table.Column[curvePoint]{
		{Name: "curve", Cell: func(w *table.Writer, p curvePoint) { w.Text(p.curve) }},
		{Name: "class", Cell: func(w *table.Writer, p curvePoint) { w.OptionalText(p.class) }},
		{Name: "x", Cell: func(w *table.Writer, p curvePoint) { w.OptionalFloat(&p.x) }},
		{Name: "y", Cell: func(w *table.Writer, p curvePoint) { w.OptionalFloat(&p.y) }},
	}
	if b != nil {
		points = append(points, curvePoints(b)...)
		columns = append([]table.Column[curvePoint]{{Name: "evaluation", Cell: func(w *table.Writer, p curvePoint) { w.Text(p.evaluation) }}}, columns...)
	}
	return newTable("curves", columns, points)
}

func curvePoints(r *evaluation.Report) (points []curvePoint) {
	for _, line := range r.Curves.PR {
		for _, p := range line.Points {
			points = append(points, curvePoint{r.Config.Key, chartPR, r.Classes[line.Class].Name, p.Recall, p.Precision})
		}
	}
	for _, p := range r.Curves.ROC {
		points = append(points, curvePoint{r.Config.Key, chartROC, r.Classes[1].Name, p.FPR, p.TPR})
	}
	for _, p := range r.Curves.Residuals {
		points = append(points, curvePoint{r.Config.Key, chartResiduals, "", p.Truth, p.Predicted})
	}
	return points
}
