package evaluation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

var errLost = errors.New("the connection was lost")

// failing is a text whose connection is lost when so many bytes were read, by all readers together.
type failing struct {
	evaluation.Bytes
	left   *int
	atOnce int // bytes of a reading
}

func (f failing) At(ctx context.Context, offset int64) (io.ReadCloser, error) {
	if *f.left <= 0 {
		return nil, errLost
	}
	r, err := f.Bytes.At(ctx, offset)
	return failingReader{r, f}, err
}

type failingReader struct {
	io.ReadCloser
	of failing
}

func (r failingReader) Read(p []byte) (int, error) {
	if *r.of.left <= 0 {
		return 0, errLost
	}
	n, err := r.ReadCloser.Read(p[:min(len(p), r.of.atOnce, *r.of.left)])
	*r.of.left -= n
	return n, err
}

// goldenRun is an evaluation of the golden file that has results.
type goldenRun struct {
	text   evaluation.Bytes
	config evaluation.Config
}

func goldenRuns(t *testing.T) map[string]goldenRun {
	runs := map[string]goldenRun{}
	for key, run := range evaluationtest.Load(t).Datasets["eval_golden"].Runs {
		if run.Results != nil {
			runs[key] = goldenRun{evaluation.Bytes(run.Results.Text), configOf(t, run.Document)}
		}
	}
	return runs
}

// numbers are what is read of a text, in words.
func (r goldenRun) numbers(t *testing.T, text evaluation.Text) (string, error) {
	got, err := report(text, r.config, evaluation.Options{
		Seen: func(*evaluation.Match) {}, Scratch: func() (evaluation.Scratch, error) { return os.CreateTemp(t.TempDir(), "") }})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%v %+v %+v", got.Metrics, got.Curves, got.Confusion), nil
}

// checkLost: an error of the database is told as it is, and neither taken for the end of a list nor for a damaged file. There is none only
// where what was lost was not needed.
func checkLost(t *testing.T, what, want, got string, err error) {
	t.Helper()
	if err == nil && got != want {
		t.Errorf("%s: other numbers", what)
	}
	if err != nil && (!errors.Is(err, errLost) || fault.As(err) != nil) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestAConnectionThatIsLostAnywhere(t *testing.T) {
	for key, run := range goldenRuns(t) {
		const enough = 1 << 30
		left, atOnce, step := enough, 1, 30
		if len(run.text) > 10_000 {
			atOnce, step = 100, len(run.text)/20
		}
		want, err := run.numbers(t, failing{run.text, &left, atOnce})
		if err != nil {
			t.Fatal(key, err)
		}
		all := enough - left
		for most := 0; most < all; most += step {
			left = most
			got, err := run.numbers(t, failing{run.text, &left, atOnce})
			checkLost(t, fmt.Sprintf("%s, lost after %d of %d bytes", key, most, all), want, got, err)
		}
	}
}

// holed is a text of which one value cannot be read, when its place is known.
type holed struct {
	evaluation.Bytes
	key string
	// until is up to which byte it can be read; empty for not at all.
	until string
}

func (h holed) At(ctx context.Context, offset int64) (io.ReadCloser, error) {
	if !bytes.HasSuffix(bytes.TrimRight(h.Bytes[:offset], ": "), []byte(strconv.Quote(h.key))) {
		return h.Bytes.At(ctx, offset)
	}
	if h.until == "" {
		return nil, errLost
	}
	begun, _, _ := bytes.Cut(h.Bytes[offset:], []byte(h.until))
	return io.NopCloser(io.MultiReader(bytes.NewReader(begun), iotest.ErrReader(errLost))), nil
}

func TestAConnectionThatIsLostInAValue(t *testing.T) {
	for name, run := range goldenRuns(t) {
		want, err := run.numbers(t, run.text)
		if err != nil {
			t.Fatal(name, err)
		}
		var values map[string]json.RawMessage
		if err := json.Unmarshal(run.text, &values); err != nil {
			t.Fatal(err)
		}
		for key := range values {
			for _, until := range []string{"", "[", "{", ",", ":"} {
				got, err := run.numbers(t, holed{run.text, key, until})
				checkLost(t, name+", "+key+" until "+until, want, got, err)
			}
		}
	}
}

// TestListsThatDoNotFit are refused, whatever the kind of the evaluation, with what is wrong with them.
func TestListsThatDoNotFit(t *testing.T) {
	classes := func(cls, rest string) string { return `{"cls":"fiftyone.utils.eval.` + cls + `",` + rest + `}` }
	labels := `"ytrue":["a"],"ypred":["a"],"confs":[0.5],"classes":["a"],"iou_threshs":[0.5],`
	matrix := `"classes":["a"],"missing":"(none)","ytrue":null,`
	for name, one := range map[string]struct {
		kind  evaluation.Type
		text  string
		words string
	}{
		"more curves than IoUs":    {evaluation.Detection, classes("coco.COCODetectionResults", labels+`"precision":[[[1]],[[1]]]`), "more curves than IoUs"},
		"fewer curves than IoUs":   {evaluation.Detection, classes("coco.COCODetectionResults", labels+`"precision":[]`), "0 curves for 1 IoUs"},
		"more curves than classes": {evaluation.Detection, classes("coco.COCODetectionResults", labels+`"precision":[[[1],[1]]]`), "more curves than classes"},
		"an empty curve":           {evaluation.Detection, classes("coco.COCODetectionResults", labels+`"precision":[[[]]]`), "without points"},
		"more areas than IoUs": {evaluation.Detection, classes("activitynet.ActivityNetDetectionResults", labels+`"precision":[[[1]]],"classwise_AP":[[1],[1]]`),
			"more average precisions than IoUs"},
		"more areas than classes": {evaluation.Detection, classes("activitynet.ActivityNetDetectionResults", labels+`"precision":[[[1]]],"classwise_AP":[[1,1]]`), "more than 1 numbers"},
		"curves of other classes": {evaluation.Detection, classes("openimages.OpenImagesDetectionResults", labels+`"precision":{"a":[1]},"recall":{"b":[1]}`), "of different classes"},
		"curves of fewer classes": {evaluation.Detection, classes("openimages.OpenImagesDetectionResults", labels+`"precision":{"a":[1]},"recall":{}`), "of different classes"},
		"curves of other lengths": {evaluation.Detection, classes("openimages.OpenImagesDetectionResults", labels+`"precision":{"a":[1]},"recall":{"a":[]}`), "differ in length"},
		"values without truth":    {evaluation.Regression, classes("regression.RegressionResults", `"ypred":[1]`), "lacks the values"},
		"more values":             {evaluation.Regression, classes("regression.RegressionResults", `"ytrue":[1],"ypred":[1,2]`), "differ in number"},
		"fewer ids":               {evaluation.Regression, classes("regression.RegressionResults", `"ytrue":[1,2],"ypred":[1,2],"ids":["000000000000000000000001"]`), "fewer ids"},
		"a larger matrix": {evaluation.Segmentation, classes("segmentation.SegmentationResults", matrix+`"pixel_confusion_matrix":[[1,2],[3,4]]`),
			"larger than its list of classes"},
		"custom metrics": {evaluation.Regression, classes("regression.RegressionResults", `"ytrue":[1],"ypred":[1],"custom_metrics":{"a":1}`), "custom metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			c := detectionConfig
			c.Type = one.kind
			_, err := report(evaluation.Bytes(one.text), c, evaluation.Options{Seen: func(*evaluation.Match) {}})
			if fault.Code(err) != "damaged_results" || !strings.Contains(err.Error(), one.words) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
