package lookup_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// library is a stand-in with something to read.
type library struct {
	*wandbtest.Seed
	t      *testing.T
	server *standin.Server
	run    config.RunRef
}

func newLibrary(t *testing.T) *library {
	server, err := standin.New(standin.Options{Dir: t.TempDir(), Teams: []string{"team"}, Forbidden: []string{"strangers"}})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Close() })
	seed := wandbtest.NewSeed(t, wandbtest.Target{BaseURL: server.URL(), APIKey: server.Key(), Project: "p"})
	return &library{Seed: seed, t: t, server: server, run: seed.Run("maker", "the maker", nil)}
}

func (l *library) inputs() config.Inputs {
	return config.Inputs{APIKey: l.server.Key(), BaseURL: l.server.URL(), Project: "p", UserAgent: "fiftyone-wandb-test/1"}
}

// id is an id of 24 digits.
func id(n int) string { return fmt.Sprintf("%024x", n) }

func idLines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(id(i) + "\n")
	}
	return b.String()
}

// read reads an artifact, and gives each list as ids in hexadecimal digits.
func (l *library) read(reference string, lists ...lookup.IDList) (*lookup.ArtifactContent, map[lookup.IDList][]string, error) {
	return l.readJob(lookup.ReadArtifact{Settings: l.inputs(), Reference: reference, Lists: lists})
}

func (l *library) readJob(j lookup.ReadArtifact) (*lookup.ArtifactContent, map[lookup.IDList][]string, error) {
	ids := map[lookup.IDList][]string{}
	content, err := j.Run(l.t.Context(), func(list lookup.IDList, packed []byte) error {
		require.Zero(l.t, len(packed)%12)
		for ; len(packed) > 0; packed = packed[12:] {
			ids[list] = append(ids[list], hex.EncodeToString(packed[:12]))
		}
		return nil
	})
	return content, ids, err
}

var allLists = []lookup.IDList{lookup.IDSamples, lookup.IDLabels, lookup.IDLowConfidence}

func TestReadOurOwnArtifact(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.run, "predictions", "mine", `{"model_name":"m","num_samples":70000,"sample_ids":["not","read"],"lists_in_files":{"label_ids":"fiftyone/label_ids.txt"}}`, map[string]string{
		"fiftyone/sample_ids.txt": idLines(0, 70_000), "fiftyone/label_ids.txt": idLines(5, 8), "fiftyone/low_confidence_label_ids.txt": "",
		"fiftyone/view.json": `[{"_cls":"fiftyone.core.stages.Limit","kwargs":[["limit",3]]}]` + "\n", "fiftyone/metadata.json": "{}",
	})
	content, ids, err := l.read("mine", allLists...)
	require.NoError(t, err)
	assert.Equal(t, allLists, content.Found)
	require.Len(t, ids[lookup.IDSamples], 70_000)
	assert.Equal(t, id(69_999), ids[lookup.IDSamples][69_999])
	assert.Equal(t, []string{id(5), id(6), id(7)}, ids[lookup.IDLabels])
	assert.Empty(t, ids[lookup.IDLowConfidence])
	assert.JSONEq(t, `[{"_cls":"fiftyone.core.stages.Limit","kwargs":[["limit",3]]}]`, content.SerializationJSON)
	assert.JSONEq(t, `{"model_name":"m","num_samples":70000,"lists_in_files":{"label_ids":"fiftyone/label_ids.txt"}}`, content.MetadataJSON)
	assert.EqualValues(t, 70_000, content.Artifact.Samples)
	assert.Equal(t, "m", content.Artifact.ModelName)
	assert.Equal(t, l.server.URL()+"/local-user/p/artifacts/predictions/mine/v0", content.Artifact.URL)
	assert.Equal(t, "the maker", content.CreatedBy.DisplayName)

	_, ids, err = l.read("mine", lookup.IDLabels)
	require.NoError(t, err)
	assert.Len(t, ids, 1, "only what was asked for")
}

// TestReadArtifactOfTheOriginalPlugin: its lists are in the metadata only.
func TestReadArtifactOfTheOriginalPlugin(t *testing.T) {
	l := newLibrary(t)
	meta, err := json.Marshal(map[string]any{
		"fiftyone_dataset_name": "quickstart", "fiftyone_view_size": 2, "num_samples": 2, "is_subset_view": true, "dataset_created_at": nil,
		"view_serialization": []any{map[string]any{"_cls": "fiftyone.core.stages.Take"}}, "sample_ids": []string{id(1), id(2)},
	})
	require.NoError(t, err)
	l.Artifact(l.run, "dataset", "view", string(meta), map[string]string{"samples.table.json": `{"columns":[],"data":[]}`})
	content, ids, err := l.read("view", allLists...)
	require.NoError(t, err)
	assert.Equal(t, []lookup.IDList{lookup.IDSamples}, content.Found)
	assert.Equal(t, []string{id(1), id(2)}, ids[lookup.IDSamples])
	assert.JSONEq(t, `[{"_cls":"fiftyone.core.stages.Take"}]`, content.SerializationJSON)
	assert.JSONEq(t, `{"fiftyone_dataset_name":"quickstart","fiftyone_view_size":2,"num_samples":2,"is_subset_view":true,"dataset_created_at":null}`, content.MetadataJSON)
	assert.Equal(t, "quickstart", content.Artifact.DatasetName)

	l.Artifact(l.run, "predictions", "preds", fmt.Sprintf(`{"model_name":"yolo","model_version":null,"model_config":{"sample_ids":1},"predictions_field":"pred",
		"sample_ids":[%q],"label_ids":[%q,%q],"low_confidence_label_ids":[%q],"num_samples":1}`, id(1), id(3), id(4), id(4)), map[string]string{"predictions.table.json": "{}"})
	content, ids, err = l.read("preds:v0", allLists...)
	require.NoError(t, err)
	assert.Equal(t, allLists, content.Found)
	assert.Equal(t, []string{id(3), id(4)}, ids[lookup.IDLabels])
	assert.Equal(t, []string{id(4)}, ids[lookup.IDLowConfidence])
	assert.Equal(t, []string{"yolo", "pred"}, []string{content.Artifact.ModelName, content.Artifact.PredictionsField})
	assert.Contains(t, content.MetadataJSON, `{"sample_ids":1}`, "only at the top")

	// Stages as a text, and samples in their file alone.
	l.Artifact(l.run, "dataset", "references", `{"view_serialization":"[{\"_cls\":\"x\"}]"}`, map[string]string{
		"sample_references.json": fmt.Sprintf("[\n  {\n    \"id\": %q,\n    \"filepath\": \"/a\",\n    \"tags\": []\n  },\n  {\"id\": %q}\n]\n", id(7), id(8)),
	})
	content, ids, err = l.read("references", allLists...)
	require.NoError(t, err)
	assert.Equal(t, []string{id(7), id(8)}, ids[lookup.IDSamples])
	assert.Equal(t, []lookup.IDList{lookup.IDSamples}, content.Found)
	assert.JSONEq(t, `[{"_cls":"x"}]`, content.SerializationJSON)

	l.Artifact(l.run, "model", "weights", "", map[string]string{"weights.pt": "w"})
	content, ids, err = l.read("weights", allLists...)
	require.NoError(t, err)
	assert.Empty(t, content.Found)
	assert.Empty(t, ids)
	assert.Equal(t, "{}", content.MetadataJSON)
	assert.Empty(t, content.SerializationJSON)
}

// TestHostileArtifacts: whoever can write to a project can put anything into one.
func TestHostileArtifacts(t *testing.T) {
	l := newLibrary(t)
	const ids, refs, view = "fiftyone/sample_ids.txt", "sample_references.json", "fiftyone/view.json"
	for name, c := range map[string]struct{ metadata, path, content string }{
		"no ids":              {"{}", ids, strings.Repeat("x", 25)},
		"words between":       {"{}", ids, id(1) + "\n" + "; drop table samples ---\n"},
		"short lines":         {"{}", ids, "0123\n"},
		"long lines":          {"{}", ids, id(1) + "0\n"},
		"no end":              {"{}", ids, id(1) + "\n" + id(2)[:20]},
		"windows lines":       {"{}", ids, id(1) + "\r\n"},
		"html":                {"{}", ids, "<html></html>"},
		"zeros":               {"{}", ids, strings.Repeat("\x00", 250)},
		"numbers in metadata": {`{"sample_ids":[1]}`, "f", ""},
		"nested in metadata":  {`{"sample_ids":[["` + id(1) + `"]]}`, "f", ""},
		"objects in metadata": {`{"sample_ids":[{"$where":"1"}]}`, "f", ""},
		"null in metadata":    {`{"sample_ids":[null]}`, "f", ""},
		"text in metadata":    {`{"sample_ids":["` + id(1) + `","../../etc/passwd"]}`, "f", ""},
		"references object":   {"{}", refs, `{"id":"` + id(1) + `"}`},
		"references numbers":  {"{}", refs, `[{"id":5}]`},
		"references broken":   {"{}", refs, `[{"id":"` + id(1) + `"},`},
		"references empty":    {"{}", refs, ``},
		"references deep":     {"{}", refs, `[{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}]`},
		"references huge":     {"{}", refs, `[{"x":"` + strings.Repeat("x", 5<<20) + `"}]`},
		"deep stages":         {"{}", view, strings.Repeat("[", 5000) + strings.Repeat("]", 5000)},
		"stages of no text":   {"{}", view, "[\"\xff\"]"},
	} {
		t.Run(name, func(t *testing.T) {
			artifact := strings.ReplaceAll(name, " ", "_")
			l.Artifact(l.run, "dataset", artifact, c.metadata, map[string]string{c.path: c.content})
			_, _, err := l.read(artifact, lookup.IDSamples)
			require.Error(t, err)
			assert.Equal(t, "bad_artifact", fault.Code(err), "%v", err)
			assert.Equal(t, fault.WandB, fault.As(err).Source)
			assert.Less(t, len(err.Error()), 300)
		})
	}
	// What is only useless is not there.
	for name, content := range map[string]string{"object": `{"a":1}`, "nothing": "", "null": "null", "broken": "[{", "text": `"no stages"`} {
		l.Artifact(l.run, "dataset", "useless_"+name, "{}", map[string]string{view: content})
		read, _, err := l.read("useless_" + name)
		require.NoError(t, err, name)
		assert.Empty(t, read.SerializationJSON, name)
	}
}

func TestMetadataIsBounded(t *testing.T) {
	l := newLibrary(t)
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	l.Artifact(l.run, "dataset", "view", `{"num_samples":3,"large":"`+strings.Repeat("x", 2<<20)+`","deep":`+deep+`,"last":true}`, map[string]string{"f": ""})
	content, _, err := l.read("view")
	require.NoError(t, err)
	assert.JSONEq(t, `{"num_samples":3,"last":true,"values_left_out":["deep","large"]}`, content.MetadataJSON)

	var many []string
	for i := range 90 {
		many = append(many, fmt.Sprintf(`"%s%d":"%s"`, strings.Repeat("k", 20_000), i, strings.Repeat("v", 20_000)))
	}
	l.Artifact(l.run, "dataset", "many", "{"+strings.Join(many, ",")+"}", map[string]string{"f": ""})
	content, _, err = l.read("many")
	require.NoError(t, err)
	assert.True(t, json.Valid([]byte(content.MetadataJSON)))
	assert.Less(t, len(content.MetadataJSON), 1<<20)
}

func TestRecordTheUserOfAnArtifact(t *testing.T) {
	l := newLibrary(t)
	v := l.Artifact(l.run, "dataset", "view", "{}", map[string]string{"fiftyone/sample_ids.txt": idLines(0, 3)})
	bad := l.Artifact(l.run, "dataset", "bad", "{}", map[string]string{"fiftyone/sample_ids.txt": "x"})
	training := l.Run("training", "", nil)
	inputs := func(run string) []string {
		for _, r := range l.server.State().Runs {
			if r.Name == run {
				return r.Inputs
			}
		}
		return nil
	}
	_, _, err := l.readJob(lookup.ReadArtifact{Settings: l.inputs(), Reference: "bad", Lists: allLists, UsedByRun: "training"})
	require.Error(t, err)
	assert.Empty(t, inputs("training"), "what could not be read was not used: %s", bad.ID)
	for range 2 {
		content, _, err := l.readJob(lookup.ReadArtifact{Settings: l.inputs(), Reference: "view", UsedByRun: "training"})
		require.NoError(t, err)
		assert.Equal(t, "view", content.Artifact.Name)
	}
	assert.Equal(t, []string{v.ID}, inputs("training"))
	content, _, err := l.read("view")
	require.NoError(t, err)
	require.Len(t, content.UsedBy, 1)
	assert.Equal(t, training, content.UsedBy[0].RunRef)

	_, _, err = l.readJob(lookup.ReadArtifact{Settings: l.inputs(), Reference: "view", UsedByRun: "maker"})
	require.NoError(t, err)
	assert.Empty(t, inputs("maker"), "the run that made it")
	_, _, err = l.readJob(lookup.ReadArtifact{Settings: l.inputs(), Reference: "view", UsedByRun: "none"})
	assert.Equal(t, "not_found", fault.Code(err))
	_, _, err = l.readJob(lookup.ReadArtifact{Settings: l.inputs(), Reference: "view", UsedByRun: "a/b"})
	assert.Equal(t, "bad_name", fault.Code(err))

	// The run that is active in the caller's Python may be in another project.
	other := config.RunRef{Entity: "team", Project: "q", ID: "mine"}
	_, err = l.Client.CreateRun(t.Context(), wandb.RunSpec{RunRef: other})
	require.NoError(t, err)
	in := l.inputs()
	in.ActiveRun = &config.ActiveRun{Entity: "team", Project: "q", RunID: "mine", BaseURL: l.server.URL()}
	_, _, err = l.readJob(lookup.ReadArtifact{Settings: in, Reference: "view", UsedByRun: "mine"})
	require.NoError(t, err)
	assert.Equal(t, []string{v.ID}, inputs("mine"))
}

func TestReadingIsCancelled(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.run, "dataset", "view", "{}", map[string]string{"fiftyone/sample_ids.txt": idLines(0, 200_000)})
	for kind, match := range map[string]string{standin.KindGraphQL: "", standin.KindDownload: ""} {
		require.NoError(t, l.server.AddFault(standin.Fault{Kind: kind, Match: match, Mode: standin.ModeHang, Count: -1}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := lookup.ReadArtifact{Settings: l.inputs(), Reference: "view", Lists: allLists}.Run(ctx, func(lookup.IDList, []byte) error { return nil })
		assert.ErrorIs(t, err, context.DeadlineExceeded, kind)
		_, err = lookup.List{Settings: l.inputs(), Kind: lookup.Runs}.Run(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded, kind)
		_, err = lookup.ReadRun{Settings: l.inputs(), Reference: "maker"}.Run(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded, kind)
		cancel()
		l.server.ClearFaults()
	}
	// Nobody listens any more: the error of the receiver ends the job.
	gone := fmt.Errorf("nobody listens")
	_, err := lookup.ReadArtifact{Settings: l.inputs(), Reference: "view", Lists: allLists}.Run(t.Context(), func(lookup.IDList, []byte) error { return gone })
	assert.ErrorIs(t, err, gone)
}
