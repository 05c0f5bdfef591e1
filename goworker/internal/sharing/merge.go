package sharing

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// merge makes the artifact's content of what was read of the shards. Where the rows of some are not as all rows together want them,
// the error asks for these to be read again.
func (w *Work) merge(ctx context.Context, plan shard.Plan, st *planState, reads shard.Reads) (*leadContent, error) {
	states, err := readStates(ctx, reads)
	if err != nil {
		return nil, err
	}
	if err := st.reread(states); err != nil {
		return nil, err
	}
	c, err := w.collector()
	if err != nil {
		return nil, err
	}
	m := &mergedShards{alone: plan.Mode == shard.Alone, tables: map[string]*tableState{}, vectors: map[string]int64{}}
	c.Merged, c.Classes = m, st.Classes
	defer c.End()
	if given := w.GivenName(); given != "" {
		c.NoteName(given)
	}
	st.Shown.Note(&c.Warnings)
	if err := w.prepareWith(ctx, c, st.Found); err != nil {
		return nil, err
	}
	rd, err := collect.NewReader(c, st.rows(w.View))
	if err != nil {
		return nil, err
	}
	content, err := w.Open(ctx, rd)
	if err != nil {
		return nil, err
	}
	for n, state := range states {
		if err := m.add(ctx, c, content, reads, n, state); err != nil {
			return nil, err
		}
	}
	if err := content.Close(); err != nil {
		return nil, err
	}
	pub, err := content.Publication(ctx, m.rows)
	if err != nil {
		return nil, err
	}
	return &leadContent{c, m, pub}, nil
}

// readStates are what was read of each shard, but for the pieces.
func readStates(ctx context.Context, reads shard.Reads) ([]*shardState, error) {
	states := make([]*shardState, reads.Len())
	for n := range states {
		out, err := reads.Read(ctx, n)
		if err != nil {
			return nil, err
		}
		states[n] = &shardState{}
		if err := json.Unmarshal(out.State, states[n]); err != nil {
			return nil, err
		}
		states[n].rows = out.Rows
	}
	return states, nil
}

// reread asks for another reading of the shards whose rows are not as all rows together want them: a column holds values of several kinds,
// so that all of its cells are texts, or a vector is not as long as the first one.
func (st *planState) reread(states []*shardState) error {
	types, shapes := map[string]*table.Types{}, map[string][]int{}
	for _, state := range states {
		for key, t := range state.Tables {
			if types[key] == nil {
				types[key] = &table.Types{}
			}
			if err := types[key].Merge(t.Types); err != nil {
				return err
			}
		}
		for field, v := range state.Vectors {
			if _, ok := shapes[field]; !ok && v.Count > 0 {
				shapes[field] = v.Shape
			}
		}
	}
	next := *st
	next.Texts, next.Shapes = map[string][]int{}, shapes
	for key, t := range types {
		next.Texts[key] = t.Texts()
	}
	var again []int
	for n, state := range states {
		fits := true
		for key, t := range state.Tables {
			fits = fits && t.Types.Fit(next.Texts[key])
		}
		for field, v := range state.Vectors {
			fits = fits && (v.Count == 0 || slices.Equal(v.Shape, shapes[field]))
		}
		if !fits {
			again = append(again, n)
		}
	}
	if again == nil {
		return nil
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return &shard.RereadError{State: raw, Shards: again}
}

// add adds a shard.
func (m *mergedShards) add(ctx context.Context, c *collect.Collector, content publish.Content, reads shard.Reads, n int, state *shardState) error {
	for key, t := range state.Tables {
		if m.tables[key] == nil {
			m.tables[key] = &tableState{}
		}
		all := m.tables[key]
		if err := all.Types.Merge(t.Types); err != nil {
			return err
		}
		all.Parts = append(all.Parts, t.Parts...)
	}
	for field, v := range state.Vectors {
		m.vectors[field] += v.Count
	}
	m.rows += state.rows
	m.made += state.Made
	c.Warnings.Merge(state.Warnings)
	for _, list := range c.Lists {
		if err := reads.Pieces(ctx, n, kindsOfLists[list.Path()], list.AddPacked); err != nil {
			return err
		}
	}
	var classes []byte
	err := eachPiece(ctx, reads, n, classPieces, func(raw []byte) error {
		classes = append(classes, raw...)
		return nil
	})
	if err != nil {
		return err
	}
	counted := state.Tally
	counted.Classes = &metadata.ClassCounts{}
	if len(classes) > 0 {
		if err := json.Unmarshal(classes, counted.Classes); err != nil {
			return err
		}
	}
	content.AddTally(counted)
	return eachPiece(ctx, reads, n, entryPieces, func(raw []byte) error { return eachEntry(raw, c.Files.AddElsewhere) })
}

// CloseTable makes the entries of a table's parts, which the slots end in the same way.
func (m *mergedShards) CloseTable(c *collect.Collector, t *collect.TableFile) error {
	state := m.tables[t.Key]
	if state == nil {
		return fault.New(fault.Plugin, fault.Internal, "No shard has written the table %s.", t.Key)
	}
	t.Done = table.Summary{Columns: t.Columns, Types: state.Types.JSON(t.Columns, t.Classes)}
	for _, i := range state.Types.Texts() {
		t.Done.Texts = append(t.Done.Texts, t.Columns[i])
	}
	c.NoteTexts(t)
	var paths []string
	t.Path, paths = table.Layout(t.Key, len(state.Parts))
	for i, part := range state.Parts {
		t.Done.Parts = append(t.Done.Parts, part.Rows)
		t.Done.Rows += part.Rows
		footer := table.Footer(len(t.Columns), part.Rows, t.Done.Types)
		digest, err := artifact.DigestOf(part.MD5, footer)
		if err != nil {
			return err
		}
		if err := c.Files.AddElsewhere(artifact.Entry{Path: paths[i], Digest: digest, Size: part.Size + int64(len(footer))}); err != nil {
			return err
		}
	}
	if t.IsPartitioned() {
		return c.WriteFile(t.Path, table.PartitionedJSON(t.Key))
	}
	return nil
}

// CloseVectors warns of fields without vectors.
func (m *mergedShards) CloseVectors(c *collect.Collector, fields []view.Field) {
	for _, field := range fields {
		if !m.alone && m.vectors[field.Path] == 0 {
			c.NoteNoVectors(field.Path)
		}
	}
}

// pathsOf are the paths of a shard's files, without the references, in the order in which the slot that uploaded them had them.
func (l *leadContent) pathsOf(ctx context.Context, reads shard.Reads, n int) (paths []string, err error) {
	err = eachPiece(ctx, reads, n, entryPieces, func(raw []byte) error {
		return eachEntry(raw, func(e artifact.Entry) error {
			if e.Ref == "" {
				paths = append(paths, e.Path)
			}
			return nil
		})
	})
	for key, t := range l.merged.tables {
		_, parts := table.Layout(key, len(t.Parts))
		if !l.merged.alone {
			parts = parts[n : n+1]
		}
		paths = append(paths, parts...)
	}
	slices.Sort(paths)
	return paths, err
}

// own are the files that the lead has itself.
func (l *leadContent) own() (*artifact.Files, error) {
	own := &artifact.Files{}
	for i := range l.c.Files.Len() {
		if e := l.c.Files.At(i); e.LocalPath != "" {
			if err := own.Add(e); err != nil {
				return nil, err
			}
		}
	}
	return own, nil
}
