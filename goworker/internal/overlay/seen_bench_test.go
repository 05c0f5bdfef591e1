package overlay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// BenchmarkClasses compares the survey of classes with the reading of the same rows, of 20 labels each in two fields:
// "sample" is what a job begins with, "survey" what follows where its classes are not few or not all. `make bench-classes` runs it.
func BenchmarkClasses(b *testing.B) {
	const rows, each = 50_000, 10
	docs := make([]any, rows)
	for i := range docs {
		doc := bson.D{{Key: "filepath", Value: fmt.Sprintf("/data/%07d.jpg", i)}, {Key: "tags", Value: bson.A{"train"}}}
		for k, name := range []string{"truth", "guess"} {
			var labels bson.A
			for n := range each {
				labels = append(labels, bson.D{
					{Key: "_id", Value: bson.NewObjectID()}, {Key: "_cls", Value: "Detection"}, {Key: "attributes", Value: bson.D{}}, {Key: "tags", Value: bson.A{}},
					{Key: "label", Value: fmt.Sprintf("class %d", (i*7+n*3+k)%80)}, {Key: "bounding_box", Value: bson.A{0.1, 0.2, 0.3, 0.4}}, {Key: "confidence", Value: 0.5},
				})
			}
			doc = append(doc, bson.E{Key: name, Value: bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: labels}}})
		}
		docs[i] = doc
	}
	require.NoError(b, mongo.Insert(b.Context(), "bench", docs))
	src, err := view.Connect(b.Context(), mongo.URI)
	require.NoError(b, err)
	defer src.Close()
	fields := []overlay.SeenField{field("truth", "Detections"), field("guess", "Detections")}
	query := view.Query{URI: mongo.URI, Database: mongotest.Database, Collection: "bench"}
	paths := []string{"filepath", "tags"}
	for _, f := range fields {
		for _, part := range f.DBPaths(overlay.OwnMasks) {
			paths = append(paths, f.DBPath+"."+part)
		}
	}
	run := func(stages []bson.D, row func(bson.Raw)) error { return src.Aggregate(b.Context(), query, stages, row) }
	timed := func(learn func(*overlay.ClassSpec) error) time.Duration {
		start, spec := time.Now(), overlay.ClassSpec{}
		require.NoError(b, learn(&spec))
		require.Len(b, spec.Seen, 80)
		return time.Since(start)
	}
	var sample, survey, reading time.Duration
	for b.Loop() {
		sample += timed(func(s *overlay.ClassSpec) error {
			few, err := s.Sample(fields, overlay.OwnMasks, run)
			require.True(b, few)
			return err
		})
		survey += timed(func(s *overlay.ClassSpec) error { return s.Survey(fields, overlay.OwnMasks, run) })
		start, bytes := time.Now(), 0
		require.NoError(b, src.Read(b.Context(), query, paths, func(docs []bson.Raw) error {
			for _, doc := range docs {
				bytes += len(doc)
			}
			return nil
		}))
		reading += time.Since(start)
		require.Greater(b, bytes, rows*each*20)
	}
	b.ReportMetric(sample.Seconds()/float64(b.N), "sample-s")
	b.ReportMetric(survey.Seconds()/float64(b.N), "survey-s")
	b.ReportMetric(reading.Seconds()/float64(b.N), "reading-s")
	b.ReportMetric(float64(sample)/float64(reading), "sample/reading")
	b.ReportMetric(float64(survey)/float64(reading), "survey/reading")
}
