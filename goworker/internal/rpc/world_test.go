package rpc_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/rpc"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

var mongo *mongotest.Server

func TestMain(m *testing.M) { mongotest.Main(m, &mongo) }

// world is a worker beside a stand-in for W&B and a collection of samples.
type world struct {
	t          *testing.T
	server     *standin.Server
	worker     pb.WorkerServiceClient
	collection string
	// dir has the pictures of the samples, and gets the offline runs.
	dir string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := standin.New(standin.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("TMPDIR", t.TempDir())
	worker, _, _ := serve(t, (&rpc.Jobs{Source: "test"}).Run)
	return &world{t: t, server: server, worker: worker, collection: "samples." + strings.ReplaceAll(t.Name(), "/", "."), dir: t.TempDir()}
}

// samples fills the collection with n samples. Each has a picture, two detections, a prompt, a number and a vector.
func (w *world) samples(n int) {
	docs := make([]any, n)
	for i := range docs {
		box := func(b int, label string, confidence float64) bson.D {
			return bson.D{{Key: "_id", Value: objectID(i, b)}, {Key: "_cls", Value: "Detection"}, {Key: "label", Value: label},
				{Key: "confidence", Value: confidence}, {Key: "bounding_box", Value: bson.A{0.25, 0.25, 0.5, 0.5}}}
		}
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: w.picture(i)}, {Key: "tags", Value: bson.A{"train"}},
			{Key: "metadata", Value: bson.D{{Key: "_cls", Value: "ImageMetadata"}, {Key: "width", Value: 32}, {Key: "height", Value: 24}}},
			{Key: "predictions", Value: bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: bson.A{box(1, "cat", 0.875), box(2, "dog", 0.25)}}}},
			{Key: "prompt", Value: fmt.Sprintf("What is in picture %d?", i)}, {Key: "score", Value: i}, {Key: "vector", Value: bson.A{float64(i), 0.5}}}
	}
	require.NoError(w.t, mongo.Insert(w.t.Context(), w.collection, docs))
}

func objectID(i, b int) (id bson.ObjectID) {
	binary.BigEndian.PutUint32(id[:], uint32(i+1))
	binary.BigEndian.PutUint32(id[8:], uint32(b))
	return id
}

// picture makes the file of a sample.
func (w *world) picture(i int) string {
	m := image.NewGray(image.Rect(0, 0, 32, 24))
	m.SetGray(i%32, 3, color.Gray{Y: 200})
	path := filepath.Join(w.dir, fmt.Sprintf("%04d.png", i))
	f, err := os.Create(path)
	require.NoError(w.t, err)
	require.NoError(w.t, png.Encode(f, m))
	require.NoError(w.t, f.Close())
	return path
}

var (
	predictionsField = &pb.Field{Path: "predictions", DbPath: "predictions", LabelType: "Detections"}
	promptField      = &pb.Field{Path: "prompt", DbPath: "prompt", FieldType: "StringField"}
	scoreField       = &pb.Field{Path: "score", DbPath: "score", FieldType: "IntField"}
	vectorField      = &pb.Field{Path: "vector", DbPath: "vector", FieldType: "VectorField"}
)

// view is all samples, or what the stages of a pipeline, in Extended JSON, make of them.
func (w *world) view(stages ...string) *pb.View {
	return &pb.View{Uri: mongo.URI.Reveal(), Database: mongotest.Database, Collection: w.collection, RowKind: pb.RowKind_ROW_KIND_SAMPLE,
		Pipeline: pipeline(w.t, stages...), IsSubset: len(stages) > 0}
}

func (w *world) dataset() *pb.Dataset {
	return &pb.Dataset{Name: "d", Id: objectID(0, 99).Hex(), MediaType: "image", FiftyoneVersion: "1.2.3", Collection: w.collection}
}

// pipeline is how hosts send one.
func pipeline(t *testing.T, stages ...string) []byte {
	list := bson.A{}
	for _, text := range stages {
		var stage bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(text), false, &stage))
		list = append(list, stage)
	}
	raw, err := bson.Marshal(bson.D{{Key: "pipeline", Value: list}})
	require.NoError(t, err)
	return raw
}

func (w *world) settings() *pb.WandbSettings {
	return &pb.WandbSettings{ApiKey: w.server.Key().Reveal(), BaseUrl: w.server.URL(), Project: "p", OfflineDirectory: w.dir, Host: "laptop", Program: "train.py"}
}

// run does a job and gives all its events, none of which may have the key. Without settings of its own, the job gets the world's.
func (w *world) run(req *pb.RunRequest) []*pb.RunResponse {
	w.t.Helper()
	if req.Wandb == nil {
		req.Wandb = w.settings()
	}
	events, err := call(w.t, w.worker, req)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, events)
	for _, event := range events {
		assert.NotContains(w.t, event.String(), w.server.Key().Reveal())
	}
	return events
}

// last is the event that ends a job.
func last(events []*pb.RunResponse) *pb.RunResponse { return events[len(events)-1] }

// logged is the result of a logging job, which must not fail.
func (w *world) logged(req *pb.RunRequest) *pb.ArtifactLogged {
	w.t.Helper()
	end := last(w.run(req))
	require.Empty(w.t, end.GetFailure().GetMessage())
	require.NotNil(w.t, end.GetArtifactLogged())
	return end.GetArtifactLogged()
}

// failure is why a job failed, which it must.
func (w *world) failure(req *pb.RunRequest) *pb.Failure {
	w.t.Helper()
	end := last(w.run(req))
	require.NotNil(w.t, end.GetFailure(), "%v", end)
	return end.GetFailure()
}

// file is a file of the newest version of an artifact.
func (w *world) file(name, path string) string {
	w.t.Helper()
	raw, err := w.server.ReadFile(w.server.Entity(), "p", name, "latest", path)
	require.NoError(w.t, err)
	return string(raw)
}

// table is a table of the newest version of an artifact.
func (w *world) table(name, path string) (columns []string, data [][]any) {
	w.t.Helper()
	var got struct {
		Columns []string `json:"columns"`
		Data    [][]any  `json:"data"`
	}
	require.NoError(w.t, json.Unmarshal([]byte(w.file(name, path)), &got))
	return got.Columns, got.Data
}

// onlyArtifact is the one that W&B has.
func (w *world) onlyArtifact() standin.ArtifactState {
	w.t.Helper()
	artifacts := w.server.State().Artifacts
	require.Len(w.t, artifacts, 1)
	return artifacts[0]
}

func warningCodes(m *pb.ArtifactLogged) (codes []string) {
	for _, one := range m.GetWarnings() {
		codes = append(codes, one.GetCode())
	}
	return codes
}
