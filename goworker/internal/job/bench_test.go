package job_test

import (
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/sharing"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// benchSamples is the size of the benchmarks' collection: two fields of ten boxes each.
const benchSamples = 100_000

// benchPart is the size of a part: as usual.
const benchPart = 20_000

// benchWorld makes the view, and a function that gives each job a stand-in of its own: one that has many artifacts takes long to keep them.
func benchWorld(b *testing.B) (collect.View, func() publish.Target) {
	b.Helper()
	require.NoError(b, mongo.Insert(b.Context(), "samples.bench", nil))
	docs := make([]any, benchSamples/20)
	for i := range benchSamples {
		docs[i%len(docs)] = bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: fmt.Sprintf("/data/images/%07d.jpg", i)},
			{Key: "tags", Value: bson.A{"train"}}, {Key: "metadata", Value: bson.D{{Key: "_cls", Value: "ImageMetadata"}, {Key: "width", Value: 640}, {Key: "height", Value: 480}}},
			{Key: "_rand", Value: 0.5}, {Key: "ground_truth", Value: benchBoxes(i)}, {Key: "predictions", Value: benchBoxes(i + 1)}}
		if (i+1)%len(docs) == 0 {
			require.NoError(b, mongo.Append(b.Context(), mongotest.Database, "samples.bench", docs))
		}
	}
	var server *standin.Server
	end := func() {
		if server != nil {
			_ = server.Close()
		}
	}
	b.Cleanup(end)
	return collect.View{Query: view.Query{URI: mongo.URI, Database: mongotest.Database, Collection: "samples.bench"}}, func() publish.Target {
		end()
		var err error
		server, err = standin.New(standin.Options{Dir: b.TempDir()})
		require.NoError(b, err)
		require.NoError(b, server.Start())
		return publish.Target{Settings: config.Inputs{APIKey: server.Key(), BaseURL: server.URL(), Project: "p"}, ArtifactName: "one"}
	}
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
	sharing.Shardable
	Run(context.Context, publish.Events) (*publish.Result, error)
}

// benchJobs make jobs that each upload all of their artifact.
func benchJobs(v collect.View, target func() publish.Target) map[string]func() benchJob {
	field := func(path string) view.Field { return view.Field{Path: path, DBPath: path, LabelType: "Detections"} }
	parts := collect.Parts{Whole: benchPart, Part: benchPart}
	return map[string]func() benchJob{
		"view": func() benchJob {
			return job.LogView{Target: target(), View: v, IncludeLabels: true, Labels: []view.Field{field("ground_truth"), field("predictions")}, Parts: parts}
		},
		"predictions": func() benchJob {
			return job.LogPredictions{Target: target(), View: v, ModelName: "m", Predictions: field("predictions"), LowConfidence: 0.5, Parts: parts}
		},
	}
}

// BenchmarkLog runs whole jobs.
func BenchmarkLog(b *testing.B) {
	for name, one := range benchJobs(benchWorld(b)) {
		b.Run(name, func(b *testing.B) {
			measure(b, func() error {
				_, err := one().Run(b.Context(), publish.Events{})
				return err
			})
		})
	}
}

// BenchmarkSharing runs whole jobs with one worker and as the only slot of a shared job, by turns, and reports what sharing costs: the CPU
// microseconds of each sample in this process and in mongod, both ways, and the ratio of their sums.
func BenchmarkSharing(b *testing.B) {
	client, err := driver.Connect(options.Client().ApplyURI(mongo.URI.Reveal()))
	require.NoError(b, err)
	b.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	database := client.Database(mongotest.Database)
	all, target := benchWorld(b)
	jobs := benchJobs(all, target)
	for _, one := range []struct {
		name string
		job  func() benchJob
		rows int64
		part int64
	}{
		{"view", jobs["view"], benchSamples, benchPart},
		{"predictions", jobs["predictions"], benchSamples, benchPart},
		{"pictures", benchPictures(b, target), benchPicturesCount, benchPicturesCount / 10},
	} {
		b.Run(one.name, func(b *testing.B) {
			var alone, shared spent
			for range b.N {
				now := one.job()
				require.NoError(b, alone.of(b, database, "alone", func(ctx context.Context) error {
					_, err := now.Run(ctx, publish.Events{})
					return err
				}))
				now = one.job()
				require.NoError(b, shared.of(b, database, "shared", func(ctx context.Context) error { return inASlot(ctx, database, now, one.part) }))
			}
			each := func(d time.Duration) float64 {
				return float64(d.Nanoseconds()) / 1000 / float64(b.N) / float64(one.rows)
			}
			b.ReportMetric(each(alone.own), "alone-us/sample")
			b.ReportMetric(each(shared.own), "shared-us/sample")
			b.ReportMetric(float64(shared.own)/float64(alone.own), "ratio")
			b.ReportMetric(each(alone.mongod), "alone-mongod-us/sample")
			b.ReportMetric(each(shared.mongod), "shared-mongod-us/sample")
			b.ReportMetric(float64(shared.own+shared.mongod)/float64(alone.own+alone.mongod), "ratio-with-mongod")
		})
	}
}

// inASlot does a job as the only slot of a shared one.
func inASlot(ctx context.Context, database *driver.Database, one benchJob, part int64) error {
	id := bson.NewObjectID().Hex()
	if _, err := database.Collection("wandb.jobs").InsertOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "state", Value: shard.Planning}}); err != nil {
		return err
	}
	work, err := sharing.NewWork(one, publish.Events{})
	if err != nil {
		return err
	}
	defer work.Close()
	_, err = shard.Run(ctx, shard.NewMongo(database, id), work, shard.Options{Size: part})
	return err
}

// spent is the CPU time of this process and of mongod.
type spent struct{ own, mongod time.Duration }

// of adds what something takes.
func (s *spent) of(b *testing.B, database *driver.Database, way string, run func(context.Context) error) (err error) {
	runtime.GC()
	own, mongod := cpuTime(), mongodTime(b, database)
	pprof.Do(b.Context(), pprof.Labels("run", b.Name()+"/"+way), func(ctx context.Context) { err = run(ctx) })
	s.own += cpuTime() - own
	s.mongod += mongodTime(b, database) - mongod
	return err
}

// mongodTime is the CPU time of mongod.
func mongodTime(b *testing.B, database *driver.Database) time.Duration {
	var status struct {
		Info struct {
			User   int64 `bson:"user_time_us"`
			System int64 `bson:"system_time_us"`
		} `bson:"extra_info"`
	}
	require.NoError(b, database.RunCommand(b.Context(), bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status))
	return time.Duration(status.Info.User+status.Info.System) * time.Microsecond
}

// benchPicturesCount is how many pictures a benchmark makes.
const benchPicturesCount = 600

// benchPictures is a job with thumbnails of JPEGs with 640x480 pixels, none of which is cached.
func benchPictures(b *testing.B, target func() publish.Target) func() benchJob {
	b.Helper()
	dir := b.TempDir()
	docs := make([]any, benchPicturesCount)
	for i := range docs {
		pixels := image.NewRGBA(image.Rect(0, 0, 640, 480))
		for at := range pixels.Pix {
			pixels.Pix[at] = uint8((at*i)>>8 ^ at>>4) //nolint:gosec // any value is a colour
		}
		path := filepath.Join(dir, fmt.Sprintf("%05d.jpg", i))
		file, err := os.Create(path) //nolint:gosec // in a temporary directory
		require.NoError(b, err)
		require.NoError(b, jpeg.Encode(file, pixels, nil))
		require.NoError(b, file.Close())
		docs[i] = bson.D{{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: path}, {Key: "tags", Value: bson.A{"train"}}, {Key: "predictions", Value: benchBoxes(i)}}
	}
	require.NoError(b, mongo.Insert(b.Context(), "samples.pictures", docs))
	field := view.Field{Path: "predictions", DBPath: "predictions", LabelType: "Detections"}
	return func() benchJob {
		return job.LogView{
			Target: target(), View: collect.View{Query: view.Query{URI: mongo.URI, Database: mongotest.Database, Collection: "samples.pictures"}},
			IncludeLabels: true, Labels: []view.Field{field}, Pictures: &picture.Config{Mode: picture.Thumbnail, Size: 256},
			Parts: collect.Parts{Whole: benchPicturesCount / 10, Part: benchPicturesCount / 10},
		}
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
