package collect

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// plainField is where a plain field's values are: where the schema says, else under
// the field's own name, where FiftyOne puts the ids of new samples.
type plainField struct{ slot, named int }

// plainColumns are the columns of plain fields. A path that is another column's name gets the prefix "field_".
func plainColumns(f *view.Fields, plain []view.Field, w *Warnings) (columns []Column) {
	for _, p := range plain {
		one := plainField{slot: f.Slot(p.DBPath)}
		one.named = one.slot
		if p.Path != p.DBPath {
			one.named = f.Slot(p.Path)
		}
		columns = append(columns, Column{Name: p.Path, Prefix: "field_", Cell: func(to *table.Writer, row *Row) { one.write(to, row, w) }})
	}
	return columns
}

// write writes the cell of a row.
func (p plainField) write(w *table.Writer, r *Row, warnings *Warnings) {
	value := r.Value(p.slot)
	if value.Type == 0 {
		value = r.Value(p.named)
	}
	switch w.BSON(value) {
	case table.DateOutOfRange:
		warnings.add("date_out_of_range", "cells lack a date that is before the year 1 or after the year 9999, which W&B's tables cannot hold.", r.sampleID())
	case table.Damaged:
		warnings.add("damaged_value", "cells are empty because MongoDB's document is damaged there.", r.sampleID())
	}
}
