package job_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
)

func (d *storedDataset) read(key string) job.ReadEvaluation {
	j := d.log(key)
	return job.ReadEvaluation{View: j.View, Dataset: j.Dataset, EvalKey: key}
}

func noIDs([]byte) error { return nil }

// What is read of two evaluations are the numbers of each by itself; those that cannot be compared are refused.
func TestReadTwoEvaluations(t *testing.T) {
	d := golden(t).store()
	j := d.read("ev_b")
	alone, none, err := j.Run(t.Context(), d.callbacks(), noIDs)
	require.NoError(t, err)
	assert.Nil(t, none)
	second, _, err := d.read("ev_cw0").Run(t.Context(), d.callbacks(), noIDs)
	require.NoError(t, err)

	j.CompareWith = "ev_cw0"
	own, other, err := j.Run(t.Context(), d.callbacks(), noIDs)
	require.NoError(t, err)
	assert.Equal(t, alone.Report.Metrics, own.Report.Metrics)
	assert.Equal(t, second.Report.Metrics, other.Report.Metrics)
	assert.Equal(t, second.Report.Classes, other.Report.Classes)
	assert.NotEmpty(t, other.Charts)

	j.CompareWith = "cl"
	_, _, err = j.Run(t.Context(), d.callbacks(), noIDs)
	require.ErrorContains(t, err, "cannot be compared")
}

// The ids of a cell of masks are those of the pictures that have such pixels.
func TestReadTheLabelsOfACell(t *testing.T) {
	d := golden(t).store()
	j := d.read("sg")
	j.Dataset.MaskTargetsJSON = `{"seg_gt":{"1":"road","2":"sky"}}`
	find := func(cell job.EvaluationCell) (n int) {
		j.LabelsOf = &cell
		_, _, err := j.Run(t.Context(), d.callbacks(), func(packed []byte) error {
			require.Zero(t, len(packed)%12)
			n += len(packed) / 12
			return nil
		})
		require.NoError(t, err)
		return n
	}
	road, sky, odd := "road", "sky", "1"
	both, either := find(job.EvaluationCell{Truth: &road, Predicted: &sky}), find(job.EvaluationCell{Truth: &road, Predicted: &road, Either: true})
	assert.Positive(t, find(job.EvaluationCell{Truth: &road}))
	assert.Greater(t, either, both)
	assert.Equal(t, either, find(job.EvaluationCell{Truth: &road})+find(job.EvaluationCell{Predicted: &road})-find(job.EvaluationCell{Truth: &road, Predicted: &road}))
	assert.Zero(t, find(job.EvaluationCell{Truth: &odd}), "a mask's value has a name here")
}
