package evaluation

import (
	"bytes"
	"encoding/hex"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// lists are the names of the lists of FiftyOne's label classes.
var lists = map[string]string{
	"Detections": "detections", "TemporalDetections": "detections", "Polylines": "polylines", "Keypoints": "keypoints",
	"Classifications": "classifications",
}

// maskPath is the field of a label whose mask is a file.
const maskPath = "mask_path"

// Outcome is what an evaluation says of one label.
type Outcome uint8

// The outcomes of a label; Unevaluated are those that it did not look at, or that were added since.
const (
	Unevaluated Outcome = iota
	TruePositive
	FalsePositive
	FalseNegative
)

// Label is one label as its document has it.
type Label struct {
	ID      bson.ObjectID
	Name    string // empty for none
	Outcome Outcome
	// Other is the id of the label of the other side that it was matched with.
	Other      bson.ObjectID
	HasOther   bool
	IoU        float64
	HasIoU     bool
	Confidence float64
	// HasConfidence is false where it is unset. NaN counts as set.
	HasConfidence bool
	Crowd         bool
	// MaskPath is the file of its mask, where masks were evaluated; empty for none.
	MaskPath string
}

// Fields reads the labels of documents as one evaluation left them.
type Fields struct {
	config        Config
	key, id, iou  string
	crowd         string
	truthList     string
	predList      string
	truths, preds []Label
	missing       string
	names         map[string]string // interned
}

// NewFields prepares for documents of the given label classes, such as "Detections". Missing is the file's.
func NewFields(c Config, truthType, predType, missing string) *Fields {
	return &Fields{
		config: c, key: c.Key, id: c.Key + "_id", iou: c.Key + "_iou", crowd: c.IsCrowd, missing: missing,
		truthList: lists[truthType], predList: lists[predType], names: map[string]string{},
	}
}

// Paths are what is needed of each document below the field of the ground truth, and below that of the predictions.
func (f *Fields) Paths() (truth, pred []string) {
	switch f.config.Type {
	case Regression:
		return []string{"value"}, []string{"value", "confidence"}
	case Segmentation:
		return []string{"_id", maskPath}, []string{"_id", maskPath}
	case Classification:
		return []string{"_id", "label"}, []string{"_id", "label", "confidence"}
	}
	for _, p := range []string{"_id", "label", f.key, f.id, f.iou} {
		truth, pred = append(truth, f.truthList+"."+p), append(pred, f.predList+"."+p)
	}
	pred = append(pred, f.predList+".confidence")
	if f.config.UseMasks {
		truth, pred = append(truth, f.truthList+"."+maskPath), append(pred, f.predList+"."+maskPath)
	}
	if f.crowd != "" {
		truth = append(truth, f.truthList+"."+f.crowd, f.truthList+".attributes."+f.crowd+".value")
	}
	return truth, pred
}

// Detections reads the labels of a document or frame. What it gives is valid until the next call.
func (f *Fields) Detections(truth, pred bson.RawValue) (truths, preds []Label) {
	f.truths = f.read(f.truths[:0], truth, f.truthList)
	f.preds = f.read(f.preds[:0], pred, f.predList)
	return f.truths, f.preds
}

// One reads a single label.
func (f *Fields) One(v bson.RawValue) (l Label, ok bool) {
	doc, ok := bsoncore.Value{Type: bsoncore.Type(v.Type), Data: v.Value}.DocumentOK()
	if ok {
		l = f.label(doc)
	}
	return l, ok
}

func (f *Fields) read(to []Label, v bson.RawValue, list string) []Label {
	doc, ok := v.DocumentOK()
	if !ok {
		return to
	}
	values, ok := doc.Lookup(list).ArrayOK()
	if !ok {
		return to
	}
	rest := []byte(values)
	if len(rest) < 5 {
		return to
	}
	rest = rest[4 : len(rest)-1]
	for len(rest) > 0 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			break
		}
		rest = after
		if one, ok := element.Value().DocumentOK(); ok {
			to = append(to, f.label(one))
		}
	}
	return to
}

// label reads a label's document.
func (f *Fields) label(doc bsoncore.Document) (l Label) {
	if len(doc) < 5 {
		return l
	}
	rest := []byte(doc[4 : len(doc)-1])
	for len(rest) > 0 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return l
		}
		rest = after
		key, err := element.KeyBytesErr()
		if err != nil {
			return l
		}
		v := element.Value()
		switch string(key) {
		case "_id":
			if id, ok := v.ObjectIDOK(); ok {
				l.ID = bson.ObjectID(id)
			}
		case "label":
			l.Name = f.intern(v)
		case "confidence":
			l.Confidence, l.HasConfidence = confidenceOf(v)
		case f.key:
			l.Outcome = outcome(v)
		case f.id:
			l.Other, l.HasOther = hexOf(v)
		case f.iou:
			l.IoU, l.HasIoU = numberOf(v)
		case maskPath:
			l.MaskPath, _ = v.StringValueOK()
		case f.crowd:
			l.Crowd = l.Crowd || truthy(v)
		case "attributes":
			if d, ok := v.DocumentOK(); ok && f.crowd != "" {
				l.Crowd = l.Crowd || truthy(d.Lookup(f.crowd, "value"))
			}
		}
	}
	return l
}

// intern reads a text that many labels share.
func (f *Fields) intern(v bsoncore.Value) string {
	if v.Type != bsoncore.TypeString || len(v.Data) < 5 {
		return ""
	}
	raw := v.Data[4 : len(v.Data)-1]
	if s, ok := f.names[string(raw)]; ok {
		return s
	}
	s := string(raw)
	if len(f.names) < mostNames {
		f.names[s] = s
	}
	return s
}

func outcome(v bsoncore.Value) Outcome {
	text, _ := v.StringValueOK()
	switch text {
	case "tp":
		return TruePositive
	case "fp":
		return FalsePositive
	case "fn":
		return FalseNegative
	}
	return Unevaluated
}

func hexOf(v bsoncore.Value) (id bson.ObjectID, ok bool) {
	text, _ := v.StringValueOK()
	if len(text) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

func numberOf(v bsoncore.Value) (float64, bool) { return v.AsFloat64OK() }

// confidenceOf is a number, or the mean of a list's numbers, as FiftyOne takes it for keypoints.
func confidenceOf(v bsoncore.Value) (float64, bool) {
	list, ok := v.ArrayOK()
	if !ok {
		return numberOf(v)
	}
	values, _ := list.Values()
	sum, n := 0.0, 0
	for _, one := range values {
		if x, ok := numberOf(one); ok && !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	return sum / float64(n), len(values) > 0
}

// truthy is Python's bool of a value.
func truthy(v bsoncore.Value) bool {
	if b, ok := v.BooleanOK(); ok {
		return b
	}
	if x, ok := numberOf(v); ok {
		return x != 0
	}
	text, ok := v.StringValueOK()
	return ok && text != ""
}

// Matches gives what was matched in a document, as the results file has it: pairs, predictions alone, and ground truth
// alone. It goes by what Detections has read.
func (f *Fields) Matches(take func(*Match)) {
	var m Match
	for i := range f.preds {
		p := &f.preds[i]
		if p.Outcome == Unevaluated {
			continue
		}
		m = Match{Predicted: f.name(p.Name), PredictedID: string(p.ID[:]), Confidence: p.Confidence, HasConfidence: p.HasConfidence}
		if p.HasOther {
			m.TruthID = string(p.Other[:])
			if t := f.Truth(p.Other); t != nil {
				if f.config.Method == "open-images" && t.Other != p.ID {
					continue // of a crowd, which counts once
				}
				m.Truth = f.name(t.Name)
			} else if p.Outcome == TruePositive {
				continue // its partner is not in the view
			} else {
				m.Truth = elsewhere
			}
		}
		take(&m)
	}
	for i := range f.truths {
		if t := &f.truths[i]; t.Outcome == FalseNegative && !t.HasOther {
			m = Match{Truth: f.name(t.Name), TruthID: string(t.ID[:])}
			take(&m)
		}
	}
}

// elsewhere stands for the name of a label that the view does not have.
const elsewhere = "\x00"

func (f *Fields) name(label string) string {
	if label == f.missing {
		return ""
	}
	return label
}

// Truth finds a ground truth label of the document by its id; nil if it is not there.
func (f *Fields) Truth(id bson.ObjectID) *Label {
	for i := range f.truths {
		if bytes.Equal(f.truths[i].ID[:], id[:]) {
			return &f.truths[i]
		}
	}
	return nil
}
