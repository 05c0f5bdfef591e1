package job_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// benchSamples is the size of the benchmarks' collection: two fields of ten boxes each.
const benchSamples = 50_000

func benchWorld(b *testing.B) (job.View, job.Target) {
	b.Helper()
	docs := make([]any, benchSamples)
	for i := range docs {
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: fmt.Sprintf("/data/images/%07d.jpg", i)},
			{Key: "tags", Value: bson.A{"train"}}, {Key: "metadata", Value: bson.D{{Key: "_cls", Value: "ImageMetadata"}, {Key: "width", Value: 640}, {Key: "height", Value: 480}}},
			{Key: "_rand", Value: 0.5}, {Key: "ground_truth", Value: benchBoxes(i)}, {Key: "predictions", Value: benchBoxes(i + 1)}}
	}
	require.NoError(b, mongo.Insert(b.Context(), "samples.bench", docs))
	server, err := standin.New(standin.Options{Dir: b.TempDir()})
	require.NoError(b, err)
	require.NoError(b, server.Start())
	b.Cleanup(func() { _ = server.Close() })
	return job.View{Query: view.Query{URI: mongo.URI, Database: mongotest.Database, Collection: "samples.bench"}},
		job.Target{Settings: config.Inputs{APIKey: server.Key(), BaseURL: server.URL(), Project: "p"}}
}

func benchBoxes(i int) bson.D {
	classes := []string{"person", "car", "dog", "bicycle", "truck"}
	var boxes bson.A
	for k := range 10 {
		boxes = append(boxes, bson.D{{Key: "_id", Value: objectID(i, k)}, {Key: "_cls", Value: "Detection"}, {Key: "attributes", Value: bson.D{}},
			{Key: "tags", Value: bson.A{}}, {Key: "label", Value: classes[(i+k)%5]}, {Key: "bounding_box", Value: bson.A{0.1, 0.2, 0.3, 0.4}},
			{Key: "confidence", Value: float64((i*7+k*13)%100) / 100}})
	}
	return bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: boxes}}
}

// BenchmarkDrain is the baseline of the others: the same cursor, read without a look.
func BenchmarkDrain(b *testing.B) {
	v, _ := benchWorld(b)
	src, err := view.Connect(b.Context(), v.Query.URI)
	require.NoError(b, err)
	defer src.Close()
	for name, paths := range map[string][]string{"view": benchPaths("ground_truth", "predictions"), "predictions": benchPaths("predictions")} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				require.NoError(b, src.Read(b.Context(), v.Query, paths, func([]bson.Raw) error { return nil }))
			}
			b.ReportMetric(float64(b.N)*benchSamples/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

func benchPaths(fields ...string) []string {
	paths := []string{"filepath", "tags"}
	for _, f := range fields {
		for _, p := range label.Paths("Detections") {
			paths = append(paths, f+"."+p)
		}
	}
	return paths
}

// BenchmarkLog runs whole jobs.
func BenchmarkLog(b *testing.B) {
	v, target := benchWorld(b)
	field := func(path string) view.Field { return view.Field{Path: path, DBPath: path, LabelType: "Detections"} }
	jobs := map[string]func(context.Context) (*job.Result, error){
		"view": func(ctx context.Context) (*job.Result, error) {
			return job.LogView{Target: target, View: v, IncludeLabels: true, Labels: []view.Field{field("ground_truth"), field("predictions")}}.Run(ctx, job.Events{})
		},
		"predictions": func(ctx context.Context) (*job.Result, error) {
			return job.LogPredictions{Target: target, View: v, ModelName: "m", Predictions: field("predictions"), LowConfidence: 0.5}.Run(ctx, job.Events{})
		},
	}
	for name, run := range jobs {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, err := run(b.Context())
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N)*benchSamples/b.Elapsed().Seconds(), "samples/s")
		})
	}
}
