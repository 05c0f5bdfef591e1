// Package evaluation reads what FiftyOne stores of an evaluation, and gives its numbers as FiftyOne's own
// results object and its App's Model Evaluation panel give them.
//
// An evaluation has two sources that can disagree: the results file, a snapshot of the moment of the evaluation, and the fields
// of samples and labels, which live on. The numbers of a Report are the file's, as in FiftyOne's panel. It is streamed,
// for it may have gigabytes, in bounded memory. Fields reads what the labels say.
//
// The way to a report is: ParseConfig on the run document, Config.Check, Open, then File.Report. Restricted to a view, the latter is
// given the ids of the view's labels as a Subset.
package evaluation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Config is what the run document says of an evaluation.
type Config struct {
	// Key is its name in the dataset.
	Key string
	// Class is FiftyOne's class of the config, Type and Method what it calls them: "detection" and "coco".
	Class   string
	Type    Type
	Method  string
	GTField string
	// PredField is the field of the predictions. Both begin with "frames." for labels of frames.
	PredField string
	// IoU is the threshold of a match; nil where the type has none.
	IoU *float64
	// Classwise reports that only labels of the same class could be matched.
	Classwise bool
	// IsCrowd is the name of the attribute that marks crowds; empty if there is none.
	IsCrowd    string
	ComputeMAP bool
	// UseMasks reports that instances were compared by their masks, not by their boxes.
	UseMasks bool
	// K is that of top-k classifications.
	K int64
	// ErrorMetric is that of regressions: "squared_error", "absolute_error" or "custom".
	ErrorMetric string
	// Hierarchies reports that open-images' labels were expanded to their parents, so that the fields do not have
	// all matches.
	Hierarchies bool
	// CustomMetrics are the URIs of custom metrics.
	CustomMetrics []string
	// JSON is the whole config as relaxed Extended JSON.
	JSON string
	// Version is that of the FiftyOne that made it; At is when, in UTC.
	Version string
	At      time.Time
	// ViewStages are the stages of the view that was evaluated, each as JSON; none for the whole dataset.
	ViewStages []string
	// Results is the id of the results file; zero for an evaluation that failed or is still running.
	Results bson.ObjectID
}

// IsFrames reports whether the labels of frames were evaluated.
func (c Config) IsFrames() bool { return strings.HasPrefix(c.GTField, "frames.") }

// IsBinary reports whether it is a classification into a negative and a positive class.
func (c Config) IsBinary() bool { return c.Type == Classification && c.Method == "binary" }

// OwnMAP is the name of the mean average precision at the evaluation's own IoU, such as "mAP_50"; empty where
// there is none.
func (c Config) OwnMAP() string {
	if c.IoU == nil {
		return ""
	}
	return MAPAt(*c.IoU)
}

// MAPAt names the mean average precision at one IoU: "mAP_50" for 0.5.
func MAPAt(iou float64) string {
	return "mAP_" + strings.ReplaceAll(strconv.FormatFloat(iou*100, 'g', 6, 64), ".", "_")
}

// ParseConfig reads a document of the collection "runs".
func ParseConfig(doc bson.Raw) (Config, error) {
	var run struct {
		Key       string   `bson:"key"`
		Version   string   `bson:"version"`
		Timestamp any      `bson:"timestamp"`
		Config    bson.Raw `bson:"config"`
		Stages    []string `bson:"view_stages"`
		Results   any      `bson:"results"`
	}
	if err := bson.Unmarshal(doc, &run); err != nil {
		return Config{}, fmt.Errorf("the run document: %w", err)
	}
	c := Config{Key: run.Key, Version: run.Version, ViewStages: run.Stages}
	c.Results, _ = run.Results.(bson.ObjectID)
	if at, ok := run.Timestamp.(bson.DateTime); ok {
		c.At = at.Time().UTC()
	}
	if len(run.Config) == 0 {
		return c, nil
	}
	text := func(key string) string { s, _ := run.Config.Lookup(key).StringValueOK(); return s }
	flag := func(key string) bool { b, _ := run.Config.Lookup(key).BooleanOK(); return b }
	c.Class, c.Type, c.Method = text("cls"), Type(text("type")), text("method")
	c.GTField, c.PredField = text("gt_field"), text("pred_field")
	c.Classwise, c.IsCrowd, c.ComputeMAP = flag("classwise"), text("iscrowd"), flag("compute_mAP")
	c.UseMasks = flag("use_masks")
	c.Hierarchies = flag("expand_gt_hierarchy") || flag("expand_pred_hierarchy")
	c.ErrorMetric = text("metric")
	c.K, _ = run.Config.Lookup("k").AsInt64OK()
	if iou, ok := run.Config.Lookup("iou").AsFloat64OK(); ok {
		c.IoU = &iou
	}
	c.CustomMetrics = customURIs(run.Config.Lookup("custom_metrics"))
	raw, err := bson.MarshalExtJSON(run.Config, false, false)
	if err != nil {
		return c, fmt.Errorf("the config of the run: %w", err)
	}
	c.JSON = string(raw)
	return c, nil
}

// customURIs reads a list of URIs, or a document whose keys they are.
func customURIs(v bson.RawValue) (uris []string) {
	if list, ok := v.ArrayOK(); ok {
		values, _ := list.Values()
		for _, one := range values {
			if uri, ok := one.StringValueOK(); ok {
				uris = append(uris, uri)
			}
		}
	}
	if doc, ok := v.DocumentOK(); ok {
		elements, _ := doc.Elements()
		for _, e := range elements {
			uris = append(uris, e.Key())
		}
	}
	return uris
}
