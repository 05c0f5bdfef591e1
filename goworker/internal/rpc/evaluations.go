package rpc

import (
	"context"
	"maps"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
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
		Target: job.Target{Settings: in, RunID: m.GetRunId(), ArtifactName: m.GetArtifactName(), Description: m.GetDescription(),
			Aliases: m.GetAliases(), Tags: m.GetTags(), InputArtifact: m.GetInputArtifact(), DryRun: m.GetDryRun()},
		View: v, Dataset: d, EvalKey: m.GetEvalKey(), CompareWith: m.GetCompareWith(), ModelName: m.GetModelName(), Prefix: m.GetPrefix(),
		Pictures: picturesOf(m.GetIncludeImages(), m.GetPictures(), in.Home), Fields: fieldsOf(m.GetFields()),
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
func readEvaluation(ctx context.Context, m *pb.ReadEvaluation, events job.Events, send func(*pb.RunResponse) error) error {
	v, d, err := rowsOf(m.GetView(), m.GetDataset())
	if err != nil {
		return err
	}
	frames, err := framesOf(m.GetView())
	if err != nil {
		return err
	}
	report, charts, err := job.ReadEvaluation{View: v, Dataset: d, EvalKey: m.GetEvalKey(), Frames: frames}.Run(ctx, events)
	if err != nil {
		return err
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_EvaluationNumbers{EvaluationNumbers: evaluationOf(report, charts)}})
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

// maxClasses bounds the message. The artifact has all classes.
const maxClasses = 10_000

// evaluationOf is what an evaluation has come to, with the charts that its run gets.
func evaluationOf(r *evaluation.Report, charts []chart.Chart) *pb.EvaluationNumbers {
	return &pb.EvaluationNumbers{
		Key: r.Config.Key, Type: string(r.Config.Type),
		Metrics: each(r.Metrics, func(m evaluation.Metric) *pb.Metric { return &pb.Metric{Name: m.Name, Value: m.Value} }),
		Classes: each(r.Classes[:min(len(r.Classes), maxClasses)], func(c evaluation.Class) *pb.EvaluationClass {
			return &pb.EvaluationClass{
				Name: c.Name, Precision: c.Precision, Recall: c.Recall, F1: c.F1, Support: c.Support, Tp: c.TP, Fp: c.FP, Fn: c.FN,
				Ap: c.AP, OwnAp: c.OwnAP,
			}
		}),
		Missing: r.Missing, Changed: r.Changed,
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
