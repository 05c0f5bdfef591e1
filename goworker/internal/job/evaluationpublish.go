package job

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evalreport"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// Run does the job.
func (j LogEvaluation) Run(ctx context.Context, events publish.Events) (*publish.Result, error) {
	s, err := j.Spec()
	if err != nil {
		return nil, err
	}
	return publish.Run(ctx, events, s)
}

// Spec is what is logged, and how. Faults: those of its parameters.
func (j LogEvaluation) Spec() (publish.Spec, error) {
	prefix, err := evalreport.Prefix(j.Prefix)
	if err != nil {
		return publish.Spec{}, err
	}
	j.Prefix = prefix
	target := j.Target
	alias, what := j.EvalKey, "evaluation_"
	if j.CompareWith != "" {
		alias, what = j.EvalKey+"_vs_"+j.CompareWith, "comparison_"
	}
	if alias != "" && !slices.Contains(target.Aliases, alias) && config.CheckAlias(alias) == nil {
		target.Aliases = append(slices.Clone(target.Aliases), alias)
	}
	var rows *evaluationRows // of the current attempt
	return publish.Spec{
		Target: target, View: j.View, Parts: j.Parts, Kind: "evaluation", RunPrefix: "evaluation_", Pictures: j.Pictures,
		InOnePiece:  !j.sharesFrames(),
		DefaultName: func(string) string { return config.GeneratedName(what+j.Dataset.Name, "") },
		Prepare: func(ctx context.Context, c *collect.Collector) (err error) {
			rows, err = j.prepare(ctx, c)
			return err
		},
		Score: func(rd *collect.Reader) func(*collect.Row) (float64, error) { return rows.score(rd) },
		Open:  func(ctx context.Context, rd *collect.Reader) (publish.Content, error) { return rows.open(ctx, rd) },
	}, nil
}

// Publication makes the reports and the tables of them, and says what to upload.
func (r *evaluationRows) Publication(ctx context.Context, n int64) (*publish.Publication, error) {
	if err := r.sameAsShards(); err != nil {
		return nil, err
	}
	res, err := r.reports(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range evalreport.Tables(res.Report, res.Other) {
		if err := r.c.WriteTable(t.Key, t.Columns, t.Write); err != nil {
			return nil, err
		}
	}
	meta, lists, err := r.metadata(ctx, res, n)
	if err != nil {
		return nil, err
	}
	full, slim, err := metadata.Fill(meta, lists)
	if err != nil {
		return nil, err
	}
	description := fmt.Sprintf("Evaluation %s of %s on %s", r.job.EvalKey, r.own.Config.PredField, r.job.Dataset.Name)
	if r.other != nil {
		description = fmt.Sprintf("Evaluations %s and %s on %s", r.job.EvalKey, r.job.CompareWith, r.job.Dataset.Name)
	}
	config := map[string]any{}
	if r.job.ModelName != "" {
		config["model_name"] = r.job.ModelName
	}
	return &publish.Publication{
		Description: cmp.Or(r.job.Target.Description, description), Metadata: full, SlimMetadata: slim, Table: r.table.TableFile,
		Config: config, Values: publish.ValuesOfEvaluation(evalreport.NewValues(res.Report, res.Subsets, r.job.Prefix, r.runConfig())),
		Result: publish.Result{Samples: n, ViewSamples: r.reader.View.Size(n), Classes: int64(len(res.Report.Classes)), Evaluation: res},
	}, nil
}

// reports makes the reports of the evaluations, and of the parts that were asked for.
func (r *evaluationRows) reports(ctx context.Context) (*publish.EvaluationResult, error) {
	res := &publish.EvaluationResult{Evaluated: r.evaluated}
	for _, e := range r.both() {
		report, err := e.Report(ctx, func(fn func(*evaluated.Doc, *evaluated.Outcome) error) error {
			return e.Each(ctx, r.c.Source, r.job.View.Query, r.job.Frames, fn)
		})
		if err != nil {
			return nil, err
		}
		r.note(report)
		if e == r.own {
			res.Report = report
		} else {
			res.Other = report
		}
	}
	for _, s := range r.job.Subsets {
		report, err := r.own.PartReport(ctx, r.c.Source, s.Query, s.Frames)
		if err != nil {
			return nil, err
		}
		res.Subsets = append(res.Subsets, evalreport.Subset{Name: s.Name, Report: report})
	}
	return res, nil
}

// note warns of what a report lacks, or of what does not fit it.
func (r *evaluationRows) note(report *evaluation.Report) {
	config := report.Config
	if report.Changed > 0 {
		r.c.Warnings.Note("labels_changed", "%s of the evaluation %q: the labels or samples were edited, added or deleted since. "+
			"The numbers are those of the evaluation, as FiftyOne's panel shows them; the table of samples has the labels as they are now. Evaluate again so that both agree.",
			ofCountText(report.Changed, "match is no longer that", "matches are no longer those"), config.Key)
	}
	if report.MasksWritten > 0 {
		r.c.Warnings.Note("masks_written", "%s of the evaluation %q: if the masks were edited, evaluate again, since the numbers are those of the masks as they were. "+
			"A copy of the files that has not kept their times looks the same.",
			ofCountText(report.MasksWritten, "mask has a file that was written after the evaluation was made", "masks have files that were written after the evaluation was made"), config.Key)
	}
	if _, has := report.Metric(evaluation.MetricMAP); config.Type == evaluation.Detection && !has && !report.Subset {
		text := fmt.Sprintf("The evaluation %q has no mAP, since it was made with compute_mAP=False.", config.Key)
		if _, has := report.Metric(config.OwnMAP()); has {
			text += fmt.Sprintf(" %s is the mean average precision at its own IoU.", config.OwnMAP())
		}
		r.c.Warnings.Note("no_map", "%s Evaluate with compute_mAP=True to have it.", text)
	}
}

// ofCountText is a number with the words for one or for several.
func ofCountText(n int64, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return words.Thousands(n) + " " + several
}

// runConfig is what the run's config says of the evaluation.
func (r *evaluationRows) runConfig() map[string]any {
	c := r.own.Config
	out := map[string]any{
		"eval_key": c.Key, "type": string(c.Type), "method": c.Method, "gt_field": c.GTField, "pred_field": c.PredField,
		"fiftyone_version": c.Version, "dataset": r.job.Dataset.Name,
	}
	if c.IoU != nil {
		out["iou"], out["classwise"] = *c.IoU, c.Classwise
	}
	if !c.At.IsZero() {
		out["evaluated_at"] = c.At.Format(time.RFC3339)
	}
	if r.own.IsRestricted() {
		out["is_subset_view"] = true
	}
	if r.other != nil {
		out["compared_with"] = r.other.Config.Key
	}
	return out
}

// metadata describes the artifact, and writes the files that identify its content.
func (r *evaluationRows) metadata(ctx context.Context, res *publish.EvaluationResult, n int64) (*metadata.Object, []metadata.List, error) {
	j, c, v := r.job, r.c, r.reader.View
	meta := &metadata.Object{}
	meta.Text("model_name", j.ModelName)
	meta.Set("eval_key", j.EvalKey)
	meta.Text("compared_with", j.CompareWith)
	c.DatasetMetadata(ctx, meta, j.Dataset, v, n)
	meta.Set("num_samples", n)
	meta.Set("evaluated_samples", res.Evaluated)
	meta.Raw("metrics", evalreport.MetricsJSON(res.Report.Metrics))
	config := r.own.Config
	meta.Raw("config", []byte(config.JSON))
	meta.Text("fiftyone_version", config.Version)
	if !config.At.IsZero() {
		meta.Set("evaluated_at", config.At.Format(time.RFC3339))
	}
	part := v.Part()
	meta.Set("is_subset_view", part.IsSubset)
	lists := []metadata.List{r.ids.List("sample_ids")}
	if part.SerializationJSON != "" {
		view, err := c.ViewFile(part)
		if err != nil {
			return nil, nil, err
		}
		lists = append(lists, view)
	}
	meta.Set("num_fp", r.own.lists.fp.Len())
	meta.Set("num_fn", r.own.lists.fn.Len())
	meta.Set("num_wrong", r.own.lists.wrong.Len())
	if res.Report.Changed >= 0 {
		meta.Set("changed_since", res.Report.Changed)
	}
	if res.Report.MasksWritten > 0 { // in no file: times of files are not the evaluation's content
		meta.Set("masks_written_since", res.Report.MasksWritten)
	}
	return meta, lists, c.IdentityFile(r.identity(part, res))
}

// identity is what tells this artifact's content from another's, with all numbers as they are. It has no time in it:
// evaluating again with the same result is the same content.
func (r *evaluationRows) identity(part collect.View, res *publish.EvaluationResult) *metadata.Object {
	out := &metadata.Object{}
	out.Set("kind", "evaluation")
	out.Set("dataset", r.job.Dataset.Name)
	out.Text("model_name", r.job.ModelName)
	out.Set("is_subset_view", part.IsSubset)
	out.Set("fields", view.FieldPaths(r.job.Fields))
	r.job.Pictures.Identify(out)
	r.reader.View.Choice.Describe(out)
	out.Raw("evaluation", evalreport.JSON(res.Report))
	if res.Other != nil {
		out.Raw("compared_with", evalreport.JSON(res.Other))
	}
	if len(res.Subsets) > 0 {
		parts := &metadata.Object{}
		for _, s := range res.Subsets {
			parts.Raw(s.Name, evalreport.JSON(s.Report))
		}
		out.Raw("subsets", parts.Bytes())
	}
	return out
}
