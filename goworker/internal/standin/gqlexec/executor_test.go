package gqlexec_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

const zoo = `
scalar Big
enum Mood { HAPPY GRUMPY }
interface Animal { name: String! friend: Animal }
type Dog implements Animal { name: String! friend: Animal barks: Boolean! }
type Cat implements Animal { name: String! friend: Animal lives(min: Int = 1): Int mood: Mood }
type Rock { weight: Float }
union Thing = Dog | Cat | Rock
input Food { name: String! amount: Int = 3 tags: [String!] big: Big mood: Mood }
type Bowl { text: String! }
type Query {
  animal(name: String!): Animal
  things: [Thing!]!
  pair: [Animal!]
  broken: Rock!
  maybe: Rock
  echo(text: String, n: Int, food: Food, list: [Int!], on: Boolean, id: ID, f: Float): Bowl
  secret: String
}
type Mutation { feed(input: Food!): Bowl }
`

type dog struct{ name string }

type cat struct{ name string }

// executor serves the zoo; guarded says whether a field was resolved with the guard held.
func executor(t *testing.T) *gqlexec.Executor {
	t.Helper()
	constant := func(v any) gqlexec.Resolver {
		return func(context.Context, any, gqlexec.Args) (any, error) { return v, nil }
	}
	echo := func(_ context.Context, _ any, args gqlexec.Args) (any, error) {
		text, err := json.Marshal(args)
		return gqlexec.Object{"text": string(text)}, err
	}
	e, err := gqlexec.New(zoo, gqlexec.Config{
		Types: map[string]map[string]gqlexec.Resolver{
			"Query": {
				"animal": func(_ context.Context, _ any, args gqlexec.Args) (any, error) {
					switch args["name"] {
					case "Rex":
						return dog{"Rex"}, nil
					case "Tom":
						return cat{"Tom"}, nil
					case "Kraken":
						return nil, &gqlexec.Error{Message: "not at this zoo", Status: 403, Code: "PERMISSION_ERROR"}
					case "":
						return nil, errors.New("no name")
					}
					return nil, nil
				},
				"things": constant([]any{dog{"Rex"}, cat{"Tom"}, gqlexec.Object{"weight": 2.5}}),
				"pair":   constant([]any{dog{"Rex"}, nil}),
				"broken": constant(nil), "maybe": constant((*struct{})(nil)), "echo": echo, "secret": constant(7),
			},
			"Mutation": {"feed": func(_ context.Context, _ any, args gqlexec.Args) (any, error) {
				text, err := json.Marshal(args["input"])
				return gqlexec.Object{"text": string(text)}, err
			}},
			"Dog": {
				"name":   func(_ context.Context, s any, _ gqlexec.Args) (any, error) { return s.(dog).name, nil },
				"friend": constant(cat{"Tom"}), "barks": constant(true),
			},
			"Cat": {
				"name":   func(_ context.Context, s any, _ gqlexec.Args) (any, error) { return s.(cat).name, nil },
				"friend": constant(nil), "lives": func(_ context.Context, _ any, args gqlexec.Args) (any, error) { return 9 * args["min"].(int64), nil },
				"mood": constant("GRUMPY"),
			},
		},
		TypeOf: func(v any) string {
			switch v.(type) {
			case dog:
				return "Dog"
			case cat:
				return "Cat"
			}
			return "Rock"
		},
		Scalars: map[string]func(any) (any, error){"Big": func(v any) (any, error) { return gqlexec.Int64(v) }},
	})
	require.NoError(t, err)
	return e
}

// run gives the data and the errors of a document as JSON.
func run(t *testing.T, query, variables string) (data, failures string, status int) {
	t.Helper()
	e := executor(t)
	op, failed := e.Prepare(query, "")
	result := gqlexec.Result{Errors: failed}
	if op != nil {
		var vars map[string]any
		if variables != "" {
			decoder := json.NewDecoder(strings.NewReader(variables))
			decoder.UseNumber()
			require.NoError(t, decoder.Decode(&vars))
		}
		result = e.Execute(context.Background(), op, vars, &sync.Mutex{})
	}
	text, err := json.Marshal(result.Errors)
	require.NoError(t, err)
	if result.Data != nil {
		require.True(t, json.Valid(result.Data), string(result.Data))
	}
	return string(result.Data), string(text), result.Status()
}

func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct{ query, variables, want string }{
		"alias":           {query: `{ a: animal(name:"Rex") { n: name } b: animal(name:"Tom") { name } }`, want: `{"a":{"n":"Rex"},"b":{"name":"Tom"}}`},
		"typename":        {query: `{ __typename animal(name:"Rex") { __typename } }`, want: `{"__typename":"Query","animal":{"__typename":"Dog"}}`},
		"inline fragment": {query: `{ animal(name:"Tom") { ... on Cat { lives } ... on Dog { barks } ... { name } } }`, want: `{"animal":{"lives":9,"name":"Tom"}}`},
		"union": {
			query: `{ things { __typename ... on Animal { name } ... on Rock { weight } } }`,
			want:  `{"things":[{"__typename":"Dog","name":"Rex"},{"__typename":"Cat","name":"Tom"},{"__typename":"Rock","weight":2.5}]}`,
		},
		"fragment spread": {
			query: `query { animal(name:"Rex") { ...f friend { ...f } } } fragment f on Animal { name ... on Cat { mood } }`,
			want:  `{"animal":{"name":"Rex","friend":{"name":"Tom","mood":"GRUMPY"}}}`,
		},
		"fields are merged": {
			query: `{ animal(name:"Rex") { friend { name } friend { ... on Cat { lives(min: 2) } } name } }`,
			want:  `{"animal":{"friend":{"name":"Tom","lives":18},"name":"Rex"}}`,
		},
		"skip and include": {
			query:     `query($yes: Boolean!, $no: Boolean = false) { animal(name:"Rex") { name @skip(if:$yes) ... on Dog @include(if:$yes) { barks @include(if:$yes) } ... @include(if:$no) { friend { name } } } }`,
			variables: `{"yes":true}`, want: `{"animal":{"barks":true}}`,
		},
		"null":          {query: `{ animal(name:"Nobody") { name } maybe { weight } }`, want: `{"animal":null,"maybe":null}`},
		"default value": {query: `{ echo(food:{name:"x"}) { text } }`, want: `{"echo":{"text":"{\"food\":{\"amount\":3,\"name\":\"x\"}}"}}`},
		"list of one":   {query: `query($l:[Int!]){ echo(list:$l) { text } }`, variables: `{"l":5}`, want: `{"echo":{"text":"{\"list\":[5]}"}}`},
		"absent stays absent, null stays null": {
			query: `query($a:String,$b:String,$c:String="d"){ x: echo(text:$a) { text } y: echo(text:$b) { text } z: echo(text:$c) { text } }`, variables: `{"b":null}`,
			want: `{"x":{"text":"{}"},"y":{"text":"{\"text\":null}"},"z":{"text":"{\"text\":\"d\"}"}}`,
		},
		"big numbers": {query: `query($f:Food){ echo(food:$f) { text } }`, variables: `{"f":{"name":"x","big":9007199254740993}}`, want: `{"echo":{"text":"{\"food\":{\"amount\":3,\"big\":9007199254740993,\"name\":\"x\"}}"}}`},
		"mutation":    {query: `mutation($f:Food!){ feed(input:$f) { text } }`, variables: `{"f":{"name":"x","amount":1}}`, want: `{"feed":{"text":"{\"amount\":1,\"name\":\"x\"}"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			data, failures, status := run(t, test.query, test.variables)
			assert.Equal(t, "null", failures)
			assert.Equal(t, test.want, data)
			assert.Equal(t, 200, status)
		})
	}
}

func TestErrors(t *testing.T) {
	for name, test := range map[string]struct{ query, want, failures string }{
		"a null where none may be goes up to the next that may": {
			query: `{ pair { name } maybe { weight } }`, want: `{"pair":null,"maybe":null}`,
			failures: `[{"message":"the server has no value for a field that must have one","path":["pair",1]}]`,
		},
		"or to the whole":    {query: `{ maybe { weight } broken { weight } }`, want: `null`, failures: `[{"message":"the server has no value for a field that must have one","path":["broken"]}]`},
		"path and code":      {query: `{ x: animal(name:"Kraken") { name } y: animal(name:"Rex") { name } }`, want: `{"x":null,"y":{"name":"Rex"}}`, failures: `[{"extensions":{"code":"PERMISSION_ERROR"},"message":"not at this zoo","path":["x"]}]`},
		"wrong type of leaf": {query: `{ secret }`, want: `{"secret":null}`, failures: `[{"message":"7 is not a value of String","path":["secret"]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			data, failures, _ := run(t, test.query, "")
			assert.Equal(t, test.want, data)
			assert.JSONEq(t, test.failures, failures)
		})
	}
	_, _, status := run(t, `{ x: animal(name:"Kraken") { name } y: animal(name:"") { name } }`, "")
	assert.Equal(t, 500, status, "the worst of the errors")
}

func TestRefusedDocuments(t *testing.T) {
	for name, test := range map[string]struct{ query, variables, want string }{
		"no GraphQL":            {query: `{ animal(`, want: "Expected Name"},
		"unknown field":         {query: `{ animal(name:"x") { wings } }`, want: "wings"},
		"unknown argument":      {query: `{ animal(name:"x", age: 3) { name } }`, want: "age"},
		"missing argument":      {query: `{ animal { name } }`, want: "name"},
		"unknown variable type": {query: `query($x: Unicorn) { animal(name:"x") { name } }`, want: "Unicorn"},
		"unknown input field":   {query: `mutation($f:Food!){ feed(input:$f){text} }`, variables: `{"f":{"name":"x","colour":null}}`, want: "unknown field"},
		"input field missing":   {query: `mutation($f:Food!){ feed(input:$f){text} }`, variables: `{"f":{}}`, want: "must be defined"},
		"variable missing":      {query: `mutation($f:Food!){ feed(input:$f){text} }`, want: "must be defined"},
		"text for Int":          {query: `query($n:Int){ echo(n:$n){text} }`, variables: `{"n":"5"}`, want: "not an Int"},
		"Int too large":         {query: `query($n:Int){ echo(n:$n){text} }`, variables: `{"n":3000000000}`, want: "not an Int"},
		"fraction for Int":      {query: `query($n:Int){ echo(n:$n){text} }`, variables: `{"n":1.5}`, want: "Int"},
		"number for String":     {query: `query($f:Food){ echo(food:$f){text} }`, variables: `{"f":{"name":5}}`, want: "not a String"},
		"literal too large":     {query: `{ echo(n:99999999999999999999){text} }`, want: "99999999999999999999"},
		"enum in other letters": {query: `query($f:Food){ echo(food:$f){text} }`, variables: `{"f":{"name":"x","mood":"happy"}}`, want: "Mood"},
		"own scalar":            {query: `query($f:Food){ echo(food:$f){text} }`, variables: `{"f":{"name":"x","big":"7"}}`, want: "whole number"},
		"null in a list":        {query: `query($l:[Int!]){ echo(list:$l){text} }`, variables: `{"l":[1,null]}`, want: "null"},
		"unused variable":       {query: `query($x:Int){ secret }`, want: "never used"},
		"schema queries":        {query: `{ __schema { types { name } } }`, want: "not served"},
		"two operations":        {query: `query a { secret } query b { secret }`, want: "several operations"},
		"only a fragment":       {query: `fragment f on Cat { name }`, want: "f"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failures, status := run(t, test.query, test.variables)
			assert.Equal(t, 400, status)
			assert.Contains(t, failures, test.want)
		})
	}
}

func TestOperationsAreChosenByName(t *testing.T) {
	e := executor(t)
	op, failures := e.Prepare(`query a { secret } mutation b { feed(input:{name:"x"}) { text } }`, "b")
	require.Nil(t, failures)
	assert.Equal(t, "b", op.Name)
	assert.True(t, op.Mutation)
	_, failures = e.Prepare(`query a { secret }`, "c")
	require.Len(t, failures, 1)
}

// recordingLock notes whether it is held.
type recordingLock struct{ held bool }

func (l *recordingLock) Lock()   { l.held = true }
func (l *recordingLock) Unlock() { l.held = false }

func TestGuardIsHeldButForMutations(t *testing.T) {
	lock := &recordingLock{}
	var inMutation, inPayload, inQuery bool
	note := func(to *bool, v any) gqlexec.Resolver {
		return func(context.Context, any, gqlexec.Args) (any, error) {
			*to = lock.held
			return v, nil
		}
	}
	e, err := gqlexec.New(`type Query { q: Int } type Mutation { m: P } type P { x: Int }`, gqlexec.Config{
		Types: map[string]map[string]gqlexec.Resolver{
			"Query": {"q": note(&inQuery, 1)}, "Mutation": {"m": note(&inMutation, struct{}{})}, "P": {"x": note(&inPayload, 1)},
		},
	})
	require.NoError(t, err)
	for _, document := range []string{`{ q }`, `mutation { m { x } }`} {
		op, failures := e.Prepare(document, "")
		require.Nil(t, failures)
		require.Empty(t, e.Execute(context.Background(), op, nil, lock).Errors)
	}
	assert.True(t, inQuery)
	assert.False(t, inMutation)
	assert.True(t, inPayload)
	assert.False(t, lock.held)
}

func TestSchemaAndResolversMustFit(t *testing.T) {
	nothing := func(context.Context, any, gqlexec.Args) (any, error) { return nil, nil }
	for name, test := range map[string]struct {
		sdl   string
		types map[string]map[string]gqlexec.Resolver
		want  string
	}{
		"no schema":        {sdl: `type Query {`, want: "schema"},
		"unknown type":     {sdl: `type Query { a: Int }`, types: map[string]map[string]gqlexec.Resolver{"Nope": {}}, want: "Nope"},
		"unknown field":    {sdl: `type Query { a: Int }`, types: map[string]map[string]gqlexec.Resolver{"Query": {"a": nothing, "b": nothing}}, want: "b"},
		"missing resolver": {sdl: `type Query { a: Int b: Int }`, types: map[string]map[string]gqlexec.Resolver{"Query": {"a": nothing}}, want: "Query.b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gqlexec.New(test.sdl, gqlexec.Config{Types: test.types})
			assert.ErrorContains(t, err, test.want)
		})
	}
}
