package evaluation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

var detectionConfig = evaluation.Config{
	Key: "ev", Type: evaluation.Detection, Method: "coco", Class: "fiftyone.utils.eval.coco.COCOEvaluationConfig", IoU: new(float64),
}

const head = `{"cls":"fiftyone.utils.eval.detection.DetectionResults",`

// Damaged files are refused with a sentence, whatever is wrong with them.
func TestDamagedFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                 "",
		"no object":             "[]",
		"cut in a list":         head + `"ytrue":["a","b`,
		"cut behind a value":    head + `"ytrue":["a"],"ypred":["a"]`,
		"more behind the end":   head + `"ytrue":[],"ypred":[]} x`,
		"no labels":             head + `"classes":["a"]}`,
		"lists differ":          head + `"ytrue":["a","b"],"ypred":["a"]}`,
		"a number for a label":  head + `"ytrue":[1],"ypred":["a"]}`,
		"a text for a number":   head + `"ytrue":["a"],"ypred":["a"],"confs":["high"]}`,
		"a word for a number":   head + `"ytrue":["a"],"ypred":["a"],"confs":[NaN]}`,
		"an unknown wrapper":    head + `"ytrue":["a"],"ypred":["a"],"confs":[{"$date":"x"}]}`,
		"a key twice":           head + `"ytrue":["a"],"ytrue":["a"],"ypred":["a"]}`,
		"binary with one class": `{"cls":"fiftyone.utils.eval.detection.DetectionResults","ytrue":}`,
		"curves without IoUs":   head + `"classes":["a"],"ytrue":["a"],"ypred":["a"],"confs":[1],"precision":[[[1]]],"iou_threshs":[]}`,
		"a very long text":      head + `"ytrue":["` + strings.Repeat("a", 2<<20) + `"],"ypred":["a"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := report(evaluation.Bytes(text), detectionConfig, evaluation.Options{})
			if fault.Code(err) != "damaged_results" || !strings.Contains(err.Error(), `"ev"`) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// Results of a user's own classes are refused by their name.
func TestUnknownResults(t *testing.T) {
	_, err := report(evaluation.Bytes(`{"cls":"mine.Results","ytrue":[]}`), detectionConfig, evaluation.Options{})
	if fault.Code(err) != "unknown_evaluation" || !strings.Contains(err.Error(), "mine.Results") {
		t.Errorf("the error is %v", err)
	}
	c := detectionConfig
	if err := c.Check(); fault.Code(err) != "unfinished_evaluation" {
		t.Errorf("without results: %v", err)
	}
}

// slow gives a text in small pieces, or an error in its middle.
type slow struct {
	evaluation.Bytes
	wrap func(io.Reader) io.Reader
}

func (s slow) At(ctx context.Context, offset int64) (io.ReadCloser, error) {
	r, err := s.Bytes.At(ctx, offset)
	return io.NopCloser(s.wrap(r)), err
}

// It does not matter how the bytes arrive, and an error of the database stays one.
func TestReadersOfAllKinds(t *testing.T) {
	g := evaluationtest.Load(t)
	for key, run := range g.Datasets["eval_golden"].Runs {
		if run.Results == nil {
			continue
		}
		c := configOf(t, run.Document)
		text := evaluation.Bytes(run.Results.Text)
		want, err := report(text, c, evaluation.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, wrap := range map[string]func(io.Reader) io.Reader{"one byte": iotest.OneByteReader, "data with EOF": iotest.DataErrReader, "halves": iotest.HalfReader} {
			if got, err := report(slow{text, wrap}, c, evaluation.Options{}); err != nil || fmt.Sprintf("%+v", got.Metrics) != fmt.Sprintf("%+v", want.Metrics) {
				t.Errorf("%s by %s: %v, %v", key, name, got, err)
			}
		}
		lost := errors.New("connection lost")
		wrap := func(r io.Reader) io.Reader { return io.MultiReader(io.LimitReader(r, 500), iotest.ErrReader(lost)) }
		if _, err := report(slow{text, wrap}, c, evaluation.Options{}); !errors.Is(err, lost) || fault.As(err) != nil {
			t.Errorf("%s with a lost connection: %v", key, err)
		}
	}
}

// Names of every kind come through, and NaN counts as 0 in the panel's means.
func TestOddValues(t *testing.T) {
	names := []string{"a.b", "person/x", `qu"ote`, `back\slash`, "日本語", "é\u2028", "", " "}
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	all := strings.Join(quoted, ", ")
	text := "\n{ \"cls\" : \"fiftyone.utils.eval.detection.DetectionResults\" , \"ytrue\":[" + all + "],\r\n\t\"ypred\":[" + all + `],
		"confs":[{"$numberDouble":"NaN"},{"$numberDouble":"Infinity"},null,{"$numberLong":"1"},1e-3,0,-0.0,1],"weights":null,"extra":[{"x":["]\"]","}"]}],
		"classes":[` + all + `],"missing":"(none)","ious":[1,1,1,1,1,1,1,1]}` + "\n"
	r, err := report(evaluation.Bytes(text), detectionConfig, evaluation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range r.Classes {
		if c.Name != names[i] || c.TP != 1 {
			t.Errorf("class %d is %+v", i, c)
		}
	}
	if *r.Classes[0].Confidence != 0 || *r.Classes[3].Confidence != 1 {
		t.Errorf("means %v and %v", *r.Classes[0].Confidence, *r.Classes[3].Confidence)
	}
	if _, has := r.Metric(evaluation.MetricAverageConfidence); has {
		t.Error("an infinite mean is not a number to show")
	}
}

// Millions of predictions are sorted in a scratch file, with the result of sorting them in memory.
func TestSortingOnDisk(t *testing.T) {
	var ytrue, ypred, confs []string
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		ytrue = append(ytrue, []string{`"a"`, `"b"`, `"(none)"`}[r.IntN(3)])
		ypred = append(ypred, []string{`"a"`, `"b"`}[r.IntN(2)])
		confs = append(confs, fmt.Sprint(float64(r.IntN(50))/50))
	}
	text := evaluation.Bytes(head + `"ytrue":[` + strings.Join(ytrue, ",") + `],"ypred":[` + strings.Join(ypred, ",") + `],"confs":[` +
		strings.Join(confs, ",") + `],"classes":["a","b"],"missing":"(none)"}`)
	want, err := report(text, detectionConfig, evaluation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer evaluation.SetChunk(100)()
	got, err := report(text, detectionConfig, evaluation.Options{Scratch: func() (evaluation.Scratch, error) { return os.CreateTemp(t.TempDir(), "") }})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprintf("%+v", got.Curves), fmt.Sprintf("%+v", want.Curves); a != b || *got.Classes[0].OwnAP != *want.Classes[0].OwnAP {
		t.Errorf("on disk %v, in memory %v", a, b)
	}
}

// A cancel ends reading.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := evaluation.Open(ctx, evaluation.Bytes(head+`"ytrue":[],"ypred":[]}`), detectionConfig)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// Whatever the file holds: a report or a fault, in bounded time and without a panic, and the same for every way of arriving.
func FuzzReport(f *testing.F) {
	g := evaluationtest.Load(f)
	configs := map[string]evaluation.Config{}
	for _, run := range g.Datasets["eval_golden"].Runs {
		if run.Results != nil && len(run.Results.Text) < 9_000 {
			c := configOf(f, run.Document)
			configs[string(c.Type)+c.Method] = c
			f.Add([]byte(run.Results.Text))
		}
	}
	f.Add([]byte(head + `"ytrue":["a"],"ypred":["\ud800"],"confs":[1e999],"precision":{"a":[1,0.5]},"recall":{"a":[0,1]},"classes":["a","a"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range configs {
			if !bytes.Contains(text, []byte(c.Type)) { // the class of the results has it in its name
				continue
			}
			r, err := report(evaluation.Bytes(text), c, evaluation.Options{})
			if err != nil {
				if fault.As(err) == nil {
					t.Fatalf("an error without a source: %v", err)
				}
				continue
			}
			again, err := report(slow{bytes.Clone(text), iotest.HalfReader}, c, evaluation.Options{})
			if err != nil || fmt.Sprintf("%v", again.Metrics) != fmt.Sprintf("%v", r.Metrics) {
				t.Fatalf("%v and %v, %v", r.Metrics, again, err)
			}
			for _, cell := range r.Confusion.Cells {
				if cell.Truth >= len(r.Confusion.Labels) || cell.Predicted >= len(r.Confusion.Labels) {
					t.Fatalf("cell %+v of %d labels", cell, len(r.Confusion.Labels))
				}
			}
		}
	})
}
