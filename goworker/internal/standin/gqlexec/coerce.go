package gqlexec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// arguments gives a field's arguments. The validator lets a few things pass that
// GraphQL forbids (the text "5" for an Int, an enum in other letters), so types are checked again here.
func (x *execution) arguments(def *ast.FieldDefinition, node *ast.Field) (args Args, err error) {
	defer func() {
		// The parser's own conversion panics on a number that no int64 holds.
		if r := recover(); r != nil {
			err = &Error{Message: fmt.Sprintf("argument of %s: %v", node.Name, r), Status: 400}
		}
	}()
	args = Args(node.ArgumentMap(x.vars))
	for _, arg := range def.Arguments {
		value, given := args[arg.Name]
		if !given {
			continue
		}
		if args[arg.Name], err = x.input(arg.Type, value); err != nil {
			return nil, &Error{Message: fmt.Sprintf("argument %s of %s: %v", arg.Name, node.Name, err), Status: 400}
		}
	}
	return args, nil
}

func (x *execution) input(t *ast.Type, value any) (any, error) {
	if value == nil {
		if t.NonNull {
			return nil, fmt.Errorf("must not be null")
		}
		return nil, nil
	}
	if t.Elem != nil {
		// The validator makes a list of a single value, of that value's Go type.
		list := reflect.ValueOf(value)
		if list.Kind() != reflect.Slice {
			list = reflect.ValueOf([]any{value})
		}
		out := make([]any, list.Len())
		for i := range out {
			var err error
			if out[i], err = x.input(t.Elem, list.Index(i).Interface()); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return out, nil
	}
	def := x.schema.Types[t.NamedType]
	switch def.Kind {
	case ast.Enum:
		if name, ok := value.(string); ok && def.EnumValues.ForName(name) != nil {
			return name, nil
		}
		return nil, fmt.Errorf("%v is not a value of %s", value, def.Name)
	case ast.InputObject:
		return x.inputObject(def, value)
	}
	return x.scalar(def.Name, value)
}

func (x *execution) inputObject(def *ast.Definition, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is not a %s", value, def.Name)
	}
	out := make(map[string]any, len(object))
	for _, field := range def.Fields {
		item, given := object[field.Name]
		if !given {
			if field.DefaultValue == nil {
				if field.Type.NonNull {
					return nil, fmt.Errorf("%s must be given", field.Name)
				}
				continue
			}
			var err error
			if item, err = field.DefaultValue.Value(nil); err != nil {
				return nil, err
			}
		}
		var err error
		if out[field.Name], err = x.input(field.Type, item); err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
	}
	return out, nil
}

func (x *execution) scalar(name string, value any) (any, error) {
	switch name {
	case "Int":
		n, err := Int64(value)
		if err != nil || n != int64(int32(n)) {
			return nil, fmt.Errorf("%v is not an Int", value)
		}
		return n, nil
	case "Float":
		if n, ok := value.(json.Number); ok {
			return n.Float64()
		}
		if n, ok := value.(int64); ok {
			return float64(n), nil
		}
		if n, ok := value.(float64); ok {
			return n, nil
		}
	case "Boolean":
		if b, ok := value.(bool); ok {
			return b, nil
		}
	case "String":
		if s, ok := value.(string); ok {
			return s, nil
		}
	case "ID":
		if s, ok := value.(string); ok {
			return s, nil
		}
		if n, err := Int64(value); err == nil {
			return strconv.FormatInt(n, 10), nil
		}
	default:
		if check := x.config.Scalars[name]; check != nil {
			return check(value)
		}
		return value, nil
	}
	return nil, fmt.Errorf("%v is not a %s", value, name)
}

// Int64 is the whole number that an input value holds.
func Int64(value any) (int64, error) {
	switch n := value.(type) {
	case int64:
		return n, nil
	case json.Number:
		return n.Int64()
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), nil
		}
	}
	return 0, fmt.Errorf("%v is not a whole number", value)
}

// writeLeaf writes a scalar or enum value; the schema's own scalars may be any JSON.
func writeLeaf(out *bytes.Buffer, def *ast.Definition, value any) error {
	fits := true
	switch value.(type) {
	case string:
		fits = def.Name == "String" || def.Name == "ID" || !def.BuiltIn
	case bool:
		fits = def.Name == "Boolean" || !def.BuiltIn
	case int, int64:
		fits = def.Name == "Int" || def.Name == "Float" || !def.BuiltIn
	case float64:
		fits = def.Name == "Float" || !def.BuiltIn
	default:
		fits = !def.BuiltIn
	}
	if def.Kind == ast.Enum {
		name, ok := value.(string)
		fits = ok && def.EnumValues.ForName(name) != nil
	}
	if !fits {
		return fmt.Errorf("%v is not a value of %s", value, def.Name)
	}
	if at, ok := value.(time.Time); ok {
		value = at.UTC().Format("2006-01-02T15:04:05Z")
	}
	text, err := json.Marshal(value)
	out.Write(text)
	return err
}

func writeString(out *bytes.Buffer, s string) {
	text, _ := json.Marshal(s)
	out.Write(text)
}
