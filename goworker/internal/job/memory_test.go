package job_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/racetest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// memoryChild makes the test's own program a worker of one job, see peakOf.
const memoryChild = "JOB_TEST_MEMORY_CHILD"

// memoryJob is a job for a process of its own.
type memoryJob struct {
	URI, URL, Key, Collection string
	Pipeline                  []string // extended JSON, one stage each
	View                      *job.LogView
	Predictions               *job.LogPredictions
	Read                      *lookup.ReadArtifact
	Evaluation                *job.LogEvaluation
	Database                  string // empty for the usual one
}

// must ends the process where a test would fail.
type must struct{}

func (must) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format, args...) }
func (must) FailNow()                          { os.Exit(1) }

// runMemoryChild does the job on stdin, and prints what the process has taken at most, in bytes.
func runMemoryChild() error {
	var m memoryJob
	if err := json.NewDecoder(os.Stdin).Decode(&m); err != nil {
		return err
	}
	inputs := config.Inputs{APIKey: secret.String(m.Key), BaseURL: m.URL, Project: "p"}
	target := publish.Target{Settings: inputs, ArtifactName: "the_view"}
	rows := collect.View{Query: view.Query{URI: secret.String(m.URI), Database: cmp.Or(m.Database, mongotest.Database), Collection: m.Collection}}
	rows.Query.Pipeline = pipelineOf(must{}, m.Pipeline)
	var err error
	switch ctx := context.Background(); {
	case m.View != nil:
		m.View.Target, m.View.View = target, rows
		_, err = m.View.Run(ctx, publish.Events{})
	case m.Predictions != nil:
		m.Predictions.Target, m.Predictions.View = target, rows
		_, err = m.Predictions.Run(ctx, publish.Events{})
	case m.Evaluation != nil:
		m.Evaluation.Target, m.Evaluation.View = target, rows
		_, err = m.Evaluation.Run(ctx, publish.Events{})
	case m.Read != nil:
		m.Read.Settings = inputs
		var n int
		_, err = m.Read.Run(ctx, func(_ lookup.IDList, packed []byte) error { n += len(packed); return nil })
	}
	if err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	fmt.Printf("peak %s\n", found[1])
	return nil
}

// peakOf runs a job in a process of its own and gives what that has taken at most, in bytes.
func (w *world) peakOf(m memoryJob) int64 {
	w.t.Helper()
	skipUnmeasured(w.t)
	m.URI, m.URL, m.Key, m.Collection = mongo.URI.Reveal(), w.server.URL(), w.server.Key().Reveal(), cmp.Or(m.Collection, w.name)
	in, err := json.Marshal(m)
	require.NoError(w.t, err)
	cmd := exec.CommandContext(w.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), memoryChild+"=1")
	cmd.Stdin = bytes.NewReader(in)
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	require.NoError(w.t, cmd.Run(), complaints.String())
	_, kb, _ := strings.Cut(strings.TrimSpace(out.String()), "peak ")
	n, err := strconv.ParseInt(kb, 10, 64)
	require.NoError(w.t, err, out.String())
	w.t.Logf("%d MB at most", n>>10)
	return n << 10
}

// skipUnmeasured skips a test where memory cannot be measured.
func skipUnmeasured(t *testing.T) {
	t.Helper()
	racetest.Skip(t)
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what a process has taken at most")
	}
}

// times repeats each document of a collection so often.
func times(n int) []string {
	return []string{fmt.Sprintf(`{"$set":{"n":{"$range":[0,%d]}}}`, n), `{"$unwind":"$n"}`}
}

func (w *world) insert(docs ...any) { require.NoError(w.t, mongo.Insert(w.t.Context(), w.name, docs)) }

func (w *world) assertTextMemory(m memoryJob) {
	w.t.Helper()
	assert.Less(w.t, w.peakOf(m), int64(memory.Texts))
}

// TestDocumentsOfSixteenMegabytes logs documents as large as MongoDB has them, of which some take six times as much in JSON.
func TestDocumentsOfSixteenMegabytes(t *testing.T) {
	w := newWorld(t)
	const size = 15 << 20
	named := func(text string) any {
		return bson.D{{Key: "_cls", Value: "Classification"}, {Key: "label", Value: text}, {Key: "confidence", Value: 0.5}}
	}
	var list bson.A
	for range 15 {
		list = append(list, strings.Repeat("z", size/15))
	}
	var docs []any
	for i, fields := range []bson.D{
		{{Key: "label", Value: named(strings.Repeat("x", size))}}, {{Key: "label", Value: named(strings.Repeat("\x01", size))}},
		{{Key: "text", Value: strings.Repeat("é", size/2)}}, {{Key: "list", Value: list}},
	} {
		docs = append(docs, append(bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: "/none.png"}}, fields...))
	}
	w.insert(docs...)
	w.assertTextMemory(memoryJob{View: &job.LogView{
		Dataset: collect.Dataset{Name: "d", MediaType: "image"}, IncludeLabels: true,
		Labels: []view.Field{{Path: "label", DBPath: "label", LabelType: "Classification"}},
		Fields: []view.Field{{Path: "text", DBPath: "text", FieldType: "StringField"}, {Path: "list", DBPath: "list", FieldType: "ListField"}},
	}})
	_, rows := w.table("samples.table.json")
	require.Len(t, rows, len(docs))
	assert.Equal(t, strings.Repeat("\x01", size)+" (0.50)", rows[1][3], "nothing of it is cut")
	assert.Equal(t, strings.Repeat("é", size/2), rows[2][4])
}

// TestManyClassesAndIDs logs predictions with 100,000 classes and 500,000 ids of labels.
func TestManyClassesAndIDs(t *testing.T) {
	w := newWorld(t)
	const samples, each = 50, 2000
	docs := make([]any, samples)
	for i := range docs {
		boxes := make(bson.A, each)
		for k := range boxes {
			boxes[k] = bson.D{{Key: "_id", Value: objectID(i, k)}, {Key: "label", Value: fmt.Sprintf("a class with the number %06d", i*each+k)}, {Key: "confidence", Value: 0.25}}
		}
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 9999)}, {Key: "filepath", Value: "/none.png"},
			{Key: "predictions", Value: bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: boxes}}}}
	}
	w.insert(docs...)
	field := view.Field{Path: "predictions", DBPath: "predictions", LabelType: "Detections"}
	w.assertTextMemory(memoryJob{Pipeline: times(5), Predictions: &job.LogPredictions{
		Dataset: collect.Dataset{Name: "d", MediaType: "image"}, ModelName: "m", Predictions: field, LowConfidence: 0.5}})
	assert.Len(t, w.file("fiftyone/label_ids.txt"), 5*samples*each*25)
}

// TestThousandsOfPictures logs pictures as large as they may be, decoded and as files, among thousands of usual ones, on
// as many cores as are used at most.
func TestThousandsOfPictures(t *testing.T) {
	skipUnmeasured(t)
	w := newWorld(t)
	t.Setenv("GOMAXPROCS", "16")
	const usual, large = 1200, 6
	files := [][]byte{
		flat(t, image.NewNRGBA(image.Rect(0, 0, 7300, 7300)), png.BestSpeed),    // 203 MB decoded
		flat(t, image.NewGray16(image.Rect(0, 0, 9900, 9900)), png.BestSpeed),   // 187 MB
		flat(t, image.NewRGBA(image.Rect(0, 0, 3900, 3900)), png.NoCompression), // 58 MB, also as a file
	}
	var photo bytes.Buffer
	require.NoError(t, jpeg.Encode(&photo, image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420), nil))
	docs := make([]any, usual)
	for i := range docs {
		path, data := filepath.Join(w.dir, fmt.Sprintf("%d", i%100)), photo.Bytes()
		if i%(usual/large) == 0 {
			path, data = filepath.Join(w.dir, fmt.Sprintf("large %d", i)), files[i/(usual/large)%len(files)]
		}
		require.NoError(t, os.WriteFile(path, data, 0o600))
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: path}}
	}
	w.insert(docs...)
	peak := w.peakOf(memoryJob{View: &job.LogView{Dataset: collect.Dataset{Name: "d", MediaType: "image"}, IncludeLabels: true,
		Pictures: &picture.Config{Mode: picture.Thumbnail, Size: 256}}})
	assert.Less(t, peak, int64(memory.Pictures))
	_, rows := w.table("samples.table.json")
	for i, row := range rows {
		require.NotNil(t, row[3], "row %d has no picture", i)
	}
}

// flat is a PNG of an empty picture.
func flat(t *testing.T, m image.Image, level png.CompressionLevel) []byte {
	var out bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: level}).Encode(&out, m))
	return out.Bytes()
}

// TestReadingAHostileArtifact reads lists in lists of 30 MB where the stages of a view should be, and many ids.
func TestReadingAHostileArtifact(t *testing.T) {
	w := newWorld(t)
	docs := make([]any, 1000)
	for i := range docs {
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: "/none.png"}}
	}
	w.insert(docs...)
	rows := w.rows()
	rows.Query.Pipeline = pipelineOf(t, times(300))
	rows.SerializationJSON, rows.IsSubset = "["+strings.Repeat("[],", 10<<20)+"[]]", true
	_, err := job.LogView{Target: w.target(), View: rows, Dataset: collect.Dataset{Name: "d", Collection: w.name}}.Run(t.Context(), publish.Events{})
	require.NoError(t, err)
	w.assertTextMemory(memoryJob{Read: &lookup.ReadArtifact{Reference: "the_view:v0", Lists: []lookup.IDList{lookup.IDSamples}}})
}

func pipelineOf(t require.TestingT, stages []string) (out []bson.Raw) {
	for _, stage := range stages {
		var doc bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(stage), false, &doc))
		raw, err := bson.Marshal(doc)
		require.NoError(t, err)
		out = append(out, raw)
	}
	return out
}
