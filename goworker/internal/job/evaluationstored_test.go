package job_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// storedDataset is a dataset with evaluations as FiftyOne stored it, in a database of its own.
type storedDataset struct {
	*world
	database  string
	id        bson.ObjectID
	samples   []bson.D
	frames    []bson.D
	fields    []bson.D
	frameDefs []bson.D
	runs      bson.D // keys and ids
	// frameCollection is what the dataset's document says of the frames; empty for nothing.
	frameCollection string
	documents       []any
	files           []any
	chunks          []any
}

// golden is the dataset of the golden file.
func golden(t *testing.T) *storedDataset {
	g := evaluationtest.Load(t)
	d := newStored(t)
	for _, raw := range g.Datasets["eval_golden"].Samples {
		d.samples = append(d.samples, evaluationtest.Document(t, raw))
	}
	for key, run := range g.Datasets["eval_golden"].Runs {
		var text []byte
		if run.Results != nil {
			text = []byte(run.Results.Text)
		}
		d.evaluation(key, evaluationtest.Document(t, run.Document), text)
	}
	d.fields = evaluationtest.Fields()
	return d
}

func newStored(t *testing.T) *storedDataset {
	return &storedDataset{world: newWorld(t), database: "eval_" + bson.NewObjectID().Hex(), id: bson.NewObjectID()}
}

// evaluation adds one. Its results are stored in chunks of GridFS.
func (d *storedDataset) evaluation(key string, run bson.D, text []byte) {
	s := evaluationtest.Store(key, run, text)
	d.runs = append(d.runs, bson.E{Key: key, Value: s.ID})
	d.documents, d.files, d.chunks = append(d.documents, s.Run), append(d.files, s.Files...), append(d.chunks, s.Chunks...)
}

// store writes all of it to MongoDB.
func (d *storedDataset) store() *storedDataset {
	dataset := bson.D{{Key: "_id", Value: d.id}, {Key: "name", Value: "d"}, {Key: "sample_fields", Value: d.fields}, {Key: "frame_fields", Value: d.frameDefs}, {Key: "evaluations", Value: d.runs}, {Key: "frame_collection_name", Value: d.frameCollection}}
	for name, docs := range map[string][]any{
		"datasets": {dataset}, "runs": d.documents, "fs.files": d.files, "fs.chunks": d.chunks, "samples": anys(d.samples), "frames": anys(d.frames),
	} {
		require.NoError(d.t, mongo.InsertInto(d.t.Context(), d.database, name, docs))
	}
	return d
}

func anys(docs []bson.D) (out []any) {
	for _, doc := range docs {
		out = append(out, doc)
	}
	return out
}

func (d *storedDataset) log(key string) job.LogEvaluation {
	query := view.Query{URI: mongo.URI, Database: d.database, Collection: "samples"}
	return job.LogEvaluation{Target: d.target(), View: collect.View{Query: query}, EvalKey: key,
		Dataset: collect.Dataset{Name: "d", ID: d.id.Hex(), MediaType: "image", Collection: "samples"}}
}

// framesQuery is how FiftyOne reads the frames of all samples.
func (d *storedDataset) framesQuery() *view.Query {
	return &view.Query{URI: mongo.URI, Database: d.database, Collection: "samples", Pipeline: []bson.Raw{
		stage(`{"$lookup": {"from": "frames", "let": {"id": "$_id"}, "as": "frames", "pipeline": [
			{"$match": {"$expr": {"$eq": ["$$id", "$_sample_id"]}}}, {"$sort": {"frame_number": 1}}]}}`),
		stage(`{"$unwind": "$frames"}`), stage(`{"$replaceRoot": {"newRoot": "$frames"}}`),
	}}
}

// match restricts a job to the samples that meet a condition.
func match(j job.LogEvaluation, condition string) job.LogEvaluation {
	j.View.Query.Pipeline = []bson.Raw{stage(`{"$match": ` + condition + `}`)}
	j.View.IsSubset, j.View.SerializationJSON = true, `[{"_cls":"fiftyone.core.stages.Mongo","kwargs":[]}]`
	return j
}

// column gives a column of a table that was read back.
func columnOf(t *testing.T, columns []string, data [][]any, name string) (out []any) {
	i := slices.Index(columns, name)
	require.GreaterOrEqual(t, i, 0, "%s in %v", name, columns)
	for _, row := range data {
		out = append(out, row[i])
	}
	return out
}

func warningCodes(res *publish.Result) (codes []string) {
	for _, w := range res.Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

func compare(j job.LogEvaluation, key string) job.LogEvaluation {
	j.CompareWith = key
	return j
}

// layout is one of the golden file's small datasets, with its evaluations.
func layout(t *testing.T, name string) *storedDataset {
	var l evaluationtest.Layout
	require.NoError(t, json.Unmarshal(evaluationtest.Load(t).Layouts[name], &l))
	d := newStored(t)
	for _, raw := range l.Samples {
		d.samples = append(d.samples, evaluationtest.Document(t, raw))
	}
	for _, raw := range l.Frames {
		d.frames = append(d.frames, evaluationtest.Document(t, raw))
	}
	for key, run := range l.Runs {
		text, _ := run.Text(t)
		d.evaluation(key, bson.D{{Key: "config", Value: evaluationtest.Document(t, run.Config)}}, text)
	}
	d.fields = schemaOf(d.samples)
	d.frameDefs = schemaOf(d.frames)
	return d.store()
}

// schemaOf are the fields of documents, as far as they are labels or numbers.
func schemaOf(docs []bson.D) (fields []bson.D) {
	seen := map[string]bool{}
	for _, doc := range docs {
		for _, e := range doc {
			value, ok := e.Value.(bson.D)
			if seen[e.Key] || !ok {
				if _, isNumber := e.Value.(float64); isNumber && !seen[e.Key] {
					seen[e.Key] = true
					fields = append(fields, bson.D{{Key: "name", Value: e.Key}, {Key: "db_field", Value: e.Key}, {Key: "ftype", Value: "fiftyone.core.fields.FloatField"}})
				}
				continue
			}
			seen[e.Key] = true
			for _, one := range value {
				if one.Key == "_cls" {
					fields = append(fields, evaluationtest.LabelField(e.Key, one.Value.(string)))
				}
			}
		}
	}
	return fields
}
