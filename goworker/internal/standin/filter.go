package standin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// getter gives an item's value of a field that a filter or an order names.
type getter[T any] func(item T, field string) (any, error)

// filtered gives the items that a MongoDB-like filter lets through, sorted by "+field" or
// "-field". Items that are equal keep the order they came in, turned round for "-".
func filtered[T any](items []T, filter, order, defaultOrder string, get getter[T]) ([]T, error) {
	var condition map[string]any
	if filter != "" && json.Unmarshal([]byte(filter), &condition) != nil {
		return nil, badRequest("the filters are not a JSON object")
	}
	var out []T
	for _, item := range items {
		ok, err := matches(item, condition, get)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, item)
		}
	}
	if order == "" {
		order = defaultOrder
	}
	field := strings.TrimLeft(order, "+-")
	values := make(map[int]any, len(out))
	index := make([]int, len(out))
	for i, item := range out {
		var err error
		index[i] = i
		if values[i], err = get(item, field); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(index, func(a, b int) int { return compare(values[a], values[b]) })
	if strings.HasPrefix(order, "-") {
		slices.Reverse(index)
	}
	sorted := make([]T, len(out))
	for i, at := range index {
		sorted[i] = out[at]
	}
	return sorted, nil
}

func matches[T any](item T, condition map[string]any, get getter[T]) (bool, error) {
	for name, want := range condition {
		var ok bool
		var err error
		switch name {
		case "$and", "$or", "$nor":
			ok, err = matchesSome(item, name, want, get)
		case "$not":
			inner, _ := want.(map[string]any)
			ok, err = matches(item, inner, get)
			ok = !ok
		default:
			ok, err = matchesField(item, name, want, get)
		}
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func matchesSome[T any](item T, operator string, want any, get getter[T]) (bool, error) {
	list, isList := want.([]any)
	if !isList {
		return false, badRequest(operator + " wants a list")
	}
	hits := 0
	for _, each := range list {
		condition, _ := each.(map[string]any)
		ok, err := matches(item, condition, get)
		if err != nil {
			return false, err
		}
		if ok {
			hits++
		}
	}
	switch operator {
	case "$and":
		return hits == len(list), nil
	case "$or":
		return hits > 0 || len(list) == 0, nil
	}
	return hits == 0, nil
}

func matchesField[T any](item T, field string, want any, get getter[T]) (bool, error) {
	have, err := get(item, field)
	if err != nil {
		return false, err
	}
	operators, ok := want.(map[string]any)
	if !ok || !hasOperator(operators) {
		return holds(have, "$eq", want)
	}
	for operator, operand := range operators {
		if ok, err := holds(have, operator, operand); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func hasOperator(m map[string]any) bool {
	for k := range m {
		if strings.HasPrefix(k, "$") {
			return true
		}
	}
	return false
}

// holds reports whether a value, or any item of it if it is a list, stands in a relation to an operand.
func holds(have any, operator string, want any) (bool, error) {
	values, isList := have.([]any)
	if !isList {
		values = []any{have}
	}
	contains := func(list []any) bool {
		return slices.ContainsFunc(values, func(v any) bool {
			return slices.ContainsFunc(list, func(w any) bool { return reflect.DeepEqual(v, w) })
		})
	}
	list, _ := want.([]any)
	switch operator {
	case "$eq":
		return contains([]any{want}) || reflect.DeepEqual(have, want), nil
	case "$ne":
		return !contains([]any{want}), nil
	case "$in":
		return contains(list), nil
	case "$nin":
		return !contains(list), nil
	case "$exists":
		return (have != nil) == (want == true), nil
	case "$gt", "$gte", "$lt", "$lte":
		return have != nil && ordered(have, operator, want), nil
	case "$regex", "$contains":
		text, _ := want.(string)
		if operator == "$contains" {
			text = regexp.QuoteMeta(text)
		}
		pattern, err := regexp.Compile(text)
		if err != nil {
			return false, badRequest("invalid regular expression in the filters: " + err.Error())
		}
		return slices.ContainsFunc(values, func(v any) bool {
			s, ok := v.(string)
			return ok && pattern.MatchString(s)
		}), nil
	}
	return false, badRequest("unknown operator " + operator + " in the filters")
}

func ordered(have any, operator string, want any) bool {
	if rank(have) != rank(want) {
		return false
	}
	switch c := compare(have, want); operator {
	case "$gt":
		return c > 0
	case "$gte":
		return c >= 0
	case "$lt":
		return c < 0
	default:
		return c <= 0
	}
}

// compare orders JSON values: nothing, false, true, numbers, texts, the rest.
func compare(a, b any) int {
	if c := rank(a) - rank(b); c != 0 {
		return c
	}
	switch a := a.(type) {
	case float64:
		b := b.(float64)
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	case string:
		return strings.Compare(a, b.(string))
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case bool:
		return 1
	case float64:
		return 2
	case string:
		return 3
	}
	return 4
}
