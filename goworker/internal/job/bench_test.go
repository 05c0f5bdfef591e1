package job_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// benchSamples is the size of the benchmarks' collection: two fields of ten boxes each.
const benchSamples = 100_000

// benchPart is the size of a part: as usual.
const benchPart = 20_000

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

// benchJob is a job that one worker does, or several.
type benchJob interface {
	job.Shardable
	Run(context.Context, job.Events) (*job.Result, error)
}

func benchJobs(v job.View, target job.Target) map[string]benchJob {
	field := func(path string) view.Field { return view.Field{Path: path, DBPath: path, LabelType: "Detections"} }
	parts := job.Parts{Whole: benchPart, Part: benchPart}
	return map[string]benchJob{
		"view":        job.LogView{Target: target, View: v, IncludeLabels: true, Labels: []view.Field{field("ground_truth"), field("predictions")}, Parts: parts},
		"predictions": job.LogPredictions{Target: target, View: v, ModelName: "m", Predictions: field("predictions"), LowConfidence: 0.5, Parts: parts},
	}
}

// BenchmarkLog runs whole jobs.
func BenchmarkLog(b *testing.B) {
	for name, one := range benchJobs(benchWorld(b)) {
		b.Run(name, func(b *testing.B) {
			measure(b, func() error {
				_, err := one.Run(b.Context(), job.Events{})
				return err
			})
		})
	}
}

// BenchmarkLogInASlot runs the same jobs as those of one slot of a shared job. The metric to compare is that of the CPU.
func BenchmarkLogInASlot(b *testing.B) {
	client, err := driver.Connect(options.Client().ApplyURI(mongo.URI.Reveal()))
	require.NoError(b, err)
	b.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	for name, one := range benchJobs(benchWorld(b)) {
		b.Run(name, func(b *testing.B) {
			measure(b, func() error {
				id := bson.NewObjectID().Hex()
				doc := bson.D{{Key: "_id", Value: id}, {Key: "state", Value: shard.Planning}}
				if err := mongo.Append(b.Context(), mongotest.Database, "wandb.jobs", []any{doc}); err != nil {
					return err
				}
				work, err := job.NewSharded(one, job.Events{})
				if err != nil {
					return err
				}
				defer work.Close()
				_, err = shard.Run(b.Context(), shard.NewMongo(client.Database(mongotest.Database), id), work, shard.Options{Size: benchPart})
				return err
			})
		})
	}
}

// measure runs something as often as the benchmark wants, and reports samples a second, and the CPU microseconds of this process for each.
func measure(b *testing.B, run func() error) {
	before := cpuTime()
	for range b.N {
		require.NoError(b, run())
	}
	b.ReportMetric(float64(b.N)*benchSamples/b.Elapsed().Seconds(), "samples/s")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N)/benchSamples, "CPU-us/sample")
}
