package job

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// LogPredictions is the job of log_model_predictions.
type LogPredictions struct {
	Target      Target
	View        View
	Dataset     Dataset
	Predictions Field
	Prompt      *Field
	// ModelName, ModelVersion and ModelConfigJSON describe the model; the latter
	// two may be empty.
	ModelName, ModelVersion, ModelConfigJSON string
	// LowConfidence is the threshold below which a confidence is low.
	LowConfidence float64
	// Pictures are the pictures in the table; nil for none.
	Pictures *Pictures
	// Timestamp is the moment of the call, ISO 8601; NameTimestamp is the same as
	// YYYYmmdd_HHMMSS, for the artifact's default name.
	Timestamp, NameTimestamp string
	Fields                   []Field
}

// Run does the job.
func (j LogPredictions) Run(ctx context.Context, events Events) (*Result, error) {
	if err := j.checkModelConfig(); err != nil {
		return nil, err
	}
	return runLog(ctx, j.Target, j.View, events, logPlan{
		kind: "predictions", runPrefix: "predictions_",
		defaultName: func(string) string { return j.defaultName() },
		collect:     j.collect,
	})
}

// defaultName is the artifact's name where none is given: the original's lower case model and "_" for blanks.
func (j LogPredictions) defaultName() string {
	model := strings.ReplaceAll(strings.ToLower(j.ModelName), " ", "_")
	return wandb.GeneratedName(model, "_predictions_"+j.NameTimestamp)
}

// predictionRows makes the rows of the predictions' table, and in the same pass
// the lists and counts of the metadata.
type predictionRows struct {
	base      *rowBase
	isText    bool
	slot      int
	prompt    int // slot, or -1
	plain     []plainField
	format    *label.Formatter
	threshold float64
	pictures  *pictures
	table     *tableFile

	sampleIDs, labelIDs, lowIDs *idList
	classes                     classCounts
	predictions                 int64
	rowIDs                      []string // scratch
	c                           *collector
}

func (j LogPredictions) collect(ctx context.Context, c *collector) (*publication, error) {
	f := &fields{}
	r := &predictionRows{base: newRowBase(f, j.View.Rows), prompt: -1, threshold: j.LowConfidence, c: c}
	var err error
	if j.View.choice, err = c.choose(ctx, j.View, &j.Predictions); err != nil {
		return nil, err
	}
	if err := r.open(ctx, j, f); err != nil {
		return nil, err
	}
	n, err := scan(ctx, c.source, j.View, f, c.tracker, r.pictures, r.add)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errEmptyView()
	}
	for _, l := range []*idList{r.sampleIDs, r.labelIDs, r.lowIDs} {
		if err := l.close(c.files); err != nil {
			return nil, err
		}
	}
	if err := r.pictures.close(); err != nil {
		return nil, err
	}
	if err := r.table.close(c); err != nil {
		return nil, err
	}
	return j.publication(ctx, c, r, n)
}

// open starts the files: the original's columns first, then ours.
func (r *predictionRows) open(ctx context.Context, j LogPredictions, f *fields) (err error) {
	if r.pictures, err = openPictures(r.c, j.Pictures, r.base, f); err != nil {
		return err
	}
	if err = r.pictures.openOverlays(ctx, j.View, j.Dataset, f); err != nil {
		return err
	}
	columns := []string{"sample_id", "label_ids"}
	if j.Prompt != nil {
		r.prompt = f.slot(j.Prompt.DBPath)
		columns = append(columns, "prompt")
	}
	columns = append(columns, "predictions", "avg_confidence", "num_predictions")
	r.isText = j.Predictions.isText()
	if r.isText {
		r.slot = f.slot(j.Predictions.DBPath)
	} else {
		r.slot = f.slot(j.Predictions.DBPath, label.Paths(j.Predictions.LabelType)...)
		r.format = label.NewFormatter(j.Predictions.LabelType)
	}
	columns = append(columns, r.pictures.columns()...)
	if r.isText {
		columns = append(columns, "full_text")
	}
	columns = append(columns, r.base.columns()...)
	columns, r.plain = plainColumns(columns, f, j.Fields)
	columns = r.pictures.factColumns(columns)
	r.table = newTableFile(r.c.spool, "predictions", columns)
	r.pictures.setClasses(r.table.w)
	for path, to := range map[string]**idList{sampleIDsPath: &r.sampleIDs, labelIDsPath: &r.labelIDs, lowIDsPath: &r.lowIDs} {
		if *to, err = newIDList(r.c, path); err != nil {
			return err
		}
	}
	return nil
}

// add takes one row.
func (r *predictionRows) add(s *view.Slots, pictures rowPictures) error {
	source, own := r.base.ids(s)
	if err := r.sampleIDs.add(source); err != nil {
		return err
	}
	w := r.table.w
	w.BeginRow()
	id := hexID(source)
	w.TextBytes(id[:])
	var full string
	var err error
	if r.isText {
		full = r.addText(s)
	} else {
		err = r.addLabel(s)
	}
	if err != nil {
		return err
	}
	pictures.write(w, string(id[:]), &r.c.warnings)
	if r.isText {
		textOrNull(w, full)
	}
	r.base.addColumns(w, s, own)
	for _, field := range r.plain {
		field.add(w, s, &r.c.warnings, string(id[:]))
	}
	r.pictures.writeFacts(w, s)
	return w.EndRow()
}

func (r *predictionRows) addPrompt(s *view.Slots) {
	if r.prompt < 0 {
		return
	}
	// An empty prompt is one: the model was asked nothing but the picture.
	if text, ok := label.Text(s.Value(r.prompt)); ok {
		r.table.w.Text(text)
	} else {
		r.table.w.Null()
	}
}

// addText adds the cells of a string. It returns the whole text where the cell
// holds only its beginning.
func (r *predictionRows) addText(s *view.Slots) (full string) {
	w := r.table.w
	text, ok := label.Text(s.Value(r.slot))
	w.StringList(nil)
	r.addPrompt(s)
	if !ok || text == "" {
		w.Null()
		w.Null()
		w.Int(0)
		return ""
	}
	short, cut := label.Cut(text, label.ShortText)
	w.Text(short)
	w.Null()
	w.Int(1)
	r.predictions++
	r.classes.add([]byte(label.Head(text, label.TextClass)))
	if cut {
		return text
	}
	return ""
}

// addLabel adds the cells of a label, and counts what it holds.
func (r *predictionRows) addLabel(s *view.Slots) error {
	w := r.table.w
	one := r.format.Format(s.Value(r.slot))
	r.rowIDs = r.rowIDs[:0]
	for _, leaf := range one.Leaves {
		if leaf.Class != nil {
			r.classes.add(leaf.Class)
		}
		if !leaf.HasID {
			continue
		}
		r.rowIDs = append(r.rowIDs, leaf.ID.Hex())
		if err := r.labelIDs.add(leaf.ID); err != nil {
			return err
		}
		if leaf.HasConfidence && leaf.Confidence < r.threshold {
			if err := r.lowIDs.add(leaf.ID); err != nil {
				return err
			}
		}
	}
	w.StringList(r.rowIDs)
	r.addPrompt(s)
	if one.Null {
		w.Null()
	} else {
		w.TextBytes(one.Text)
	}
	if one.HasAvg {
		w.Float(rounded(one.Avg, 3))
	} else {
		w.Null()
	}
	w.Int(int64(one.Count))
	r.predictions += int64(one.Count)
	return nil
}

// publication says what to upload and how to describe it.
func (j LogPredictions) publication(ctx context.Context, c *collector, r *predictionRows, n int64) (*publication, error) {
	meta := &object{}
	large := j.describeModel(meta)
	c.datasetMetadata(ctx, meta, j.Dataset, j.View, n)
	meta.set("num_samples", n)
	meta.set("total_predictions", r.predictions)
	meta.set("avg_predictions_per_sample", rounded(float64(r.predictions)/float64(n), 2))
	r.classes.describe(meta, &c.warnings)
	meta.text("inference_timestamp", j.Timestamp)
	meta.set("num_low_confidence", r.lowIDs.n)
	meta.set("low_confidence_threshold", j.LowConfidence)

	identity := j.identity(r)
	if err := c.identityFile(identity); err != nil {
		return nil, err
	}
	lists := []list{r.lowIDs.asList("low_confidence_label_ids"), r.sampleIDs.asList("sample_ids")}
	if part := j.View.part(); part.SerializationJSON != "" {
		view, err := c.viewFile(part)
		if err != nil {
			return nil, err
		}
		lists = append(lists, view)
	}
	lists = append(append(lists, r.labelIDs.asList("label_ids")), large...)
	full, slim, err := fillLists(meta, lists)
	if err != nil {
		return nil, err
	}
	return &publication{
		description: orDefault(j.Target.Description, fmt.Sprintf("%s predictions on %s", j.ModelName, j.Dataset.Name)),
		metadata:    full, slimMetadata: slim, table: r.table,
		config: map[string]any{
			"model_name": j.ModelName, "model_version": orNil(j.ModelVersion), "predictions_field": j.Predictions.Path, "samples_processed": n,
		},
		result: Result{Samples: n, ViewSamples: j.View.size(n), Predictions: r.predictions, Classes: r.classes.distinct(), LowConfidence: r.lowIDs.n},
	}, nil
}

// describeModel sets what the metadata has of the model. It returns what is too
// large to be there for certain, and is in fiftyone/metadata.json anyhow.
func (j LogPredictions) describeModel(meta *object) []list {
	large := len(j.ModelConfigJSON) >= largeFact
	j.identifyModel(meta, !large)
	if !large {
		return nil
	}
	return []list{jsonList("model_config", identityPath, []byte(j.ModelConfigJSON))}
}

// identifyModel sets what the caller said of the model.
func (j LogPredictions) identifyModel(out *object, withConfig bool) {
	out.set("model_name", j.ModelName)
	out.text("model_version", j.ModelVersion)
	if withConfig {
		out.raw("model_config", []byte(j.ModelConfigJSON))
	}
	out.set("predictions_field", j.Predictions.Path)
	if j.Prompt != nil {
		out.set("prompt_field", j.Prompt.Path)
	} else {
		out.raw("prompt_field", nil)
	}
}

// identity is what tells this artifact's content from another's: see LogView.
func (j LogPredictions) identity(r *predictionRows) *object {
	out := &object{}
	out.set("kind", "predictions")
	out.set("dataset", j.Dataset.Name)
	j.identifyModel(out, true)
	out.set("fields", paths(j.Fields))
	out.set("low_confidence_threshold", j.LowConfidence)
	j.Pictures.identify(out)
	j.View.choice.describe(out)
	classes, _ := r.classes.json(math.MaxInt, math.MaxInt)
	out.raw("class_distribution", classes)
	return out
}

// orNil is a text, or nil where it was not given.
func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// isText reports whether the field holds strings instead of labels.
func (f Field) isText() bool { return f.FieldType == "StringField" }

// checkModelConfig makes sure that the configuration is JSON.
func (j LogPredictions) checkModelConfig() error {
	if j.ModelConfigJSON == "" || json.Valid([]byte(j.ModelConfigJSON)) {
		return nil
	}
	return fault.New(fault.Settings, "bad_model_config", "The model's configuration cannot be written as JSON: pass a dict of plain values.")
}
