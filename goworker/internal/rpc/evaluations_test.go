package rpc

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

func TestConfusionMatrix(t *testing.T) {
	assert.Nil(t, confusionOf(evaluation.Confusion{Labels: []string{"cat"}}), "a matrix without cells is none")

	m := confusionOf(evaluation.Confusion{
		Labels: []string{"cat", "dog", "bird", "(none)"},
		Cells:  []evaluation.Cell{{Truth: 0, Predicted: 0, Count: 5}, {Truth: 0, Predicted: 2, Count: 1}, {Truth: 1, Predicted: 1, Count: 9}, {Truth: 2, Predicted: 1, Count: 4}},
	})
	var cells [][3]int64
	for _, c := range m.GetCells() {
		cells = append(cells, [3]int64{int64(c.GetTruth()), int64(c.GetPredicted()), c.GetCount()})
	}
	assert.Equal(t, [][3]int64{{1, 1, 9}, {0, 0, 5}, {2, 1, 4}, {0, 2, 1}}, cells)
	assert.Equal(t, []int32{2, 1, 0, 3}, m.GetMostConfused())
	assert.Zero(t, m.GetCellsLeft())
}

// A message has bounds, and what a person looks for first is in it.
func TestConfusionMatrixOfManyClasses(t *testing.T) {
	const n = 400
	m := evaluation.Confusion{}
	for i := range n {
		m.Labels = append(m.Labels, fmt.Sprint(i))
		for j := range n {
			m.Cells = append(m.Cells, evaluation.Cell{Truth: i, Predicted: j, Count: int64(1 + (i*j)%7)})
		}
	}
	got := confusionOf(m)
	assert.Len(t, got.GetCells(), maxCells)
	assert.EqualValues(t, n*n-maxCells, got.GetCellsLeft())
	for i, c := range got.GetCells() {
		assert.Equal(t, i < n, c.GetTruth() == c.GetPredicted(), "the whole diagonal comes first")
	}
}

func TestDifferences(t *testing.T) {
	half, quarter := 0.5, 0.25
	n := &pb.EvaluationNumbers{
		Metrics: []*pb.Metric{{Name: "mAP", Value: 0.5}, {Name: "F1", Value: 0.75}},
		Classes: []*pb.EvaluationClass{{Name: "cat", Precision: 1, Recall: 0.5, F1: 0.75, Tp: 3, Fp: 0, Fn: 3, Ap: &half}, {Name: "new"}},
		Other: &pb.EvaluationNumbers{
			Metrics: []*pb.Metric{{Name: "F1", Value: 0.5}, {Name: "recall", Value: 1}},
			Classes: []*pb.EvaluationClass{{Name: "gone"}, {Name: "cat", Precision: 0.5, Recall: 0.75, F1: 0.5, Tp: 4, Fp: 4, Fn: 2, Ap: &quarter, OwnAp: &half}},
		},
	}
	difference(n)
	if assert.Len(t, n.GetDifferences(), 1, "only one metric is in both") {
		assert.Equal(t, "F1", n.GetDifferences()[0].GetName())
		assert.InDelta(t, 0.25, n.GetDifferences()[0].GetValue(), 0)
	}
	if assert.Len(t, n.GetClassDifferences(), 1) {
		d := n.GetClassDifferences()[0]
		assert.Equal(t, []float64{0.5, -0.25, 0.25, 0.25}, []float64{d.GetPrecision(), d.GetRecall(), d.GetF1(), d.GetAp()})
		assert.Equal(t, []int64{-1, -4, 1}, []int64{d.GetTp(), d.GetFp(), d.GetFn()})
		assert.Nil(t, d.OwnAp, "one of them has none")
	}
}
