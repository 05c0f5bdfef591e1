// Package evaluated reads what an evaluation has left in FiftyOne's database: its run, its results, and what the documents of samples
// and frames say of it.
package evaluated

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// FramesPrefix begins the paths of fields of frames.
const FramesPrefix = "frames."

// Evaluation is an evaluation whose run document and results file were found.
type Evaluation struct {
	Config evaluation.Config
	File   *evaluation.File
	// Truth and Pred are its label fields; DBPath is that in the documents of samples, or of frames.
	Truth, Pred view.Field
	// Custom are the fields that its custom metrics have made on samples.
	Custom []view.Field
	fields *evaluation.Fields
	// ClassName names the classes of a segmentation, which may be values of pixels; nil for other types.
	ClassName func(string) string
}

// Schema is what is needed of a dataset's document.
type Schema struct {
	Evaluations bson.D        `bson:"evaluations"`
	Samples     []schemaField `bson:"sample_fields"`
	Frames      []schemaField `bson:"frame_fields"`
	// FrameCollection is where the frames of videos are; empty for none.
	FrameCollection string `bson:"frame_collection_name"`
}

// schemaField is a field of samples or frames.
type schemaField struct {
	Name         string `bson:"name"`
	DBField      string `bson:"db_field"`
	Type         string `bson:"ftype"`
	DocumentType string `bson:"embedded_doc_type"`
}

// ReadSchema reads the document of a view's dataset. Faults: no_database, dataset_deleted, damaged_dataset.
func ReadSchema(ctx context.Context, source *view.Source, database, datasetID string) (*Schema, error) {
	id, err := bson.ObjectIDFromHex(datasetID)
	var raw bson.Raw
	if err == nil {
		raw, err = source.DatasetDocument(ctx, database, id)
		if err != nil {
			return nil, err
		}
	}
	if raw == nil {
		return nil, fault.New(fault.FiftyOne, fault.DatasetDeleted, "The dataset is no longer in FiftyOne's database: it has been deleted. Load the dataset again.")
	}
	var s Schema
	if err := bson.Unmarshal(raw, &s); err != nil {
		return nil, fault.Wrap(err, fault.FiftyOne, fault.DamagedDataset, "The dataset's document in FiftyOne's database cannot be read (%v): restore it from a backup.", err)
	}
	return &s, nil
}

// keys are those of the evaluations, in alphabetical order.
func (s *Schema) keys() []string {
	keys := make([]string, 0, len(s.Evaluations))
	for _, e := range s.Evaluations {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys
}

// field finds a label field.
func (s *Schema) field(path string) (view.Field, bool) {
	fields, name := s.Samples, path
	if rest, ok := strings.CutPrefix(path, FramesPrefix); ok {
		fields, name = s.Frames, rest
	}
	for _, f := range fields {
		if f.Name == name {
			return view.Field{
				Path: path, DBPath: cmp.Or(f.DBField, f.Name),
				LabelType: f.DocumentType[strings.LastIndexByte(f.DocumentType, '.')+1:],
			}, true
		}
	}
	return view.Field{}, false
}

// Find finds an evaluation, and refuses what cannot be logged of it. Its results file is not opened. Faults: unknown_key,
// unfinished_evaluation, unknown_evaluation, field_gone.
func Find(ctx context.Context, source *view.Source, database string, schema *Schema, key string) (*Evaluation, error) {
	config, err := readConfig(ctx, source, database, schema, key)
	if err != nil {
		return nil, err
	}
	if err := config.Check(); err != nil {
		return nil, err
	}
	o := &Evaluation{Config: config}
	for path, to := range map[string]*view.Field{config.GTField: &o.Truth, config.PredField: &o.Pred} {
		var ok bool
		if *to, ok = schema.field(path); !ok {
			return nil, fault.New(fault.FiftyOne, fault.FieldGone,
				"The evaluation %q is of the field %q, which the dataset no longer has: evaluate another field, or log another evaluation.", key, path)
		}
	}
	o.Custom = schema.customFields(config)
	return o, nil
}

// OpenFile opens the results file, and calls told from time to time with how many bytes were read of it. Faults: damaged_results, unknown_evaluation.
func (o *Evaluation) OpenFile(ctx context.Context, told func(done, total int64), source *view.Source, database string) error {
	stored, err := source.StoredFile(ctx, database, o.Config.Results)
	if err != nil {
		return err
	}
	if stored == nil {
		return fault.New(fault.FiftyOne, fault.DamagedResults,
			"The results of the evaluation %q are no longer in FiftyOne's database. Evaluate again under this key.", o.Config.Key)
	}
	o.File, err = evaluation.Open(ctx, &watchedText{StoredFile: stored, tell: told}, o.Config)
	return err
}

// ReadLabels prepares for reading labels. Missing is the label that stands for none.
func (o *Evaluation) ReadLabels(missing string) {
	o.fields = evaluation.NewFields(o.Config, o.Truth.LabelType, o.Pred.LabelType, missing)
}

// watchedText is a results file whose reading is told.
type watchedText struct {
	*view.StoredFile
	tell       func(done, total int64)
	read, told int64
}

// At implements evaluation.Text. The file is read once to find its columns, and again by one reader for each of these: all that
// is read counts, so that the progress goes through the file's size each time.
func (w *watchedText) At(ctx context.Context, offset int64) (io.ReadCloser, error) {
	in, err := w.StoredFile.At(ctx, offset)
	return &watchedReader{in, w}, err
}

type watchedReader struct {
	io.ReadCloser
	text *watchedText
}

// tellEvery is after how many bytes of results the progress is told.
const tellEvery = 16 << 20

// Read implements io.Reader.
func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	w := r.text
	if w.read += int64(n); w.read-w.told >= tellEvery {
		w.told = w.read
		w.tell(w.read%w.Size(), w.Size())
	}
	return n, err
}

// Close implements io.Closer.
func (r *watchedReader) Close() error {
	if r.text.told > 0 {
		r.text.tell(0, 0)
	}
	return r.ReadCloser.Close()
}

// readConfig reads the run document of an evaluation.
func readConfig(ctx context.Context, source *view.Source, database string, schema *Schema, key string) (evaluation.Config, error) {
	at := slices.IndexFunc(schema.Evaluations, func(e bson.E) bool { return e.Key == key })
	if at < 0 {
		has := "it has none yet"
		if keys := schema.keys(); len(keys) > 0 {
			has = "it has " + strings.Join(keys, ", ")
		}
		return evaluation.Config{}, fault.New(fault.Settings, fault.UnknownKey, "The dataset has no evaluation %q: %s.", key, has)
	}
	id, _ := schema.Evaluations[at].Value.(bson.ObjectID)
	raw, err := source.RunDocument(ctx, database, id)
	if err != nil {
		return evaluation.Config{}, err
	}
	if raw == nil {
		return evaluation.Config{}, fault.New(fault.FiftyOne, fault.UnfinishedEvaluation,
			"The evaluation %q has lost its run document in FiftyOne's database: delete the evaluation and evaluate again.", key)
	}
	config, err := evaluation.ParseConfig(raw)
	if err != nil {
		return config, fault.Wrap(err, fault.FiftyOne, fault.DamagedResults, "The run document of the evaluation %q in FiftyOne's database is damaged (%v). Evaluate again under this key.", key, err)
	}
	config.Key = key
	return config, nil
}

// ownSuffixes are the fields that evaluations make themselves.
var ownSuffixes = []string{"tp", "fp", "fn", "accuracy", "precision", "recall", "dice"}

// NameMasks gives the classes of a segmentation the names that the dataset has for them, as FiftyOne's panel does.
func (o *Evaluation) NameMasks(maskTargetsJSON string) {
	if o.Config.Type != evaluation.Segmentation {
		return
	}
	var all map[string]map[string]any
	_ = json.Unmarshal([]byte(cmp.Or(maskTargetsJSON, "{}")), &all) // anything else has no names
	targets := all[o.Config.GTField]
	if targets == nil {
		targets = all["default_mask_targets"]
	}
	o.ClassName = func(class string) string {
		if name, ok := targets[class].(string); ok && name != "" {
			return name
		}
		return class
	}
}

// customFields are the plain fields of samples that custom metrics have made: their names begin with the key. Those of another
// evaluation, whose key begins with this one, are not among them.
func (s *Schema) customFields(c evaluation.Config) (out []view.Field) {
	if len(c.CustomMetrics) == 0 {
		return nil
	}
	for _, f := range s.Samples {
		suffix, ok := strings.CutPrefix(f.Name, c.Key+"_")
		if !ok || slices.Contains(ownSuffixes, suffix) || f.DocumentType != "" {
			continue
		}
		other := slices.ContainsFunc(s.keys(), func(k string) bool {
			return len(k) > len(c.Key) && (f.Name == k || strings.HasPrefix(f.Name, k+"_"))
		})
		if !other {
			out = append(out, view.Field{Path: suffix, DBPath: cmp.Or(f.DBField, f.Name)})
		}
	}
	return out
}

// IsWhole reports whether a view is what was evaluated, so that its numbers are the evaluation's.
func (o *Evaluation) IsWhole(isSubset bool, stagesJSON string) bool {
	if !isSubset || stagesJSON == "" {
		return !isSubset
	}
	var now []any
	if json.Unmarshal([]byte(stagesJSON), &now) != nil || len(now) != len(o.Config.ViewStages) {
		return false
	}
	for i, text := range o.Config.ViewStages {
		var then any
		if json.Unmarshal([]byte(text), &then) != nil || !reflect.DeepEqual(withoutUUID(then), withoutUUID(now[i])) {
			return false
		}
	}
	return true
}

// withoutUUID is a stage without the number that is new in each session.
func withoutUUID(stage any) any {
	if m, ok := stage.(map[string]any); ok {
		delete(m, "_uuid")
	}
	return stage
}

// CheckComparable refuses evaluations that cannot be compared, and says why. Faults: not_comparable.
func CheckComparable(a, b evaluation.Config) error {
	iou := func(c evaluation.Config) string {
		if c.IoU == nil {
			return "none"
		}
		return fmt.Sprint(*c.IoU)
	}
	for _, one := range []struct{ what, a, b string }{
		{"types", string(a.Type), string(b.Type)}, {"methods", a.Method, b.Method}, {"ground truth fields", a.GTField, b.GTField}, {"IoUs", iou(a), iou(b)},
	} {
		if one.a != one.b {
			return fault.New(fault.Settings, fault.NotComparable,
				"The evaluations %q and %q cannot be compared, since their %s differ: %s and %s. Evaluate both models in the same way.", a.Key, b.Key, one.what, one.a, one.b)
		}
	}
	if a.Key == b.Key {
		return fault.New(fault.Settings, fault.NotComparable, "The evaluation %q cannot be compared with itself: name another one in compare_with.", a.Key)
	}
	return nil
}
