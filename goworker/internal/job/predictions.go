package job

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// LogPredictions is the job of log_model_predictions.
type LogPredictions struct {
	Target      publish.Target
	View        collect.View
	Dataset     collect.Dataset
	Predictions view.Field
	Prompt      *view.Field
	// ModelName, ModelVersion and ModelConfigJSON describe the model; the latter
	// two may be empty.
	ModelName, ModelVersion, ModelConfigJSON string
	// LowConfidence is the threshold below which a confidence is low.
	LowConfidence float64
	// Pictures are the pictures in the table; nil for none.
	Pictures *picture.Config
	// Timestamp is the moment of the call, ISO 8601; NameTimestamp is the same as
	// YYYYmmdd_HHMMSS, for the artifact's default name.
	Timestamp, NameTimestamp string
	Fields                   []view.Field
	Parts                    collect.Parts
}

// Run does the job.
func (j LogPredictions) Run(ctx context.Context, events publish.Events) (*publish.Result, error) {
	s, err := j.Spec()
	if err != nil {
		return nil, err
	}
	return publish.Run(ctx, events, s)
}

// Spec is what is logged, and how. Faults: those of its parameters.
func (j LogPredictions) Spec() (publish.Spec, error) {
	return publish.Spec{
		Target: j.Target, View: j.View, Parts: j.Parts, Kind: "predictions", RunPrefix: "predictions_",
		DefaultName: func(string) string { return j.defaultName() },
		Score:       collect.ByConfidence(&j.Predictions), Open: j.open, Pictures: j.Pictures,
	}, j.checkModelConfig()
}

// defaultName is the artifact's name where none is given: the original's lower case model and "_" for blanks.
func (j LogPredictions) defaultName() string {
	model := strings.ReplaceAll(strings.ToLower(j.ModelName), " ", "_")
	return config.GeneratedName(model, "_predictions_"+j.NameTimestamp)
}

// predictionRows makes the predictions' table, and in the same pass the lists and counts of the metadata.
type predictionRows struct {
	job    LogPredictions
	reader *collect.Reader
	table  *collect.RowTable
	isText bool
	slot   int // of the predictions
	format *label.Formatter
	now    prediction

	sampleIDs, labelIDs, lowIDs *idlist.Writer
	classes                     metadata.ClassCounts
	predictions                 int64
}

// prediction is what a model predicted for the current row.
type prediction struct {
	label.Label
	ids  []string // of its labels
	full string   // the whole of a string of which Text is only the beginning
}

// open starts the files.
func (j LogPredictions) open(ctx context.Context, rd *collect.Reader) (publish.Content, error) {
	r := &predictionRows{job: j, reader: rd, isText: j.Predictions.IsText()}
	if err := rd.OpenPictures(ctx, j.Pictures, j.Dataset); err != nil {
		return nil, err
	}
	if r.isText {
		r.slot = rd.Slot(j.Predictions.DBPath)
	} else {
		r.slot = rd.Slot(j.Predictions.DBPath, label.Paths(j.Predictions.LabelType)...)
		r.format = label.NewFormatter(j.Predictions.LabelType)
	}
	r.table = rd.NewTable("predictions", r.columns())
	var err error
	for _, list := range []struct {
		path string
		to   **idlist.Writer
	}{{metadata.SampleIDsPath, &r.sampleIDs}, {metadata.LabelIDsPath, &r.labelIDs}, {metadata.LowConfidenceIDsPath, &r.lowIDs}} {
		if *list.to, err = rd.Collector.NewIDList(list.path); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// columns are the table's: the original's first, then ours.
func (r *predictionRows) columns() []collect.Column {
	columns := []collect.Column{
		r.reader.Base.SampleIDColumn(),
		{Name: "label_ids", Cell: func(w *table.Writer, _ *collect.Row) { w.StringList(r.now.ids) }},
	}
	if r.job.Prompt != nil {
		columns = append(columns, promptColumn(r.reader, *r.job.Prompt))
	}
	columns = append(columns,
		collect.Column{Name: "predictions", Cell: func(w *table.Writer, _ *collect.Row) {
			if r.now.Null {
				w.Null()
			} else {
				w.TextBytes(r.now.Text)
			}
		}},
		collect.Column{Name: "avg_confidence", Cell: func(w *table.Writer, _ *collect.Row) {
			if r.now.HasAvg {
				w.Float(metadata.Rounded(r.now.Avg, 3))
			} else {
				w.Null()
			}
		}},
		collect.Column{Name: "num_predictions", Cell: func(w *table.Writer, _ *collect.Row) { w.Int(int64(r.now.Count)) }})
	columns = append(columns, r.reader.PictureColumns()...)
	if r.isText {
		columns = append(columns, collect.Column{Name: "full_text", Cell: func(w *table.Writer, _ *collect.Row) { w.OptionalText(r.now.full) }})
	}
	return append(columns, r.reader.EndColumns(r.job.Fields)...)
}

// promptColumn is the column of what the model was asked.
func promptColumn(rd *collect.Reader, prompt view.Field) collect.Column {
	slot := rd.Slot(prompt.DBPath)
	return collect.Column{Name: "prompt", Cell: func(w *table.Writer, r *collect.Row) {
		// An empty prompt is one: the model was asked nothing but the picture.
		if text, ok := label.Text(r.Value(slot)); ok {
			w.Text(text)
		} else {
			w.Null()
		}
	}}
}

// Add takes one row.
func (r *predictionRows) Add(row *collect.Row) error {
	if err := r.sampleIDs.Add(row.Source); err != nil {
		return err
	}
	if r.isText {
		r.readText(row)
	} else if err := r.readLabel(row); err != nil {
		return err
	}
	r.predictions += int64(r.now.Count)
	return r.table.Add(row)
}

// readText reads the prediction of a row that is a string.
func (r *predictionRows) readText(row *collect.Row) {
	r.now = prediction{}
	text, ok := label.Text(row.Value(r.slot))
	if !ok || text == "" {
		r.now.Null = true
		return
	}
	short, cut := label.Cut(text, label.ShortText)
	r.now.Text, r.now.Count = []byte(short), 1
	r.classes.Add([]byte(label.Head(text, label.TextClass)))
	if cut {
		r.now.full = text
	}
}

// readLabel reads the prediction of a row that is a label, and counts what it holds.
func (r *predictionRows) readLabel(row *collect.Row) error {
	r.now = prediction{Label: r.format.Format(row.Value(r.slot)), ids: r.now.ids[:0]}
	for _, leaf := range r.now.Leaves {
		if leaf.Class != nil {
			r.classes.Add(leaf.Class)
		}
		if !leaf.HasID {
			continue
		}
		r.now.ids = append(r.now.ids, leaf.ID.Hex())
		if err := r.labelIDs.Add(leaf.ID); err != nil {
			return err
		}
		if leaf.HasConfidence && leaf.Confidence < r.job.LowConfidence {
			if err := r.lowIDs.Add(leaf.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the files and hands them to the artifact.
func (r *predictionRows) Close() error {
	for _, l := range []*idlist.Writer{r.sampleIDs, r.labelIDs, r.lowIDs} {
		if err := r.reader.Collector.CloseList(l); err != nil {
			return err
		}
	}
	return r.table.Close()
}

// Tally implements content.
func (r *predictionRows) Tally() publish.Tally {
	return publish.Tally{Predictions: r.predictions, Classes: &r.classes}
}

// AddTally implements content.
func (r *predictionRows) AddTally(t publish.Tally) {
	r.predictions += t.Predictions
	r.classes.Merge(t.Classes)
}

// Publication says what to upload and how to describe it.
func (r *predictionRows) Publication(ctx context.Context, n int64) (*publish.Publication, error) {
	j, c, v := r.job, r.reader.Collector, r.reader.View
	meta := &metadata.Object{}
	large := j.describeModel(meta)
	c.DatasetMetadata(ctx, meta, j.Dataset, v, n)
	meta.Set("num_samples", n)
	meta.Set("total_predictions", r.predictions)
	meta.Set("avg_predictions_per_sample", metadata.Rounded(float64(r.predictions)/float64(n), 2))
	r.classes.Describe(meta, c.Warnings.Note)
	meta.Text("inference_timestamp", j.Timestamp)
	meta.Set("num_low_confidence", r.lowIDs.Len())
	meta.Set("low_confidence_threshold", j.LowConfidence)

	if err := c.IdentityFile(r.identity()); err != nil {
		return nil, err
	}
	lists := []metadata.List{r.lowIDs.List("low_confidence_label_ids"), r.sampleIDs.List("sample_ids")}
	if part := v.Part(); part.SerializationJSON != "" {
		view, err := c.ViewFile(part)
		if err != nil {
			return nil, err
		}
		lists = append(lists, view)
	}
	lists = append(append(lists, r.labelIDs.List("label_ids")), large...)
	full, slim, err := metadata.Fill(meta, lists)
	if err != nil {
		return nil, err
	}
	return &publish.Publication{
		Description: cmp.Or(j.Target.Description, fmt.Sprintf("%s predictions on %s", j.ModelName, j.Dataset.Name)),
		Metadata:    full, SlimMetadata: slim, Table: r.table.TableFile,
		Config: map[string]any{
			"model_name": j.ModelName, "model_version": orNil(j.ModelVersion), "predictions_field": j.Predictions.Path, "samples_processed": n,
		},
		Result: publish.Result{Samples: n, ViewSamples: v.Size(n), Predictions: r.predictions, Classes: r.classes.Distinct(), LowConfidence: r.lowIDs.Len()},
	}, nil
}

// describeModel sets what the metadata has of the model. It returns what is too
// large to be there for certain, and is in fiftyone/metadata.json anyhow.
func (j LogPredictions) describeModel(meta *metadata.Object) []metadata.List {
	large := len(j.ModelConfigJSON) >= metadata.Large
	j.identifyModel(meta, !large)
	if !large {
		return nil
	}
	return []metadata.List{metadata.JSONList("model_config", metadata.IdentityPath, []byte(j.ModelConfigJSON))}
}

// identifyModel sets what the caller said of the model.
func (j LogPredictions) identifyModel(out *metadata.Object, withConfig bool) {
	out.Set("model_name", j.ModelName)
	out.Text("model_version", j.ModelVersion)
	if withConfig {
		out.Raw("model_config", []byte(j.ModelConfigJSON))
	}
	out.Set("predictions_field", j.Predictions.Path)
	if j.Prompt != nil {
		out.Set("prompt_field", j.Prompt.Path)
	} else {
		out.Raw("prompt_field", nil)
	}
}

// identity is what tells this artifact's content from another's: see LogView.
func (r *predictionRows) identity() *metadata.Object {
	j := r.job
	out := &metadata.Object{}
	out.Set("kind", "predictions")
	out.Set("dataset", j.Dataset.Name)
	j.identifyModel(out, true)
	out.Set("fields", view.FieldPaths(j.Fields))
	out.Set("low_confidence_threshold", j.LowConfidence)
	j.Pictures.Identify(out)
	r.reader.View.Choice.Describe(out)
	classes, _ := r.classes.JSON(math.MaxInt, math.MaxInt)
	out.Raw("class_distribution", classes)
	return out
}

// orNil is a text, or nil where it was not given.
func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// checkModelConfig makes sure that the configuration is JSON.
func (j LogPredictions) checkModelConfig() error {
	if j.ModelConfigJSON == "" || json.Valid([]byte(j.ModelConfigJSON)) {
		return nil
	}
	return fault.New(fault.Settings, fault.BadModelConfig, "The model's configuration cannot be written as JSON: pass a dict of plain values.")
}
