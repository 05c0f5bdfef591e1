package job

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

func TestProgressNeverGoesBackAndEndsWhole(t *testing.T) {
	var seen []Progress
	tr := newTracker(func(p Progress) { seen = append(seen, p) })
	tr.begin(StageConnecting)
	tr.begin(StageReading)
	tr.rows(10) // the total is not known yet
	tr.rowsTotal(100)
	for n := int64(20); n <= 100; n += 20 {
		tr.rows(n)
	}
	tr.rows(120) // more rows than were counted
	tr.begin(StageUploading)
	for n := int64(0); n <= 10; n++ {
		tr.upload(n, 10, n*1000, 10_000)
	}
	tr.begin(StageCommitting)
	tr.done()

	last := 0.0
	for _, p := range seen {
		assert.GreaterOrEqual(t, p.Fraction, last)
		assert.LessOrEqual(t, p.Fraction, 1.0)
		last = p.Fraction
	}
	assert.InDelta(t, 1, last, 1e-9)
}

func TestProgressLabelsArePlain(t *testing.T) {
	for want, p := range map[string]Progress{
		"Connecting to W&B and FiftyOne's database":                {Stage: StageConnecting},
		"Reading samples: 12,000 of 20,000 (6,000/s)":              {Stage: StageReading, RowsDone: 12_000, RowsTotal: 20_000},
		"Reading samples: 12,000 (6,000/s)":                        {Stage: StageReading, RowsDone: 12_000},
		"Reading samples: 0 of 5":                                  {Stage: StageReading, RowsTotal: 5},
		"Uploading: 2.0 MB of 4.1 MB, 1 of 1,269 files (1.0 MB/s)": {Stage: StageUploading, BytesDone: 2_000_000, BytesTotal: 4_100_000, FilesDone: 1, FilesTotal: 1269},
		"Uploading":           {Stage: StageUploading},
		"Saving the artifact": {Stage: StageCommitting},
	} {
		assert.Equal(t, want, sentence(p, 2*time.Second))
	}
}

func TestFactsThatAreTooLargeForTheMetadataAreInFiles(t *testing.T) {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = spool.Close() })
	c := &collector{spool: spool, files: new(artifact.Files)}
	info := `{"notes":"` + strings.Repeat("x", 3<<20) + `"}`
	targets := `{"mask":"` + strings.Repeat("y", 2<<20) + `"}`
	meta := &metadata.Object{}
	large, err := c.describe(meta, Dataset{InfoJSON: info, MaskTargetsJSON: targets, DefaultClassesJSON: `["a"]`})
	require.NoError(t, err)
	ids := metadata.List{Key: "sample_ids", Path: "ids", Size: 4, JSON: func() ([]byte, error) { return []byte(`["i"]`), nil }}
	full, slim, err := metadata.Fill(meta, append([]metadata.List{ids}, large...))
	require.NoError(t, err)
	assert.Less(t, len(full), metadata.Limit)
	assert.Less(t, len(slim), 1000)
	var got struct {
		Info    map[string]string `json:"dataset_info"`
		IDs     []string          `json:"sample_ids"`
		Classes []string          `json:"default_classes"`
		Left    map[string]string `json:"lists_in_files"`
	}
	require.NoError(t, json.Unmarshal(full, &got))
	assert.Len(t, got.Info["notes"], 3<<20, "there is room for one of them")
	assert.Equal(t, []string{"i"}, got.IDs)
	assert.Equal(t, []string{"a"}, got.Classes)
	assert.Equal(t, map[string]string{"mask_targets": "fiftyone/mask_targets.json"}, got.Left)
	assert.Equal(t, 2, c.files.Len())

	model := LogPredictions{ModelName: "m", ModelConfigJSON: targets}
	meta = &metadata.Object{}
	full, _, err = metadata.Fill(meta, model.describeModel(meta))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(full), `"model_config"`))
	assert.JSONEq(t, `{"model_name":"m","model_version":null,"predictions_field":"","prompt_field":null,"model_config":`+targets+`}`, string(full))
}

func TestWarningsOfOneAreSentences(t *testing.T) {
	var w warnings
	w.add("missing_file", "rows have no picture because the media file was not found.", "a")
	w.add("no_box", "patches have no picture because no box of a label is within the picture.", "b")
	var said []string
	for _, one := range w.final() {
		said = append(said, one.Message)
	}
	assert.Equal(t, []string{
		"1 row has no picture because the media file was not found.",
		"1 patch has no picture because no box of a label is within the picture.",
	}, said)
}

func TestWarningsCountAndNameAFewSamples(t *testing.T) {
	var w warnings
	for range 1234 {
		w.add("missing_file", "rows have no picture.", "id")
	}
	w.note("odd", "100%% of %q", "50% field")
	got := w.final()
	assert.Equal(t, "1,234 rows have no picture.", got[0].Message)
	assert.Len(t, got[0].SampleIDs, examples)
	assert.EqualValues(t, 1234, got[0].Count)
	assert.Equal(t, `100% of "50% field"`, got[1].Message)
}

func TestArtifactNames(t *testing.T) {
	name, err := artifactName("My Model/V2", "unused")
	require.NoError(t, err)
	assert.Equal(t, "my_model_v2", name)
	_, err = artifactName("///", "unused")
	assert.Equal(t, "bad_name", fault.Code(err))
}

// The original takes the run's id as it is, and of a model's name only the blanks.
func TestDefaultNamesOfArtifacts(t *testing.T) {
	for id, want := range map[string]string{
		"run-b": "dataset_view_run-b", "Run--C_9876": "dataset_view_Run--C_9", "a b@c": "dataset_view_a_b_c", "日本語": "dataset_view____",
	} {
		name, err := artifactName("", defaultViewName(id))
		require.NoError(t, err)
		assert.Equal(t, want, name)
	}
	for model, want := range map[string]string{
		"YOLO v8-n": "yolo_v8-n_predictions_20260101_000000", "org/model:7b": "org_model_7b_predictions_20260101_000000",
	} {
		name, err := artifactName("", LogPredictions{ModelName: model, NameTimestamp: "20260101_000000"}.defaultName())
		require.NoError(t, err)
		assert.Equal(t, want, name)
	}
}
