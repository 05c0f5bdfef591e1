// Package evaluationtest is what FiftyOne stored of some evaluations, and what it said of them, for tests. See its README.
package evaluationtest

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

//go:embed golden.json.gz
var packed []byte

// Golden is golden.json.gz.
type Golden struct {
	Datasets map[string]Dataset `json:"datasets"`
	// Evaluations and Subsets are what FiftyOne says of evaluations and of parts of one, by their names.
	Evaluations map[string]map[string]any `json:"evaluations"`
	Subsets     map[string]map[string]any `json:"subsets_of_ev"`
	// Layouts are small datasets with the other kinds of labels: see Layout.
	Layouts map[string]json.RawMessage `json:"layouts"`
}

// Dataset is a dataset as FiftyOne stored it. Samples and documents are for Document to read.
type Dataset struct {
	Samples []json.RawMessage `json:"samples"`
	Runs    map[string]Run    `json:"runs"`
}

// Run is an evaluation; Results is nil for one that failed.
type Run struct {
	Document json.RawMessage `json:"document"`
	Results  *struct {
		Text string `json:"text"`
	} `json:"results"`
}

// Layout is one of Golden.Layouts.
type Layout struct {
	Samples, Frames []json.RawMessage
	Runs            map[string]LayoutRun
}

// LayoutRun is an evaluation of a Layout.
type LayoutRun struct {
	Config json.RawMessage `json:"config"`
	// Results is the text of the results file, and Expected what FiftyOne says of it.
	Results  string         `json:"results"`
	Expected map[string]any `json:"expected"`
}

// Load reads the file.
func Load(t testing.TB) (g Golden) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Document reads Extended JSON, canonical or relaxed. The file has placeholders for ids, each of which becomes an id of the document's own, and
// for times.
func Document(t testing.TB, text []byte) (doc bson.D) {
	t.Helper()
	clean := strings.NewReplacer(`"<ObjectId>"`, `{"$oid":"`+bson.NewObjectID().Hex()+`"}`, `"<datetime>"`, `{"$date":"2026-11-28T12:00:00Z"}`).Replace(string(text))
	if err := bson.UnmarshalExtJSON([]byte(clean), false, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// Text is the text of the results file. Of large lists the golden file has the size only: then the text lacks them, and IsShort says so.
func (r LayoutRun) Text(t testing.TB) (text []byte, isShort bool) {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.Results), &values); err != nil {
		t.Fatal(err)
	}
	if isShort = strings.HasPrefix(string(values["precision"]), `"`); isShort {
		for _, k := range []string{"precision", "recall", "thresholds"} {
			delete(values, k)
		}
	}
	delete(values, "classwise_AP")
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return text, isShort
}
