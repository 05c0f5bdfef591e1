package sharing

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
)

// TestProgressOfASharedJob holds what a person reads of it, and that it goes forward.
func TestProgressOfASharedJob(t *testing.T) {
	counts := func(state shard.State, slots, read, uploaded int) shard.Counts {
		return shard.Counts{State: state, Slots: slots, Shards: 4, Read: read, Uploaded: uploaded, Rows: 80_000, RowsRead: int64(read) * 20_000,
			Files: int64(uploaded) * 10, FileBytes: int64(uploaded) << 20}
	}
	before := -1.0
	for _, c := range []struct {
		counts shard.Counts
		stage  collect.Stage
		label  string
	}{
		{shard.Counts{State: shard.Planning, Slots: 1}, collect.StageConnecting, "Listing the samples (1 worker)"},
		{shard.Counts{State: shard.Reading, Slots: 2}, collect.StageReading, "Reading samples: 0 of 0 (2 workers)"},
		{counts(shard.Reading, 3, 2, 0), collect.StageReading, "Reading samples: 40,000 of 80,000 (3 workers)"},
		{counts(shard.Uploading, 3, 4, 1), collect.StageUploading, "Uploading: 1 of 4 parts, 1.0 MB (3 workers)"},
		{counts(shard.Committed, 0, 4, 4), collect.StageCommitting, "Saving the artifact (0 workers)"},
		{counts(shard.Done, 1, 4, 4), collect.StageCommitting, "Saving the artifact (1 worker)"},
	} {
		got := progressOf(c.counts)
		assert.Equal(t, c.label, got.Label)
		assert.Equal(t, c.stage, got.Stage, c.label)
		assert.Equal(t, []int64{c.counts.RowsRead, c.counts.Rows, c.counts.Files, c.counts.FileBytes}, []int64{got.RowsDone, got.RowsTotal, got.FilesDone, got.BytesDone})
		assert.GreaterOrEqual(t, got.Fraction, before, c.label)
		before = got.Fraction
	}
	assert.Greater(t, progressOf(counts(shard.Reading, 1, 3, 0)).Fraction, progressOf(counts(shard.Reading, 1, 2, 0)).Fraction)
}
