package evaluation

import (
	"context"
	"errors"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

var errManyNames = errors.New("too many names")

// kinds are FiftyOne's own classes of results, below the module fiftyone.utils.eval.
var kinds = map[string]Type{
	"detection.DetectionResults":                 Detection,
	"coco.COCODetectionResults":                  Detection,
	"openimages.OpenImagesDetectionResults":      Detection,
	"activitynet.ActivityNetDetectionResults":    Detection,
	"classification.ClassificationResults":       Classification,
	"classification.BinaryClassificationResults": Classification,
	"segmentation.SegmentationResults":           Segmentation,
	"regression.RegressionResults":               Regression,
}

const module = "fiftyone.utils.eval."

// Check refuses evaluations that cannot be read, as far as the run document tells. Faults: unfinished_evaluation,
// unknown_evaluation.
func (c Config) Check() error {
	if c.Results.IsZero() {
		return fault.New(fault.FiftyOne, fault.UnfinishedEvaluation,
			"The evaluation %q has no results: it failed or is still running. Evaluate again under this key, or choose another evaluation.", c.Key)
	}
	switch c.Type {
	case Detection, Classification, Segmentation, Regression:
	default:
		return c.unknown(c.Class)
	}
	if !strings.HasPrefix(c.Class, module) {
		return c.unknown(c.Class)
	}
	return nil
}

func (c Config) unknown(class string) error {
	return fault.New(fault.FiftyOne, fault.UnknownEvaluation,
		"The evaluation %q was made by a method that is not FiftyOne's own (%q), so that only the code of that method can read its results: "+
			"log an evaluation that FiftyOne's detection, classification, segmentation or regression methods made.", c.Key, class)
}

// fault words what went wrong with the results file. Errors of the way to it pass unchanged.
func (c Config) fault(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errManyNames):
		return fault.Wrap(err, fault.FiftyOne, fault.TooManyClasses,
			"The evaluation %q has more than %d different labels or pairs of them: pass `classes` when you evaluate, or check that the labels are class names.", c.Key, mostNames)
	case errors.Is(err, errDamaged):
		return fault.Wrap(err, fault.FiftyOne, fault.DamagedResults,
			"The results of the evaluation %q in FiftyOne's database are damaged (%s). Evaluate again under this key.", c.Key,
			strings.TrimPrefix(err.Error(), errDamaged.Error()+": "))
	}
	return err
}
