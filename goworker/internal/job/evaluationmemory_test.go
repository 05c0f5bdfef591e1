package job_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
)

// matchesVariable says how many matches TestMemoryOfManyMatches has: 20000000 are 2 GB of results, and take minutes to write.
const matchesVariable = "JOB_TEST_MATCHES"

// mostEvaluationMemory is what a job may take, however many matches the evaluation has.
const mostEvaluationMemory = 250 << 20

// gridWriter writes a file of GridFS.
type gridWriter struct {
	t        *testing.T
	database string
	id       bson.ObjectID
	n        int
	size     int64
	batch    []any
}

const gridChunk = 261120

// Write takes pieces of gridChunk bytes; only the last may be shorter.
func (g *gridWriter) Write(p []byte) (int, error) {
	g.batch = append(g.batch, bson.D{{Key: "files_id", Value: g.id}, {Key: "n", Value: g.n}, {Key: "data", Value: bson.Binary{Data: append([]byte{}, p...)}}})
	g.n++
	g.size += int64(len(p))
	if len(g.batch) >= 32 {
		g.flush()
	}
	return len(p), nil
}

func (g *gridWriter) flush() {
	if len(g.batch) > 0 {
		require.NoError(g.t, mongo.Append(g.t.Context(), g.database, "fs.chunks", g.batch))
		g.batch = nil
	}
}

// writeMatches writes the results of so many matches of 80 classes, with long floats.
func writeMatches(w io.Writer, n int) {
	column := func(name string, value func(i int)) {
		_, _ = fmt.Fprintf(w, `,"%s":[`, name)
		for i := range n {
			if i > 0 {
				_, _ = io.WriteString(w, ", ")
			}
			value(i)
		}
		_, _ = io.WriteString(w, "]")
	}
	text := func(i int) {
		if i%7 == 0 {
			_, _ = io.WriteString(w, `"(none)"`)
			return
		}
		_, _ = fmt.Fprintf(w, `"class %d"`, i%80)
	}
	_, _ = io.WriteString(w, `{"cls":"fiftyone.utils.eval.detection.DetectionResults","custom_metrics":null`)
	column("ytrue", text)
	column("ypred", func(i int) { _, _ = fmt.Fprintf(w, `"class %d"`, i%80) })
	column("confs", func(i int) {
		_, _ = io.WriteString(w, strconv.FormatFloat(float64(i*7919%1000003)/1000003, 'g', -1, 64))
	})
	column("ytrue_ids", func(i int) { _, _ = fmt.Fprintf(w, `"%024x"`, i) })
	column("ypred_ids", func(i int) { _, _ = fmt.Fprintf(w, `"%024x"`, i+n) })
	_, _ = io.WriteString(w, `,"classes":["class 0"`)
	for i := 1; i < 80; i++ {
		_, _ = fmt.Fprintf(w, `,"class %d"`, i)
	}
	_, _ = io.WriteString(w, `],"missing":"(none)"`)
	column("ious", func(i int) { _, _ = io.WriteString(w, "0.8461538461538468") })
	_, _ = io.WriteString(w, "}")
}

// Memory does not grow with the matches: results, what is sorted for the average precision, and what is sorted because none of the
// labels is as it was.
func TestMemoryOfManyMatches(t *testing.T) {
	skipUnmeasured(t)
	n := 400_000
	if text := os.Getenv(matchesVariable); text != "" {
		n, _ = strconv.Atoi(text)
	}
	d := newStored(t)
	run := bson.D{{Key: "config", Value: bson.D{{Key: "cls", Value: "fiftyone.utils.eval.coco.COCOEvaluationConfig"}, {Key: "type", Value: "detection"}, {Key: "method", Value: "coco"},
		{Key: "gt_field", Value: "gt"}, {Key: "pred_field", Value: "pred"}, {Key: "iou", Value: 0.5}, {Key: "classwise", Value: true}}}}
	d.evaluation("ev", run, []byte("{}"))
	d.fields = []bson.D{evaluationtest.LabelField("gt", "Detections"), evaluationtest.LabelField("pred", "Detections")}
	d.samples = []bson.D{{{Key: "_id", Value: objectID(1, 1)}, {Key: "filepath", Value: "/none.png"}, {Key: "ev_tp", Value: 0}}}
	file := d.files[0].(bson.D)
	d.chunks = nil
	d.store()
	grid := &gridWriter{t: t, database: d.database, id: file[0].Value.(bson.ObjectID)}
	buffered := bufio.NewWriterSize(grid, gridChunk)
	writeMatches(buffered, n) // in small pieces, so that full buffers are handed on
	require.NoError(t, buffered.Flush())
	grid.flush()
	require.NoError(t, mongo.InsertInto(t.Context(), d.database, "fs.files", []any{bson.D{{Key: "_id", Value: grid.id}, {Key: "chunkSize", Value: gridChunk}, {Key: "length", Value: grid.size}}}))
	peak := d.peakOf(memoryJob{Database: d.database, Collection: "samples", Evaluation: &job.LogEvaluation{
		EvalKey: "ev", Dataset: collect.Dataset{Name: "d", ID: d.id.Hex(), MediaType: "image", Collection: "samples"}}})
	assert.Less(t, peak, int64(mostEvaluationMemory))
	assert.Contains(t, d.file("fiftyone/metadata.json"), fmt.Sprintf(`"changed_since":%d`, n))
}
