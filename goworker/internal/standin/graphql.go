package standin

import (
	"bytes"
	"context"
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pythonjson"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

//go:embed schema.graphql
var schema string

// newExecutor binds the schema to the resolvers.
func (s *Server) newExecutor() (*gqlexec.Executor, error) {
	types := map[string]map[string]gqlexec.Resolver{
		"Query": s.queryFields(), "Mutation": s.mutationFields(),
		"User": s.userFields(), "Entity": s.entityFields(),
		"Project": s.projectFields(), "Run": s.runFields(), "File": s.fileFields(),
		"ArtifactType": s.artifactTypeFields(), "ArtifactSequence": s.collectionFields(),
		"ArtifactPortfolio": s.portfolioFields(),
		"Artifact":          s.artifactFields(), "ArtifactCollectionMembership": s.membershipFields(),
		"View": s.viewFields(),
	}
	return gqlexec.New(schema, gqlexec.Config{
		Types: types,
		TypeOf: func(value any) string {
			switch v := value.(type) {
			case *run:
				return "Run"
			case person:
				return "User"
			case *collection:
				if v.Links != nil {
					return "ArtifactPortfolio"
				}
				return "ArtifactSequence"
			}
			return ""
		},
		Scalars: scalars,
	})
}

// scalars check the input values of the schema's own scalars.
var scalars = map[string]func(any) (any, error){
	"JSONString": jsonString,
	"Int64":      func(value any) (any, error) { return gqlexec.Int64(value) },
}

// jsonString checks an input value that is to be a JSON document in a string. What uses it
// has to deal with NaN and infinities, which clients write although JSON has none.
func jsonString(value any) (any, error) {
	text, ok := value.(string)
	if !ok || !json.Valid(pythonjson.WithoutNaN([]byte(text))) {
		return nil, errors.New("not a JSON document in a string")
	}
	return text, nil
}

// on makes a resolver of a function on one Go type.
func on[T any](fn func(T) any) gqlexec.Resolver {
	return func(_ context.Context, source any, _ gqlexec.Args) (any, error) { return fn(source.(T)), nil }
}

// with makes a resolver of a function on one Go type that takes arguments.
func with[T any](fn func(T, gqlexec.Args) (any, error)) gqlexec.Resolver {
	return func(_ context.Context, source any, args gqlexec.Args) (any, error) { return fn(source.(T), args) }
}

// root makes a resolver of a function of the query or mutation type.
func root(fn func(gqlexec.Args) (any, error)) gqlexec.Resolver {
	return func(_ context.Context, _ any, args gqlexec.Args) (any, error) { return fn(args) }
}

// mutation makes a resolver of a function that takes the field's input.
func mutation(fn func(input gqlexec.Args) (any, error)) gqlexec.Resolver {
	return func(_ context.Context, _ any, args gqlexec.Args) (any, error) {
		input, _ := args["input"].(map[string]any)
		out, err := fn(input)
		if payload, ok := out.(gqlexec.Object); ok {
			payload["clientMutationId"] = input["clientMutationId"]
		}
		return out, err
	}
}

// constant makes a resolver that always gives the same.
func constant(value any) gqlexec.Resolver {
	return func(context.Context, any, gqlexec.Args) (any, error) { return value, nil }
}

// str is a text argument; empty if it is null or was not given.
func str(args gqlexec.Args, name string) string {
	text, _ := args[name].(string)
	return text
}

// strs is an argument that is a list of texts.
func strs(args gqlexec.Args, name string) []string {
	list, _ := args[name].([]any)
	var out []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// objects is an argument that is a list of input objects.
func objects(args gqlexec.Args, name string) []gqlexec.Args {
	list, _ := args[name].([]any)
	out := make([]gqlexec.Args, len(list))
	for i, item := range list {
		out[i], _ = item.(map[string]any)
	}
	return out
}

// opt gives null for an empty text.
func opt(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// graphqlRequest is the body of a GraphQL request.
type graphqlRequest struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

func (s *Server) graphqlEndpoint(w http.ResponseWriter, r *http.Request) {
	body, err := s.readBody(r, s.limits.Load().MaxBody)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errTooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		s.refuseGraphQL(w, status, err.Error(), "")
		return
	}
	s.stats.graphqlBytes(len(body))
	var req graphqlRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err := decoder.Decode(&req); err != nil || req.Query == "" || media != "application/json" {
		s.refuseGraphQL(w, http.StatusBadRequest, "a GraphQL request is application/json with a query", "")
		return
	}
	op, failures := s.gql.Prepare(req.Query, req.OperationName)
	name := req.OperationName
	var roots []string
	if op != nil {
		name, roots = op.Name, op.Roots()
	}
	s.stats.count(name)
	s.withFaults(w, r, KindGraphQL, name, func(w http.ResponseWriter) {
		switch {
		case failures != nil:
			s.answerGraphQL(w, name, gqlexec.Result{Errors: failures})
		case !s.authorized(r) && slices.Equal(roots, []string{"viewer"}) && !s.behaviour.Load().BadKeyRefused:
			writeJSON(w, http.StatusOK, graphqlAnswer{Data: json.RawMessage(`{"viewer":null}`)})
		case !s.authorized(r):
			s.refuseGraphQL(w, http.StatusUnauthorized, "user is not logged in", "PERMISSION_ERROR", roots...)
		default:
			ctx := context.WithValue(r.Context(), asking{}, r)
			variables := maps.Clone(req.Variables)
			s.answerGraphQL(w, name, s.gql.Execute(ctx, op, variables, s.mu.RLocker()))
		}
	}, roots...)
}

// asking is the key of the request in the context of a resolver.
type asking struct{}

// graphqlAnswer is the body of an answer, the errors first, as W&B writes it.
type graphqlAnswer struct {
	Errors []gqlexec.Failure `json:"errors,omitempty"`
	Data   json.RawMessage   `json:"data,omitempty"`
}

func (s *Server) refuseGraphQL(w http.ResponseWriter, status int, message, code string, roots ...string) {
	s.stats.refused(fmt.Sprintf("graphql: %d: %s", status, message))
	writeJSON(w, status, graphqlErrors(message, code, roots...))
}

func (s *Server) answerGraphQL(w http.ResponseWriter, name string, result gqlexec.Result) {
	if len(result.Errors) > 0 {
		s.stats.refused(fmt.Sprintf("graphql %s: %d: %s", name, result.Status(), result.Errors[0].Message))
	}
	writeJSON(w, result.Status(), graphqlAnswer{result.Errors, result.Data})
}
