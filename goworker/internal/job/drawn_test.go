package job_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// TestAViewThatDrawsItsRows has jobs read a view several times whose rows are others in each reading: all of them have to be the same ones.
func TestAViewThatDrawsItsRows(t *testing.T) {
	w := newWorld(t)
	j := w.variedView(60)
	j.Parts = collect.Parts{}
	j.View.Query.Pipeline = []bson.Raw{stage(`{"$sample": {"size": 40}}`)}
	t.Run("some of them", func(t *testing.T) {
		w.t = t
		j := j
		j.View.Selection, j.Target.ArtifactName = &collect.Selection{Max: 25}, "some"
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		assert.Equal(t, [2]int64{25, 40}, [2]int64{res.Samples, res.ViewSamples})
	})
	t.Run("some pictures", func(t *testing.T) {
		w.t = t
		j := j
		pictures := *j.Pictures
		pictures.PicturesMax = 20
		j.Pictures, j.Target.ArtifactName = &pictures, "pictures"
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		assert.EqualValues(t, 40, res.Samples)
		_, files := w.files("pictures")
		var table struct{ Data [][]any }
		require.NoError(t, json.Unmarshal([]byte(files["samples.table.json"]), &table))
		shown := 0
		for _, row := range table.Data {
			for _, cell := range row {
				if image, ok := cell.(map[string]any); ok && image["_type"] == "image-file" {
					shown++
				}
			}
		}
		assert.InDelta(t, 20, shown+warned(res, "missing_file"), 0, "%v", res.Warnings)
	})
	t.Run("on two workers", func(t *testing.T) {
		w.t = t
		j := j
		j.Parts, j.Target.ArtifactName = collect.Parts{Whole: 25, Part: 10}, "shared"
		res, err := w.slots(j, 2, 10).run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 40, res.Samples)
		state, files := w.files("shared")
		assert.Equal(t, 40, strings.Count(files["fiftyone/sample_ids.txt"], "\n"))
		assert.NotEmpty(t, state.Digest)
	})
	for what, stages := range map[string][]string{
		"of rows that are several of one": {`{"$unwind": "$tags"}`},
		"and a row twice":                 {fmt.Sprintf(`{"$unionWith": {"coll": %q, "pipeline": [{"$limit": 9}]}}`, w.name)},
	} {
		t.Run(what, func(t *testing.T) {
			w.t = t
			j := j
			j.Parts = collect.Parts{Whole: 5, Part: 5}
			for _, s := range stages {
				j.View.Query.Pipeline = append(j.View.Query.Pipeline, stage(s))
			}
			s := w.slots(j, 2, 10)
			err := s.read(t.Context())
			assert.Equal(t, fault.BadView, fault.Code(err), "%v", err)
			assert.ErrorContains(t, err, "workers=1")
		})
	}
}

// warned is how many rows a warning counts.
func warned(res *publish.Result, code string) (n int) {
	for _, w := range res.Warnings {
		if w.Code == code {
			n += int(w.Count)
		}
	}
	return n
}

// TestAnEvaluationOfDrawnRows holds that its numbers are those of the rows, which one worker reads several times, and that several workers refuse it.
func TestAnEvaluationOfDrawnRows(t *testing.T) {
	d := golden(t).store()
	j := match(d.log("ev"), `{}`)
	j.View.Query.Pipeline = []bson.Raw{stage(`{"$sample": {"size": 12}}`)}
	j.Subsets = []job.EvaluationSubset{{Name: "all", Query: view.Query{URI: mongo.URI, Database: d.database, Collection: "samples",
		Pipeline: append(append([]bson.Raw{}, j.View.Query.Pipeline...), stage(`{"$match": {"filepath": {"$exists": true}}}`))}}}
	res, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 12, res.Samples)
	assert.Zero(t, res.Evaluation.Report.Changed)
	require.Len(t, res.Evaluation.Subsets, 1)
	assert.Equal(t, res.Evaluation.Report.Matches, res.Evaluation.Subsets[0].Report.Matches)
	assert.InDelta(t, res.Metrics["eval/F1"], res.Metrics["eval/all/F1"], 0)

	j.Parts = collect.Parts{Whole: 5, Part: 5}
	err = d.slots(j, 2, 7).read(t.Context())
	assert.Equal(t, fault.BadView, fault.Code(err), "%v", err)
	assert.Empty(t, spoolLeft(t))
}
