package table

import (
	"strconv"
)

// Column is one column of a table whose rows are made of values of type R: a table is a list of them.
// What adds a column to a table appends it to the list, and nothing else has to know.
type Column[R any] struct {
	// Name is what the column should be called. Names settles what it is called.
	Name string
	// Prefix goes before the name, as often as needed, where a column before it has the same name. Without a
	// prefix, a number goes behind the name: "name_2".
	Prefix string
	// Cell writes the row's cell, by exactly one call of a method of the Writer.
	Cell func(w *Writer, row R)
}

// Names are the names of a table's columns, in their order: each differs from the others, is UTF-8, and is not
// one of the two ("_type" and "wb_type") that W&B's readers take for marks of their own. The first of several
// columns with the same name keeps it.
func Names[R any](columns []Column[R]) []string {
	names := make([]string, len(columns))
	taken := make(map[string]bool, len(columns))
	for i, c := range columns {
		name := validText(c.Name)
		for n := 2; taken[name]; n++ {
			if c.Prefix == "" {
				name = validText(c.Name) + "_" + strconv.Itoa(n)
			} else {
				name = validText(c.Prefix) + name
			}
		}
		names[i], taken[name] = name, true
	}
	for i, name := range names {
		names[i] = safeKey(name, func(k string) bool { return taken[k] })
	}
	return names
}

// Add writes a row of a table that was made with the Names of these columns.
func Add[R any](w *Writer, columns []Column[R], row R) error {
	w.BeginRow()
	for i := range columns {
		columns[i].Cell(w, row)
	}
	return w.EndRow()
}

// Of makes columns of rows of type R of columns that need only a part of such a row.
func Of[R, S any](columns []Column[S], part func(row R) S) []Column[R] {
	out := make([]Column[R], len(columns))
	for i, c := range columns {
		out[i] = Column[R]{Name: c.Name, Prefix: c.Prefix, Cell: func(w *Writer, row R) { c.Cell(w, part(row)) }}
	}
	return out
}
