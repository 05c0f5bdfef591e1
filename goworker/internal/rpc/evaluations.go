package rpc

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

func logEvaluationOf(m *pb.LogEvaluation, in config.Inputs) (job.LogEvaluation, error) {
	v, d, err := rowsOf(m.GetView(), m.GetDataset())
	if err != nil {
		return job.LogEvaluation{}, err
	}
	j := job.LogEvaluation{
		Target: publish.Target{Settings: in, RunID: m.GetRunId(), ArtifactName: m.GetArtifactName(), Description: m.GetDescription(),
			Aliases: m.GetAliases(), Tags: m.GetTags(), InputArtifact: m.GetInputArtifact(), DryRun: m.GetDryRun()},
		View: v, Dataset: d, EvalKey: m.GetEvalKey(), CompareWith: m.GetCompareWith(), ModelName: m.GetModelName(), Prefix: m.GetPrefix(),
		Pictures: picturesOf(m.GetIncludeImages(), m.GetPictures(), in.Home), Fields: fieldsOf(m.GetFields()),
		Parts: partsOf(m.GetParts()),
	}
	if j.Frames, err = framesOf(m.GetView()); err != nil {
		return j, err
	}
	for _, s := range m.GetSubsets() {
		one := job.EvaluationSubset{Name: s.GetName()}
		if one.Query, err = queryOf(s.GetView()); err != nil {
			return j, err
		}
		if one.Frames, err = framesOf(s.GetView()); err != nil {
			return j, err
		}
		j.Subsets = append(j.Subsets, one)
	}
	return j, nil
}

// readEvaluation does a ReadEvaluation and sends what it found.
func readEvaluation(ctx context.Context, m *pb.ReadEvaluation, events publish.Events, send func(*pb.RunResponse) error) error {
	v, d, err := rowsOf(m.GetView(), m.GetDataset())
	if err != nil {
		return err
	}
	frames, err := framesOf(m.GetView())
	if err != nil {
		return err
	}
	j := job.ReadEvaluation{View: v, Dataset: d, EvalKey: m.GetEvalKey(), CompareWith: m.GetCompareWith(), Frames: frames}
	if cell := m.GetLabelsOf(); cell != nil {
		j.LabelsOf = &job.EvaluationCell{Truth: cell.Truth, Predicted: cell.Predicted, Either: cell.GetEither()}
	}
	own, other, err := j.Run(ctx, events, func(packed []byte) error {
		return send(&pb.RunResponse{Event: &pb.RunResponse_IdChunk{IdChunk: &pb.IdChunk{List: pb.IdList_ID_LIST_LABELS, Ids: packed}}})
	})
	if err != nil {
		return err
	}
	numbers := readEvaluationOf(own)
	if other != nil {
		numbers.Other = readEvaluationOf(other)
		difference(numbers)
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_EvaluationNumbers{EvaluationNumbers: numbers}})
}

// readEvaluationOf is what is told of an evaluation that was read.
func readEvaluationOf(r *job.ReadReport) *pb.EvaluationNumbers {
	numbers := evaluationOf(r.Report, r.Charts)
	numbers.Confusion = confusionOf(r.Report.Confusion)
	return numbers
}

// maxCells bounds the message: a matrix of 1,000 classes has up to a million cells.
const maxCells = 30_000

// confusionOf is a confusion matrix, nil for one without cells.
func confusionOf(m evaluation.Confusion) *pb.ConfusionMatrix {
	if len(m.Cells) == 0 {
		return nil
	}
	labels := m.Labels[:min(len(m.Labels), publish.MaxClasses)]
	confused := make([]int64, len(labels))
	order := make([]int32, len(labels))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // at most job.MaxClasses
	}
	cells := make([]evaluation.Cell, 0, len(m.Cells))
	for _, c := range m.Cells {
		if c.Truth >= len(labels) || c.Predicted >= len(labels) {
			continue
		}
		cells = append(cells, c)
		if c.Truth != c.Predicted {
			confused[c.Truth] += c.Count
			confused[c.Predicted] += c.Count
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(confused[b], confused[a]) })
	slices.SortStableFunc(cells, func(a, b evaluation.Cell) int {
		if d := cmp.Compare(side(a), side(b)); d != 0 {
			return d
		}
		return cmp.Compare(b.Count, a.Count)
	})
	shown := cells[:min(len(cells), maxCells)]
	return &pb.ConfusionMatrix{
		Labels: labels, MostConfused: order, CellsLeft: int64(len(m.Cells) - len(shown)),
		Cells: each(shown, func(c evaluation.Cell) *pb.ConfusionCell {
			return &pb.ConfusionCell{Truth: int32(c.Truth), Predicted: int32(c.Predicted), Count: c.Count} //nolint:gosec // at most job.MaxClasses
		}),
	}
}

// side is 0 for a cell on the diagonal, and 1 for the others.
func side(c evaluation.Cell) int {
	if c.Truth == c.Predicted {
		return 0
	}
	return 1
}

// difference fills in what an evaluation has more, or less, than the other one.
func difference(n *pb.EvaluationNumbers) {
	metrics := map[string]float64{}
	for _, m := range n.GetOther().GetMetrics() {
		metrics[m.GetName()] = m.GetValue()
	}
	for _, m := range n.GetMetrics() {
		if v, has := metrics[m.GetName()]; has {
			n.Differences = append(n.Differences, &pb.Metric{Name: m.GetName(), Value: m.GetValue() - v})
		}
	}
	classes := map[string]*pb.EvaluationClass{}
	for _, c := range n.GetOther().GetClasses() {
		classes[c.GetName()] = c
	}
	for _, a := range n.GetClasses() {
		if b := classes[a.GetName()]; b != nil {
			n.ClassDifferences = append(n.ClassDifferences, &pb.EvaluationClass{
				Name: a.GetName(), Precision: a.GetPrecision() - b.GetPrecision(), Recall: a.GetRecall() - b.GetRecall(), F1: a.GetF1() - b.GetF1(),
				Support: a.GetSupport() - b.GetSupport(), Tp: a.GetTp() - b.GetTp(), Fp: a.GetFp() - b.GetFp(), Fn: a.GetFn() - b.GetFn(),
				Ap: less(a.Ap, b.Ap), OwnAp: less(a.OwnAp, b.OwnAp),
			})
		}
	}
}

// less is a - b, nil where there is one of them only.
func less(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	d := *a - *b
	return &d
}

// queryOf is where the rows of a view are.
func queryOf(v *pb.View) (view.Query, error) {
	pipeline, err := view.ParsePipeline(v.GetPipeline())
	if err != nil {
		return view.Query{}, badPipeline(err)
	}
	return view.Query{URI: secret.String(v.GetUri()), Database: v.GetDatabase(), Collection: v.GetCollection(), Pipeline: pipeline}, nil
}

// framesOf is where the frames of a view's videos are, nil for no frames.
func framesOf(v *pb.View) (*view.Query, error) {
	if len(v.GetFramesPipeline()) == 0 {
		return nil, nil
	}
	frames, err := queryOf(v)
	if err != nil {
		return nil, err
	}
	if frames.Pipeline, err = view.ParsePipeline(v.GetFramesPipeline()); err != nil {
		return nil, badPipeline(err)
	}
	return &frames, nil
}

// evaluationOf is what an evaluation has come to, with the charts that its run gets.
func evaluationOf(r *evaluation.Report, charts []chart.Chart) *pb.EvaluationNumbers {
	return &pb.EvaluationNumbers{
		Key: r.Config.Key, Type: string(r.Config.Type),
		Metrics: each(r.Metrics, func(m evaluation.Metric) *pb.Metric { return &pb.Metric{Name: m.Name, Value: m.Value} }),
		Classes: each(r.Classes[:min(len(r.Classes), publish.MaxClasses)], func(c evaluation.Class) *pb.EvaluationClass {
			return &pb.EvaluationClass{
				Name: c.Name, Precision: c.Precision, Recall: c.Recall, F1: c.F1, Support: c.Support, Tp: c.TP, Fp: c.FP, Fn: c.FN,
				Ap: c.AP, OwnAp: c.OwnAP,
			}
		}),
		Missing: r.Missing, Changed: r.Changed, MasksWritten: r.MasksWritten,
		Charts: each(charts, chartOf),
	}
}

func chartOf(c chart.Chart) *pb.Chart {
	return &pb.Chart{Key: c.Key, Spec: c.Spec, Fields: c.Fields, Strings: c.Strings, TableJson: string(c.TableJSON())}
}

// metricsOf are numbers by their keys, sorted.
func metricsOf(numbers map[string]float64) []*pb.Metric {
	return each(slices.Sorted(maps.Keys(numbers)), func(key string) *pb.Metric { return &pb.Metric{Name: key, Value: numbers[key]} })
}
