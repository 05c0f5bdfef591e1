package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
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

func TestNumbersForPeople(t *testing.T) {
	for want, n := range map[string]int64{"0": 0, "999": 999, "1,000": 1000, "12,345,678": 12_345_678, "-1,234": -1234, "-999": -999} {
		assert.Equal(t, want, thousands(n))
	}
	for want, n := range map[string]int64{"0 B": 0, "999 B": 999, "1.0 kB": 1000, "4.2 MB": 4_200_000, "3.0 TB": 3_000_000_000_000} {
		assert.Equal(t, want, bytesText(n))
	}
}

func TestMetadataKeepsItsOrderAndDropsListsThatDoNotFit(t *testing.T) {
	base := &object{}
	base.set("z", 1)
	base.text("a", "")
	long := `["` + strings.Repeat("x", metadataLimit) + `"]`
	lists := []list{
		{key: "first", path: "f1", size: 5, json: func() ([]byte, error) { return []byte(`["a"]`), nil }},
		{key: "huge", path: "f2", size: int64(len(long)), json: func() ([]byte, error) { return nil, errors.New("must not be read") }},
		{key: "last", path: "f3", size: 5, json: func() ([]byte, error) { return []byte(`["b"]`), nil }},
	}
	full, slim, err := fillLists(base, lists)
	require.NoError(t, err)
	assert.JSONEq(t, `{"z":1,"a":null,"first":["a"],"last":["b"],"lists_in_files":{"huge":"f2"}}`, string(full))
	assert.True(t, strings.HasPrefix(string(full), `{"z":1,"a":null,"first"`))
	assert.JSONEq(t, `{"z":1,"a":null,"lists_in_files":{"first":"f1","huge":"f2","last":"f3"}}`, string(slim))

	full, _, err = fillLists(base, nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"z":1,"a":null}`, string(full))
}

func TestRoundedAsPythonRounds(t *testing.T) {
	for _, c := range []struct {
		in       float64
		decimals int
		want     float64
	}{{2.675, 2, 2.67}, {0.125, 2, 0.12}, {0.9995, 3, 1}, {1.0 / 3, 3, 0.333}, {20, 2, 20}} {
		assert.InDelta(t, c.want, rounded(c.in, c.decimals), 1e-12, "%v", c.in)
	}
}

func TestClassesAreCountedInOrderAndBounded(t *testing.T) {
	var c classCounts
	for _, name := range []string{"b", "a", "a", "c", "b", "a", `"quoted"`} {
		c.add([]byte(name))
	}
	for _, one := range []struct {
		most, bytes int
		want        string
	}{{10, 100, `{"a":3,"b":2,"c":1,"\"quoted\"":1}`}, {2, 100, `{"a":3,"b":2}`}, {10, 12, `{"a":3,"b":2}`}, {10, 0, `{}`}} {
		text, listed := c.json(one.most, one.bytes)
		assert.Equal(t, one.want, string(text))
		assert.Equal(t, strings.Count(one.want, ":"), listed)
	}
	assert.EqualValues(t, 4, c.distinct())

	var many classCounts
	for i := range countedClasses + 10 {
		many.add([]byte(thousands(int64(i))))
	}
	var w warnings
	meta := &object{}
	many.describe(meta, &w)
	var got struct {
		Distribution map[string]int `json:"class_distribution"`
		Classes      int            `json:"num_classes"`
		File         string         `json:"class_distribution_file"`
	}
	require.NoError(t, json.Unmarshal(meta.bytes(), &got))
	assert.Len(t, got.Distribution, metadataClasses)
	assert.Equal(t, countedClasses, got.Classes)
	assert.Equal(t, identityPath, got.File)
	require.Len(t, w.final(), 2)
	assert.Contains(t, w.final()[1].Message, "10 labels")

	var long classCounts
	for i := range 20 {
		long.add(fmt.Appendf(nil, "%d%s", i, strings.Repeat("x", 1<<20)))
	}
	assert.EqualValues(t, 15, long.distinct(), "as many as fit into 16 MB")
	text, listed := long.json(metadataClasses, metadataClassBytes)
	assert.Equal(t, "{}", string(text))
	assert.Zero(t, listed)
}

func TestFactsThatAreTooLargeForTheMetadataAreInFiles(t *testing.T) {
	spool, err := artifact.NewSpool(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = spool.Close() })
	c := &collector{spool: spool, files: new(artifact.Files)}
	info := `{"notes":"` + strings.Repeat("x", 3<<20) + `"}`
	targets := `{"mask":"` + strings.Repeat("y", 2<<20) + `"}`
	meta := &object{}
	large, err := c.describe(meta, Dataset{InfoJSON: info, MaskTargetsJSON: targets, DefaultClassesJSON: `["a"]`})
	require.NoError(t, err)
	ids := list{key: "sample_ids", path: "ids", size: 4, json: func() ([]byte, error) { return []byte(`["i"]`), nil }}
	full, slim, err := fillLists(meta, append([]list{ids}, large...))
	require.NoError(t, err)
	assert.Less(t, len(full), metadataLimit)
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
	meta = &object{}
	full, _, err = fillLists(meta, model.describeModel(meta))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(full), `"model_config"`))
	assert.JSONEq(t, `{"model_name":"m","model_version":null,"predictions_field":"","prompt_field":null,"model_config":`+targets+`}`, string(full))
}

func TestWarningsOfOneAreSentences(t *testing.T) {
	var w warnings
	w.add(errMissing.code, errMissing.rest, "a")
	w.add(errNoCrop.code, errNoCrop.rest, "b")
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
