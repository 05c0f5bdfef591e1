package gqlexec

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/validator"
)

// Check says what is wrong with the variables of an operation: that one is missing, is not
// declared, or is not of its type, down to the fields of input objects.
func (e *Executor) Check(op *Operation, variables map[string]any) error {
	for name := range variables {
		if op.def.VariableDefinitions.ForName(name) == nil {
			return fmt.Errorf("the variable %s is not declared", name)
		}
	}
	values, err := validator.VariableValues(e.schema, op.def, variables)
	if err != nil {
		return err
	}
	x := &execution{Executor: e}
	for _, def := range op.def.VariableDefinitions {
		value, given := values[def.Variable]
		if !given && !def.Type.NonNull {
			continue
		}
		if _, err := x.input(def.Type, value); err != nil {
			return fmt.Errorf("variable %s: %w", def.Variable, err)
		}
	}
	return nil
}
