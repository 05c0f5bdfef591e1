package gqlexec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
)

// execution is one run of one operation. The answer is written while it is
// resolved; a null where none may be cuts the output back to the nearest place
// where one may.
type execution struct {
	*Executor
	ctx   context.Context
	op    *Operation
	vars  map[string]any
	guard sync.Locker

	out       bytes.Buffer
	path      []any
	failures  []Failure
	collected map[collectKey][]field
	args      map[*ast.Field]Args
}

// field is an answer's key with every selection in the document that asks for it.
type field struct {
	key  string
	asts []*ast.Field
}

func (f field) selections() [][]ast.Selection {
	out := make([][]ast.Selection, len(f.asts))
	for i, a := range f.asts {
		out[i] = a.SelectionSet
	}
	return out
}

type collectKey struct {
	object *ast.Definition
	first  *ast.Selection
}

// collect gathers the fields that a set of selections asks of one object type.
// The same selections are met once per row of a list, so the result is kept.
func (x *execution) collect(object *ast.Definition, sets [][]ast.Selection) ([]field, error) {
	key := collectKey{object: object}
	if len(sets) == 1 && len(sets[0]) > 0 {
		key.first = &sets[0][0]
		if fields, ok := x.collected[key]; ok {
			return fields, nil
		}
	}
	var fields []field
	index := map[string]int{}
	for _, set := range sets {
		if err := x.gather(object, set, &fields, index); err != nil {
			return nil, err
		}
	}
	if key.first != nil {
		x.collected[key] = fields
	}
	return fields, nil
}

func (x *execution) gather(object *ast.Definition, set []ast.Selection, fields *[]field, index map[string]int) error {
	for _, selection := range set {
		var err error
		switch s := selection.(type) {
		case *ast.Field:
			if x.included(s.Directives) {
				if i, ok := index[s.Alias]; ok {
					(*fields)[i].asts = append((*fields)[i].asts, s)
					continue
				}
				index[s.Alias] = len(*fields)
				*fields = append(*fields, field{key: s.Alias, asts: []*ast.Field{s}})
			}
		case *ast.FragmentSpread:
			if x.included(s.Directives) && x.applies(object, s.Definition.TypeCondition) {
				err = x.gather(object, s.Definition.SelectionSet, fields, index)
			}
		case *ast.InlineFragment:
			if x.included(s.Directives) && x.applies(object, s.TypeCondition) {
				err = x.gather(object, s.SelectionSet, fields, index)
			}
		default:
			err = fmt.Errorf("unknown selection %T", selection)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *execution) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		condition, _ := d.ArgumentMap(x.vars)["if"].(bool)
		if (d.Name == "skip" && condition) || (d.Name == "include" && !condition) {
			return false
		}
	}
	return true
}

func (x *execution) applies(object *ast.Definition, condition string) bool {
	return condition == "" || condition == object.Name || slices.Contains(x.schema.PossibleTypes[condition], object)
}

// object writes one object; false means that it must not be there at all.
func (x *execution) object(def *ast.Definition, source any, sets [][]ast.Selection, unguarded bool) bool {
	fields, err := x.collect(def, sets)
	if err != nil {
		return x.fail(err)
	}
	x.out.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			x.out.WriteByte(',')
		}
		writeString(&x.out, f.key)
		x.out.WriteByte(':')
		x.path = append(x.path, f.key)
		ok := x.field(def, source, f, unguarded)
		x.path = x.path[:len(x.path)-1]
		if !ok {
			return false
		}
	}
	x.out.WriteByte('}')
	return true
}

func (x *execution) field(def *ast.Definition, source any, f field, unguarded bool) bool {
	node := f.asts[0]
	if node.Name == "__typename" {
		writeString(&x.out, def.Name)
		return true
	}
	fieldDef := def.Fields.ForName(node.Name)
	value, err := x.resolve(def, fieldDef, source, node)
	if err != nil {
		x.fail(err)
		return x.null(fieldDef.Type)
	}
	if unguarded {
		x.guard.Lock()
		defer x.guard.Unlock()
	}
	return x.value(fieldDef.Type, value, f)
}

func (x *execution) resolve(def *ast.Definition, fieldDef *ast.FieldDefinition, source any, node *ast.Field) (any, error) {
	if err := x.ctx.Err(); err != nil {
		return nil, err
	}
	if object, ok := source.(Object); ok && x.config.Types[def.Name] == nil {
		return object[node.Name], nil
	}
	resolver := x.config.Types[def.Name][node.Name]
	if resolver == nil {
		return nil, &Error{Message: fmt.Sprintf("%s.%s is not served here", def.Name, node.Name), Status: 400}
	}
	args, ok := x.args[node]
	if !ok {
		var err error
		if args, err = x.arguments(fieldDef, node); err != nil {
			return nil, err
		}
		x.args[node] = args
	}
	return resolver(x.ctx, source, args)
}

// value writes a value as its type wants it.
func (x *execution) value(t *ast.Type, value any, f field) bool {
	if isNil(value) {
		if t.NonNull {
			x.fail(fmt.Errorf("the server has no value for a field that must have one"))
		}
		return x.null(t)
	}
	start := x.out.Len()
	var ok bool
	switch {
	case t.Elem != nil:
		ok = x.list(t.Elem, value, f)
	case x.schema.Types[t.NamedType].IsLeafType():
		if err := writeLeaf(&x.out, x.schema.Types[t.NamedType], value); err != nil {
			ok = x.fail(err)
		} else {
			ok = true
		}
	default:
		ok = x.composite(x.schema.Types[t.NamedType], value, f)
	}
	if ok {
		return true
	}
	x.out.Truncate(start)
	return x.null(t)
}

func (x *execution) list(elem *ast.Type, value any, f field) bool {
	items := reflect.ValueOf(value)
	if items.Kind() != reflect.Slice {
		return x.fail(fmt.Errorf("%T where a list is wanted", value))
	}
	x.out.WriteByte('[')
	for i := range items.Len() {
		if i > 0 {
			x.out.WriteByte(',')
		}
		x.path = append(x.path, i)
		ok := x.value(elem, items.Index(i).Interface(), f)
		x.path = x.path[:len(x.path)-1]
		if !ok {
			return false
		}
	}
	x.out.WriteByte(']')
	return true
}

func (x *execution) composite(def *ast.Definition, value any, f field) bool {
	if def.IsAbstractType() {
		name := x.config.TypeOf(value)
		concrete := x.schema.Types[name]
		if concrete == nil || !x.applies(concrete, def.Name) {
			return x.fail(fmt.Errorf("%T is no %s", value, def.Name))
		}
		def = concrete
	}
	return x.object(def, value, f.selections(), false)
}

// null writes null where the type allows it.
func (x *execution) null(t *ast.Type) bool {
	if t.NonNull {
		return false
	}
	x.out.WriteString("null")
	return true
}

// fail records an error at the current path; it is always false.
func (x *execution) fail(err error) bool {
	failure := Failure{Message: err.Error(), Path: slices.Clone(x.path), Status: 500}
	var known *Error
	if errors.As(err, &known) {
		failure.Status = known.Status
		failure.Code = known.Code
	}
	x.failures = append(x.failures, failure)
	return false
}

func isNil(value any) bool {
	if value == nil {
		return true
	}
	v := reflect.ValueOf(value)
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map) && v.IsNil()
}

// Error is a resolver's refusal: its HTTP status and, where W&B has one, a code for programs.
type Error struct {
	Message string
	Status  int
	Code    string
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Failure is one error of an answer.
type Failure struct {
	Message string
	Path    []any
	Code    string
	// Status is the HTTP status that this error calls for.
	Status int
}

// MarshalJSON gives the form of GraphQL's specification, with the code as extension.
func (f Failure) MarshalJSON() ([]byte, error) {
	out := struct {
		Message    string            `json:"message"`
		Path       []any             `json:"path,omitempty"`
		Extensions map[string]string `json:"extensions,omitempty"`
	}{Message: f.Message, Path: f.Path}
	if f.Code != "" {
		out.Extensions = map[string]string{"code": f.Code}
	}
	return json.Marshal(out)
}

// Result is an answer. Data is the JSON of the data, nil if nothing was run.
type Result struct {
	Data   json.RawMessage
	Errors []Failure
}

// Status is the HTTP status of the answer: the highest that an error calls for, else 200.
func (r Result) Status() int {
	status := 200
	for _, f := range r.Errors {
		status = max(status, f.Status)
	}
	return status
}
