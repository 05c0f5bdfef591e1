package evaluation_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
)

// document reads one in canonical Extended JSON.
func document(t testing.TB, text []byte) bson.Raw {
	t.Helper()
	var doc bson.D
	if err := bson.UnmarshalExtJSON(text, true, &doc); err != nil {
		t.Fatal(err)
	}
	raw, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func samplesOf(t testing.TB, raw []json.RawMessage) (docs []bson.Raw) {
	t.Helper()
	for _, one := range raw {
		docs = append(docs, document(t, one))
	}
	return docs
}

// without takes keys out of a results text.
func without(t testing.TB, text string, keys ...string) evaluation.Bytes {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		delete(values, k)
	}
	out, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The labels tell the same matches as the results file, and crowds: then average precision at the own IoU is FiftyOne's
// without its sweep.
func TestFieldsTellTheMatches(t *testing.T) {
	g := evaluationtest.Load(t)
	data := g.Datasets["eval_golden"]
	docs := samplesOf(t, data.Samples)
	seen := 0
	for key, run := range data.Runs {
		c := configOf(t, run.Document)
		if c.Type != evaluation.Detection || run.Results == nil {
			continue
		}
		t.Run(key, func(t *testing.T) {
			seen++
			text := without(t, run.Results.Text, "precision", "recall", "recall_sweep", "thresholds")
			file, err := evaluation.Open(context.Background(), text, c)
			if err != nil {
				t.Fatal(err)
			}
			f := evaluation.NewFields(c, "Detections", "Detections", file.Missing())
			changes, crowds := evaluation.NewChanges(c, "Detections"), &evaluation.IDSet{}
			for _, doc := range docs {
				truths, _ := f.Detections(doc.Lookup(c.GTField), doc.Lookup(c.PredField))
				for _, l := range truths {
					if l.Crowd {
						crowds.Add(l.ID)
					}
				}
				f.Matches(changes.Label)
			}
			r, err := file.Report(context.Background(), evaluation.Options{Crowds: crowds, Seen: changes.File})
			if err != nil {
				t.Fatal(err)
			}
			if !changes.Equal() {
				t.Error("the labels tell other matches than the results file")
			}
			want := object(object(g.Evaluations[key]["from_stored_fields"])["AP_at_config_iou_from_fields"])
			if c.Method == "open-images" { // the area, and crowds count
				want = nil
			}
			for _, class := range r.Classes {
				if want != nil {
					sameOrNone(t, class.Name+" own AP", class.OwnAP, want[class.Name])
				}
				if class.AP != nil {
					t.Errorf("%s has AP %v without a sweep", class.Name, *class.AP)
				}
			}
			if _, has := r.Metric(evaluation.MetricMAP); has {
				t.Error("there is a mAP without a sweep")
			}
		})
	}
	if seen != 7 {
		t.Errorf("%d evaluations instead of 7", seen)
	}
}

// A label that was edited, one that was deleted and one whose confidence is another are counted.
func TestChangesAreCounted(t *testing.T) {
	g := evaluationtest.Load(t)
	data := g.Datasets["eval_golden"]
	c := configOf(t, data.Runs["ev"].Document)
	docs := samplesOf(t, data.Samples)
	text := evaluation.Bytes(data.Runs["ev"].Results.Text)
	file, err := evaluation.Open(context.Background(), text, c)
	if err != nil {
		t.Fatal(err)
	}
	count := func(docs []bson.Raw) int64 {
		f := evaluation.NewFields(c, "Detections", "Detections", file.Missing())
		changes := evaluation.NewChanges(c, "Detections")
		scan := func(take func(*evaluation.Match)) {
			for _, doc := range docs {
				f.Detections(doc.Lookup(c.GTField), doc.Lookup(c.PredField))
				f.Matches(take)
			}
		}
		scan(changes.Label)
		if err := file.Matches(context.Background(), nil, changes.File); err != nil {
			t.Fatal(err)
		}
		if changes.Equal() {
			return 0
		}
		d := changes.Difference(nil)
		scan(d.Label)
		if err := file.Matches(context.Background(), nil, d.File); err != nil {
			t.Fatal(err)
		}
		n, err := d.Count(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(docs); n != 0 {
		t.Errorf("%d matches changed, but nobody has changed any", n)
	}
	if n := count(docs[5:]); n != 15 { // 10 true positives, 3 predictions and 2 objects alone
		t.Errorf("%d matches of five deleted samples", n)
	}
	edit := strings.NewReplacer(`"confidence":{"$numberDouble":"0.85"}`, `"confidence":{"$numberDouble":"0.86"}`)
	edited := append([]bson.Raw{}, docs...)
	edited[5] = document(t, []byte(edit.Replace(string(compact(t, data.Samples[5])))))
	if n := count(edited); n != 1 {
		t.Errorf("%d matches for one edited confidence", n)
	}
}

func compact(t testing.TB, text json.RawMessage) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	out, _ := json.Marshal(v)
	return out
}

// Parts of an evaluation have the numbers of FiftyOne's use_subset, but not its mAP, which is the whole's.
func TestSubsets(t *testing.T) {
	g := evaluationtest.Load(t)
	data := g.Datasets["eval_golden"]
	c := configOf(t, data.Runs["ev"].Document)
	c2 := evaluation.Bytes(data.Runs["ev"].Results.Text)
	area := func(l bson.Raw) float64 {
		v, _ := l.Lookup("bounding_box").Array().Values()
		return v[2].Double() * v[3].Double()
	}
	all := func(bson.Raw) bool { return true }
	for name, part := range map[string]struct{ sample, truth func(bson.Raw) bool }{
		"night": {func(d bson.Raw) bool { return d.Lookup("split").StringValue() == "night" }, all},
		"tag": {func(d bson.Raw) bool {
			v, _ := d.Lookup("tags").Array().Values()
			return v[0].StringValue() == "train"
		}, all},
		"good":            {func(d bson.Raw) bool { return d.Lookup("quality").Double() > 0.5 }, all},
		"attribute label": {all, func(l bson.Raw) bool { return l.Lookup("label").StringValue() == "car" }},
		"small":           {all, func(l bson.Raw) bool { return area(l) <= 0.05 }},
	} {
		t.Run(name, func(t *testing.T) {
			s := &evaluation.Subset{}
			for _, doc := range samplesOf(t, data.Samples) {
				if !part.sample(doc) {
					continue
				}
				truth := eachLabel(doc, c.GTField, part.truth, func(l bson.Raw) { s.Truth.Add(l.Lookup("_id").ObjectID()) })
				if name == "attribute label" || name == "small" {
					if truth == 0 { // get_subset_view keeps samples with such labels only
						continue
					}
				}
				eachLabel(doc, c.PredField, all, func(l bson.Raw) {
					if l.Lookup("ev").StringValue() == "fp" {
						s.FalsePositives.Add(l.Lookup("_id").ObjectID())
					}
				})
			}
			r, err := report(c2, c, evaluation.Options{Subset: s})
			if err != nil {
				t.Fatal(err)
			}
			want := g.Subsets[name]
			if r.Matches != int64(want["n_matches"].(float64)) {
				t.Fatalf("%d matches, FiftyOne has %v", r.Matches, want["n_matches"])
			}
			compareReport(t, r, object(want["report"]))
			panel := object(want["panel"])
			delete(panel, "mAP")
			delete(panel, "mAR")
			comparePanel(t, r, map[string]any{"metrics": panel})
			if _, has := r.Metric(evaluation.MetricMAP); has {
				t.Error("a part has no mAP of its own")
			}
			if _, has := r.Metric("mAP_50"); !has {
				t.Error("a part has the average precision at the own IoU")
			}
		})
	}
}

func eachLabel(doc bson.Raw, field string, keep func(bson.Raw) bool, take func(bson.Raw)) (n int) {
	list, ok := doc.Lookup(field, "detections").ArrayOK()
	if !ok {
		return 0
	}
	values, _ := list.Values()
	for _, v := range values {
		if l := v.Document(); keep(l) {
			take(l)
			n++
		}
	}
	return n
}

// Instances that were compared by their masks say where these are.
func TestMaskPathsOfInstances(t *testing.T) {
	for _, useMasks := range []bool{true, false} {
		c := evaluation.Config{Key: "ev", Type: evaluation.Detection, UseMasks: useMasks}
		f := evaluation.NewFields(c, "Detections", "Detections", "")
		truth, pred := f.Paths()
		if slices.Contains(truth, "detections.mask_path") != useMasks || slices.Contains(pred, "detections.mask_path") != useMasks {
			t.Errorf("read are %v and %v", truth, pred)
		}
	}
	_, value, err := bson.MarshalValue(bson.D{{Key: "detections", Value: bson.A{bson.D{{Key: "mask_path", Value: "/m.png"}, {Key: "ev", Value: "tp"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	f := evaluation.NewFields(evaluation.Config{Key: "ev", Type: evaluation.Detection, UseMasks: true}, "Detections", "Detections", "")
	truths, _ := f.Detections(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: value}, bson.RawValue{})
	if len(truths) != 1 || truths[0].MaskPath != "/m.png" {
		t.Errorf("read is %+v", truths)
	}
}
