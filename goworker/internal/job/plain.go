package job

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// plainField is where a plain field's values are: where the schema says, else under
// the field's own name, where FiftyOne puts the ids of new samples.
type plainField struct{ slot, named int }

// plainColumns adds the columns of plain fields behind the others. A path that
// is a column's name already gets the prefix "field_".
func plainColumns(columns []string, f *fields, plain []Field) ([]string, []plainField) {
	taken := map[string]bool{}
	for _, name := range columns {
		taken[name] = true
	}
	var slots []plainField
	for _, p := range plain {
		name := p.Path
		for taken[name] {
			name = "field_" + name
		}
		taken[name] = true
		columns = append(columns, name)
		one := plainField{slot: f.slot(p.DBPath)}
		one.named = one.slot
		if p.Path != p.DBPath {
			one.named = f.slot(p.Path)
		}
		slots = append(slots, one)
	}
	return columns, slots
}

// add adds the cell of a row.
func (p plainField) add(w *table.Writer, s *view.Slots, warnings *warnings, sampleID string) {
	value := s.Value(p.slot)
	if value.Type == 0 {
		value = s.Value(p.named)
	}
	switch w.BSON(value) {
	case table.DateOutOfRange:
		warnings.add("date_out_of_range", "cells lack a date that is before the year 1 or after the year 9999, which W&B's tables cannot hold.", sampleID)
	case table.Damaged:
		warnings.add("damaged_value", "cells are empty because MongoDB's document is damaged there.", sampleID)
	}
}
