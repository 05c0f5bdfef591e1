package collect

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// ErrEmptyView is the error of a view without rows.
func ErrEmptyView() error {
	return fault.New(fault.Settings, fault.EmptyView, "The view has no samples, so there is nothing to log: choose another view.")
}

// ErrNotSame is the error of rows that are not those of an earlier reading.
func ErrNotSame() error {
	return fault.New(fault.FiftyOne, fault.ViewChanged,
		"Samples or media files of the view changed while the job ran, so that a second reading did not match the first: log the view again when nothing changes it.")
}

// ErrDrawnAgain is the error of rows that several workers cannot share, since each would draw others.
func ErrDrawnAgain() error {
	return fault.New(fault.Settings, fault.BadView,
		"Several workers cannot share this view, since it draws other samples each time it is read, by $sample, $sampleRate or $rand. "+
			"Choose the samples with take(n, seed=1), which gives the same ones each time, or log it with workers=1.")
}
