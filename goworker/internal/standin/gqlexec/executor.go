// Package gqlexec answers GraphQL documents: it checks them against a schema and
// runs them over plain resolver functions. It knows nothing of what they serve.
package gqlexec

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// cachedDocuments bounds the cache of checked documents; clients send the same few over and over.
const cachedDocuments = 1000

// Args are a field's arguments, coerced and checked: integers are int64, lists
// []any, input objects map[string]any. An argument that was not given is absent.
type Args map[string]any

// Resolver gives the value of one field of source. What it may return: nil, a
// scalar's Go value, a slice of values, an Object, or a value of a type that has
// resolvers of its own.
type Resolver func(ctx context.Context, source any, args Args) (any, error)

// Object is a value without a Go type of its own: its fields by name.
type Object map[string]any

// Config is what an Executor serves.
type Config struct {
	// Types holds the resolvers of each object type by field name. Types that are
	// not here are served from an Object.
	Types map[string]map[string]Resolver
	// TypeOf names the object type of a value where the schema says only an interface or a union.
	TypeOf func(value any) string
	// Scalars check and convert the input values of the schema's own scalars.
	Scalars map[string]func(value any) (any, error)
}

// Executor runs documents against one schema. It is safe for concurrent use.
type Executor struct {
	schema *ast.Schema
	rules  *rules.Rules
	config Config

	mu   sync.Mutex
	docs map[string]*ast.QueryDocument
}

// New reads a schema in GraphQL's definition language. A resolver for a field that the
// schema lacks, and a field that a type's resolvers leave out, are errors.
func New(sdl string, config Config) (*Executor, error) {
	schema, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: sdl})
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	for name, fields := range config.Types {
		def := schema.Types[name]
		if def == nil || def.Kind != ast.Object {
			return nil, fmt.Errorf("the schema has no object type %s", name)
		}
		for field := range fields {
			if def.Fields.ForName(field) == nil {
				return nil, fmt.Errorf("the schema's type %s has no field %s", name, field)
			}
		}
		for _, field := range def.Fields {
			if !isMeta(field.Name) && fields[field.Name] == nil {
				return nil, fmt.Errorf("no resolver for %s.%s", name, field.Name)
			}
		}
	}
	return &Executor{schema: schema, rules: rules.NewDefaultRules(), config: config, docs: map[string]*ast.QueryDocument{}}, nil
}

func isMeta(name string) bool { return len(name) > 1 && name[:2] == "__" }

// Operation is a checked document and the operation of it that is to be run.
type Operation struct {
	// Name is empty for an anonymous operation.
	Name string
	// Mutation tells a mutation from a query.
	Mutation bool

	doc *ast.QueryDocument
	def *ast.OperationDefinition
}

// Prepare parses a document, checks it against the schema and picks the named
// operation, which may be empty where there is only one.
func (e *Executor) Prepare(query, operation string) (*Operation, []Failure) {
	doc, failures := e.document(query)
	if failures != nil {
		return nil, failures
	}
	def := doc.Operations.ForName(operation)
	switch {
	case operation == "" && len(doc.Operations) == 1:
		def = doc.Operations[0]
	case operation == "" && len(doc.Operations) > 1:
		return nil, []Failure{{Message: "the document has several operations: name one", Status: 400}}
	case def == nil:
		return nil, []Failure{{Message: fmt.Sprintf("the document has no operation %q", operation), Status: 400}}
	}
	return &Operation{Name: def.Name, Mutation: def.Operation == ast.Mutation, doc: doc, def: def}, nil
}

// Roots are the fields that an operation asks for first, each once, in their order.
func (o *Operation) Roots() []string {
	var out []string
	for _, selection := range o.def.SelectionSet {
		if f, ok := selection.(*ast.Field); ok && !slices.Contains(out, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

func (e *Executor) document(query string) (*ast.QueryDocument, []Failure) {
	e.mu.Lock()
	doc := e.docs[query]
	e.mu.Unlock()
	if doc != nil {
		return doc, nil
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		return nil, []Failure{{Message: err.Error(), Status: 400}}
	}
	if errs := validator.ValidateWithRules(e.schema, doc, e.rules); len(errs) > 0 {
		return nil, failures(errs)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.docs) >= cachedDocuments {
		clear(e.docs)
	}
	e.docs[query] = doc
	return doc, nil
}

func failures(errs gqlerror.List) []Failure {
	out := make([]Failure, len(errs))
	for i, err := range errs {
		out[i] = Failure{Message: err.Message, Status: 400}
		for _, step := range err.Path {
			out[i].Path = append(out[i].Path, pathStep(step))
		}
	}
	return out
}

func pathStep(step ast.PathElement) any {
	switch step := step.(type) {
	case ast.PathName:
		return string(step)
	case ast.PathIndex:
		return int(step)
	}
	return fmt.Sprint(step)
}

// Execute runs an operation. Guard is held while anything but the fields of the
// mutation type is resolved: those lock for themselves.
func (e *Executor) Execute(ctx context.Context, op *Operation, variables map[string]any, guard sync.Locker) Result {
	vars, err := validator.VariableValues(e.schema, op.def, variables)
	if err != nil {
		return Result{Errors: []Failure{{Message: err.Error(), Status: 400}}}
	}
	root := e.schema.Query
	if op.Mutation {
		root = e.schema.Mutation
	}
	run := &execution{
		Executor: e, ctx: ctx, op: op, vars: vars, guard: guard,
		collected: map[collectKey][]field{}, args: map[*ast.Field]Args{},
	}
	if !op.Mutation {
		guard.Lock()
		defer guard.Unlock()
	}
	if !run.object(root, Object{}, [][]ast.Selection{op.def.SelectionSet}, op.Mutation) {
		run.out.Reset()
		run.out.WriteString("null")
	}
	return Result{Data: run.out.Bytes(), Errors: run.failures}
}
