package evaluation

// Type is what kind of labels an evaluation compared: the `type` of its config.
type Type string

// The types that FiftyOne has.
const (
	Detection      Type = "detection"
	Classification Type = "classification"
	Segmentation   Type = "segmentation"
	Regression     Type = "regression"
)

// Report is everything that is said of one evaluation as a whole. File.Report makes it from the results file. Its numbers are not rounded.
type Report struct {
	Config Config
	// Subset reports that the numbers are those of a part of what was evaluated, as FiftyOne's use_subset gives them.
	Subset bool
	// Metrics are the headline numbers, in the order in which they are to be shown. One that the evaluation does not
	// have is not in the list: nothing in it stands for "unknown".
	Metrics []Metric
	// Classes are in the order of the evaluation's own list, without the one that stands for "no label" (Missing);
	// for binary evaluations both are there. It is empty for regressions.
	Classes []Class
	// Missing is the name that the results use where a side has no label, such as "(none)". In a binary evaluation
	// it is the negative class.
	Missing string
	// Macro, Weighted and Micro are FiftyOne's averages over the classes. MicroIsAccuracy reports that report() calls the
	// last one "accuracy", as scikit-learn does where the classes are all labels that occur.
	Macro, Weighted, Micro *Average
	MicroIsAccuracy        bool
	Confusion              Confusion
	Curves                 Curves
	// Custom are the custom metrics, in the order of the file.
	Custom []CustomMetric
	// Matches is how many pairs of ground truth and prediction the numbers are made of (pixels' cells for
	// segmentations, values for regressions).
	Matches int64
	// Changed is how many matches differ between the results file and what the labels say now, because labels or samples
	// were edited, added or deleted since. It is -1 where that was not compared: who compares is a job, with Changes.
	Changed int64
	// MasksWritten is how many masks have files that were written after the evaluation was made. Whether their pixels are others nobody
	// knows: FiftyOne does not keep which value of a pixel stood for which class. A job counts them.
	MasksWritten int64
}

// Metric is a number with its name, which is the last part of a summary key.
type Metric struct {
	Name  string
	Value float64
}

// Names of metrics. Those of regressions are the ones of FiftyOne's metrics(). The mean average precision at one IoU, such
// as "mAP_50", is MAPAt's.
const (
	MetricMAP               = "mAP" // over the IoUs of the evaluation's sweep; for open-images that of its one IoU
	MetricMAR               = "mAR"
	MetricPrecision         = "precision"
	MetricRecall            = "recall"
	MetricF1                = "F1"
	MetricAccuracy          = "accuracy"
	MetricSupport           = "support"
	MetricTP                = "tp"
	MetricFP                = "fp"
	MetricFN                = "fn"
	MetricCorrect           = "correct"
	MetricIncorrect         = "incorrect"
	MetricAverageConfidence = "average_confidence"
	MetricAP                = "AP"  // of a binary evaluation's scores
	MetricAUC               = "AUC" // under its ROC curve
	MetricDice              = "dice"
	MetricMIoU              = "mIoU"
)

// Metric finds a headline number by its name.
func (r *Report) Metric(name string) (float64, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// Class is what is said of one class. Counts are weighted as FiftyOne weights them: pixels for segmentations.
type Class struct {
	Name                  string
	Precision, Recall, F1 float64
	// Support is the number of its ground truth labels.
	Support int64
	// TP, FP and FN are those of this class against all others: a label that was taken for another class is an FN of its
	// own class and an FP of the other.
	TP, FP, FN int64
	// AP is over the sweep's IoUs, as FiftyOne's own mAP has it; OwnAP is at the evaluation's own IoU. Nil where there is none.
	AP, OwnAP, AP50, AP75, AR *float64
	// Confidence and IoU are the panel's means over the predictions of the class, where an unset value counts as 0; a
	// class without predictions has 0. Nil where the type has none.
	Confidence, IoU *float64
}

// Average is a mean over classes.
type Average struct {
	Precision, Recall, F1 float64
	Support               int64
}

// Confusion is the confusion matrix without its empty cells.
type Confusion struct {
	// Labels name the rows (ground truth) and columns (predictions): the classes, then Missing unless that is a class.
	Labels []string
	// Cells are sorted by row, then by column.
	Cells []Cell
}

// Cell is one cell of a confusion matrix: Truth and Predicted count in Confusion.Labels.
type Cell struct {
	Truth, Predicted int
	Count            int64
}

// Curves are the lines of charts.
type Curves struct {
	// PR has a precision-recall curve for each class with ground truth, in the order of Report.Classes, at the evaluation's own
	// IoU. That of a binary evaluation is one, of its positive class.
	PR []PRCurve
	// ROC is the curve of a binary evaluation, from (0, 0) to (1, 1), of at most MostPoints points.
	ROC []ROCPoint
	// Residuals are the values of a regression in the order of the file; of more than MostPoints, every n-th.
	Residuals []Residual
}

// MostPoints bounds the points of one ROC curve, and the residuals.
const MostPoints = 2000

// PRCurve is one class's precision over recall.
type PRCurve struct {
	// Class counts in Report.Classes.
	Class  int
	Points []PRPoint // rising recall
}

// PRPoint is one point of a precision-recall curve: for detections the precision that is reached at 101 recalls from 0 to 1.
type PRPoint struct{ Recall, Precision float64 }

// ROCPoint is one point of a ROC curve.
type ROCPoint struct{ FPR, TPR float64 }

// Residual is one pair of a regression's values.
type Residual struct{ Truth, Predicted float64 }

// CustomMetric is the result of a custom metric's operator.
type CustomMetric struct {
	// URI is the operator's; Key and Label are what it calls its number.
	URI, Key, Label string
	// ValueJSON is the value as the file has it.
	ValueJSON string
	// Value is set where it is one finite number.
	Value *float64
}
