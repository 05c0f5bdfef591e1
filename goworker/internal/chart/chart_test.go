package chart_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
)

// official is what W&B's client 0.31.0 sent for charts: testdata/official.json.
type official struct {
	Panel json.RawMessage `json:"panel"`
	Path  string          `json:"path"` // it ends with the digest of the table's bytes
	Size  int             `json:"size"`
	Table json.RawMessage `json:"table"`
}

// The same numbers as those that the client was given make the same panel and the same bytes.
func TestChartsAreThoseOfTheOfficialClient(t *testing.T) {
	raw, err := os.ReadFile("testdata/official.json")
	require.NoError(t, err)
	var sent map[string]official
	require.NoError(t, json.Unmarshal(raw, &sent))

	classes := []string{"person", "car", "(none)"}
	cells := []chart.Cell{{0, 0, 1}, {0, 1, 1}, {1, 1, 1}, {1, 2, 1}, {2, 0, 1}}
	roc := chart.ROC("eval/roc", "ROC Curve", "person", []float64{0, 0, 0.333, 0.667, 1}, []float64{0, 0.5, 0.5, 1, 1})
	roc.Rows = append(roc.Rows, chart.ROC("", "", "car", []float64{0, 0, 0.667, 0.667, 1}, []float64{0, 0.5, 0.5, 1, 1}).Rows...)
	roc.Rows = append(roc.Rows, chart.ROC("", "", "(none)", []float64{0, 0.25, 0.5, 0.75, 1}, []float64{0, 0, 0, 1, 1}).Rows...)
	recalls := []float64{1, 0.5, 0}
	curves := chart.PrecisionRecall("eval/pr", "Precision-Recall Curve", []chart.Curve{
		{"person", 2, recalls, []float64{0.5, 1, 1}}, {"car", 2, recalls, []float64{0.5, 1, 1}}, {"(none)", 1, recalls, []float64{0.25, 0.25, 1}},
	})
	assert.Equal(t, "mean", curves.Rows[0][0], "W&B's client has no mean")
	curves.Rows = curves.Rows[3:]
	for key, ours := range map[string]chart.Chart{
		"eval/cm": chart.ConfusionMatrix("eval/cm", "Confusion", classes, "(none)", cells), "eval/pr": curves, "eval/roc": roc,
		"eval/bar": chart.ByClass("eval/bar", "F1", "f1", []chart.Bar{{"person", 2, 0.5}, {"car", 1, 0.25}}),
	} {
		t.Run(key, func(t *testing.T) {
			panel, err := json.Marshal(ours.Panel())
			require.NoError(t, err)
			assert.JSONEq(t, string(sent[key].Panel), string(panel))
			table := ours.TableJSON()
			assert.JSONEq(t, string(sent[key].Table), string(table))
			digest := sha256.Sum256(table)
			assert.Equal(t, sent[key].Path, "media/table/"+ours.TableKey()+"_0_"+hex.EncodeToString(digest[:])[:20]+".table.json")
			assert.Len(t, table, sent[key].Size)
		})
	}
}

func TestNumbersAreWrittenAsPythonDoes(t *testing.T) {
	for want, v := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "3.0": 3, "0.1": 0.1, "0.0001": 1e-4, "1e-05": 1e-5, "1.5e-07": 1.5e-7,
		"1000000000000000.0": 1e15, "1e+16": 1e16, "1.7976931348623157e+308": math.MaxFloat64, "5e-324": 5e-324, "0.30000000000000004": 0.30000000000000004,
	} {
		c := chart.Chart{Columns: []string{"v"}, Rows: [][]any{{v}}}
		assert.Equal(t, `{"columns":["v"],"data":[[`+want+`]]}`, string(c.TableJSON()))
	}
}

func TestTextsOfAnyKind(t *testing.T) {
	classes := []string{"a.b", "person/x", `"quoted"`, "<b>&", "人物", "line\nbreak", "", "\xff"}
	c := chart.ConfusionMatrix("k", "t", classes, "(none)", nil)
	var table struct {
		Columns []string
		Data    [][]any
	}
	require.NoError(t, json.Unmarshal(c.TableJSON(), &table))
	assert.Len(t, table.Data, len(classes)*len(classes))
	for i, class := range classes {
		assert.Equal(t, strings.ToValidUTF8(class, "\ufffd"), table.Data[i][1])
	}
	assert.Contains(t, string(c.TableJSON()), "<b>&")
}

func TestAThousandClassesAreReduced(t *testing.T) {
	classes := make([]string, 1000)
	var cells []chart.Cell
	total := 0.0
	for i := range classes {
		classes[i] = fmt.Sprintf("c%03d", i)
		for _, predicted := range []int{i, (i + 1) % 1000} {
			cells = append(cells, chart.Cell{Truth: i, Predicted: predicted, Count: float64(i)})
			total += float64(i)
		}
	}
	// Nothing is as rare as a missing label here; it is kept all the same.
	classes = append(classes, "(none)", "(other)")
	c := chart.ConfusionMatrix("k", "t", classes, "(none)", cells)
	require.Len(t, c.Rows, chart.MaxRows)
	var shown []string
	sum := 0.0
	for i, row := range c.Rows {
		if i < 100 {
			shown = append(shown, row[1].(string))
		}
		sum += row[2].(float64)
	}
	assert.Equal(t, total, sum, "no count is lost")
	assert.Equal(t, []string{"c902", "c903"}, shown[:2])
	assert.Equal(t, []string{"c999", "(none)", "((other))"}, shown[97:], "a class may be called (other)")

	bars := make([]chart.Bar, 1000)
	curves := make([]chart.Curve, 1000)
	for i := range bars {
		bars[i] = chart.Bar{Class: strconv.Itoa(i), Support: float64(i), Value: 0.5}
		curves[i] = chart.Curve{Class: strconv.Itoa(i), Support: float64(i), Recall: make([]float64, 101), Precision: make([]float64, 101)}
	}
	bar := chart.ByClass("k", "F1", "F1", bars)
	assert.Len(t, bar.Rows, 100)
	assert.Equal(t, []any{"900", 0.5}, bar.Rows[0])
	assert.Equal(t, "F1 (the 100 most frequent of 1000)", bar.Strings["title"])
	lines := chart.PrecisionRecall("k", "t", curves)
	assert.Len(t, lines.Rows, 51*101)
	assert.Equal(t, "950", lines.Rows[101][0])
}

func TestTheMeanIsThatOfAllCurves(t *testing.T) {
	recalls := []float64{0, 0.5, 1}
	curves := []chart.Curve{
		{"mean", 3, recalls, []float64{1, 0.5, 0}}, {"b", 1, recalls, []float64{0, 0.5, 0.5}},
		{"nan", 9, recalls, []float64{1, math.NaN(), 0}}, {"short", 9, recalls, []float64{1}},
	}
	lines := [][]any{
		{"mean", 1.0, 0.0}, {"mean", 0.5, 0.5}, {"mean", 0.0, 1.0}, {"b", 0.0, 0.0}, {"b", 0.5, 0.5}, {"b", 0.5, 1.0},
	}
	mean := [][]any{{"(mean)", 0.5, 0.0}, {"(mean)", 0.5, 0.5}, {"(mean)", 0.25, 1.0}}
	assert.Equal(t, slices.Concat(mean, lines), chart.PrecisionRecall("k", "t", curves).Rows)
	assert.Empty(t, chart.PrecisionRecall("k", "t", nil).Rows)
	assert.Equal(t, lines[:3], chart.PrecisionRecall("k", "t", curves[:1]).Rows, "one line is its own mean")

	// open-images and binary evaluations have the points of each class itself.
	curves[1].Recall = []float64{0.1, 0.2, 0.3}
	assert.Equal(t, "mean", chart.PrecisionRecall("k", "t", curves).Rows[0][0])
	long := make([]float64, 50_000)
	assert.Len(t, chart.PrecisionRecall("k", "t", []chart.Curve{{"yes", 1, long, long}}).Rows, 1000)
}

func TestManyPointsAreThinnedOut(t *testing.T) {
	truth, predicted := make([]float64, 100_001), make([]float64, 100_001)
	for i := range truth {
		truth[i], predicted[i] = float64(i), float64(i)+0.5
	}
	predicted[0] = math.Inf(1)
	c := chart.Residuals("k", "t", truth, predicted)
	assert.Len(t, c.Rows, 4999, "one is not finite")
	assert.Equal(t, []any{100_000.0, 0.5}, c.Rows[4998])
	assert.Equal(t, c.Rows, chart.Residuals("k", "t", truth, predicted).Rows)
	roc := chart.ROC("k", "t", "yes", truth, truth)
	assert.Len(t, roc.Rows, 1000)
	assert.Equal(t, []any{"yes", 0.0, 0.0}, roc.Rows[0])
	assert.Equal(t, []any{"yes", 100_000.0, 100_000.0}, roc.Rows[999])
}

// Whatever the numbers are, a table is JSON, is not cut off by W&B, and a matrix keeps all counts.
func FuzzTablesAreAlwaysJSON(f *testing.F) {
	f.Add(uint64(1), "a\x00(none)\x00(other)", 120)
	f.Add(uint64(2), "\xff\"\\\x00", 3)
	f.Fuzz(func(t *testing.T, seed uint64, names string, n int) {
		random := rand.New(rand.NewPCG(seed, 0))
		var classes []string
		for _, name := range strings.Split(names, "\x00") {
			if !slices.Contains(classes, name) {
				classes = append(classes, name)
			}
		}
		for i := range min(max(n, 0), 300) {
			classes = append(classes, fmt.Sprintf("%s class %d", names, i))
		}
		total := 0.0
		cells := make([]chart.Cell, random.IntN(500))
		for i := range cells {
			cells[i] = chart.Cell{Truth: random.IntN(len(classes)), Predicted: random.IntN(len(classes)), Count: float64(random.IntN(9))}
			total += cells[i].Count
		}
		matrix := chart.ConfusionMatrix("k", "t", classes, classes[0], cells)
		sum := 0.0
		for _, row := range matrix.Rows {
			sum += row[2].(float64)
		}
		assert.Equal(t, total, sum)
		assert.Equal(t, classes[0], matrix.Rows[0][0])
		values := make([]float64, random.IntN(2000))
		bars := make([]chart.Bar, len(values))
		for i := range values {
			values[i] = math.Float64frombits(random.Uint64())
			bars[i] = chart.Bar{Class: classes[i%len(classes)], Support: values[i], Value: values[i]}
		}
		for _, one := range []chart.Chart{matrix, chart.ByClass("k", "t", names, bars), chart.ROC("k", "t", names, values, values), chart.Residuals("k", "t", values, values)} {
			assert.LessOrEqual(t, len(one.Rows), chart.MaxRows)
			assert.True(t, json.Valid(one.TableJSON()), "%s", one.TableJSON())
		}
	})
}
