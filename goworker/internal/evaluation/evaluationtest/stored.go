package evaluationtest

import (
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// goldenFields are the label fields of the golden dataset, and the classes of their labels.
var goldenFields = map[string]string{
	"ground_truth": "Detections", "predictions": "Detections", "predictions_none": "Detections", "model_b": "Detections",
	"cls_gt": "Classification", "cls_pred": "Classification", "cls_logits": "Classification", "bin_gt": "Classification", "bin_pred": "Classification",
	"reg_gt": "Regression", "reg_pred": "Regression", "seg_gt": "Segmentation", "seg_pred": "Segmentation",
}

// Fields are the label fields of the golden dataset, as a dataset's document has them.
func Fields() (fields []bson.D) {
	for _, name := range slices.Sorted(maps.Keys(goldenFields)) {
		fields = append(fields, LabelField(name, goldenFields[name]))
	}
	return fields
}

// LabelField is a field of labels, as a dataset's document has it.
func LabelField(name, class string) bson.D {
	return bson.D{{Key: "name", Value: name}, {Key: "db_field", Value: name}, {Key: "ftype", Value: "fiftyone.core.fields.EmbeddedDocumentField"},
		{Key: "embedded_doc_type", Value: "fiftyone.core.labels." + class}}
}

// Stored are the documents that FiftyOne's database has of an evaluation.
type Stored struct {
	ID  bson.ObjectID
	Run bson.D
	// Files and Chunks are those of the results in GridFS; none without results.
	Files, Chunks []any
}

// Store gives the documents of an evaluation, where text is what its results file holds; nil for none.
func Store(key string, run bson.D, text []byte) Stored {
	s := Stored{ID: bson.NewObjectID()}
	run = slices.DeleteFunc(run, func(e bson.E) bool { return e.Key == "_id" || e.Key == "results" || e.Key == "key" })
	s.Run = append(run, bson.E{Key: "_id", Value: s.ID}, bson.E{Key: "key", Value: key})
	if text == nil {
		return s
	}
	const size = 1000 // FiftyOne's are 261,120
	results := bson.NewObjectID()
	s.Run = append(s.Run, bson.E{Key: "results", Value: results})
	s.Files = []any{bson.D{{Key: "_id", Value: results}, {Key: "chunkSize", Value: size}, {Key: "length", Value: int64(len(text))}}}
	for n := 0; n*size < len(text); n++ {
		s.Chunks = append(s.Chunks, bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "files_id", Value: results}, {Key: "n", Value: n},
			{Key: "data", Value: bson.Binary{Data: text[n*size : min((n+1)*size, len(text))]}}})
	}
	return s
}
