package standin_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

func TestJudge(t *testing.T) {
	judge, err := standin.NewJudge()
	require.NoError(t, err)
	const find = `query Find($e: String!, $p: String!, $n: Int) { project(name: $p, entityName: $e) { runs(first: $n) { edges { node { id } } } } }`
	const tags = `mutation Tags($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }`
	const spread = `query Spread { project(name: "p", entityName: "e") { run(name: "r") { inputArtifacts { ...page } } } }
		fragment page on ArtifactConnection { totalCount }`
	for name, c := range map[string]struct {
		op, query string
		variables object
		want      string
	}{
		"right":                      {"Find", find, object{"e": "e", "p": "p", "n": 1}, ""},
		"optional left out":          {"Find", find, object{"e": "e", "p": "p"}, ""},
		"optional is null":           {"Find", find, object{"e": "e", "p": "p", "n": nil}, ""},
		"required left out":          {"Find", find, object{"e": "e"}, "must be defined"},
		"required is null":           {"Find", find, object{"e": "e", "p": nil}, "null"},
		"not declared":               {"Find", find, object{"e": "e", "p": "p", "x": 1}, "not declared"},
		"text for a number":          {"Find", find, object{"e": "e", "p": "p", "n": "1"}, "Int"},
		"an input":                   {"Tags", tags, object{"i": object{"tags": []string{"a"}, "config": "{}"}}, ""},
		"unknown field of an input":  {"Tags", tags, object{"i": object{"label": "a"}}, "label"},
		"JSON that is not valid":     {"Tags", tags, object{"i": object{"config": "{"}}, "JSON"},
		"a fragment of another type": {"Spread", spread, nil, "InputArtifactConnection"},
	} {
		body, err := json.Marshal(object{"query": c.query, "variables": c.variables, "operationName": c.op})
		require.NoError(t, err)
		op, err := judge.Check(body)
		assert.Equal(t, c.op, op, name)
		if c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
}
