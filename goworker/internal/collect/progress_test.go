package collect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestProgressNeverGoesBackAndEndsWhole(t *testing.T) {
	var seen []Progress
	tr := NewTracker(func(p Progress) { seen = append(seen, p) })
	tr.Begin(StageConnecting)
	tr.Begin(StageReading)
	tr.rows(10) // the total is not known yet
	tr.RowsTotal(100)
	for n := int64(20); n <= 100; n += 20 {
		tr.rows(n)
	}
	tr.rows(120) // more rows than were counted
	tr.Begin(StageUploading)
	for n := int64(0); n <= 10; n++ {
		tr.Upload(n, 10, n*1000, 10_000)
	}
	tr.Begin(StageCommitting)
	tr.Done()

	last := 0.0
	for _, p := range seen {
		assert.GreaterOrEqual(t, p.Fraction, last)
		assert.LessOrEqual(t, p.Fraction, 1.0)
		last = p.Fraction
	}
	assert.InDelta(t, 1, last, 1e-9)
}

func TestChoosingRowsIsNotTakenForReadingThem(t *testing.T) {
	var seen Progress
	tr := NewTracker(func(p Progress) { seen = p })
	tr.Begin(StageReading)
	tr.RowsTotal(100)
	tr.choosing(true)
	tr.rows(100)
	assert.Equal(t, "Choosing rows: 100 of 100", seen.Label)
	assert.Less(t, seen.Fraction, 0.1)
	tr.choosing(false)
	tr.rows(50)
	assert.Equal(t, "Reading samples: 50 of 100", seen.Label)
	assert.InDelta(t, 0.26, seen.Fraction, 1e-9)
}

func TestProgressLabelsArePlain(t *testing.T) {
	for want, p := range map[string]Progress{
		"Connecting to W&B and FiftyOne's database":                {Stage: StageConnecting},
		"Reading samples: 12,000 of 20,000 (6,000/s)":              {Stage: StageReading, RowsDone: 12_000, RowsTotal: 20_000},
		"Reading samples: 12,000 (6,000/s)":                        {Stage: StageReading, RowsDone: 12_000},
		"Reading samples: 0 of 5":                                  {Stage: StageReading, RowsTotal: 5},
		"Uploading: 2.0 MB of 4.1 MB, 1 of 1,269 files (1.0 MB/s)": {Stage: StageUploading, BytesDone: 2_000_000, BytesTotal: 4_100_000, FilesDone: 1, FilesTotal: 1269},
		"Uploading":           {Stage: StageUploading},
		"Saving the artifact": {Stage: StageCommitting},
	} {
		assert.Equal(t, want, sentence(p, 2*time.Second))
	}
}
