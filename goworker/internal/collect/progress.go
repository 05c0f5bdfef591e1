package collect

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// Stage is a part of a job, in the order of the wire contract.
type Stage int

// The stages.
const (
	StageConnecting Stage = iota + 1
	StageReading
	StageUploading
	StageCommitting
)

// Progress is how far a job is. Totals of 0 are not known.
type Progress struct {
	Stage                 Stage
	RowsDone, RowsTotal   int64
	FilesDone, FilesTotal int64
	BytesDone, BytesTotal int64
	Choosing              bool    // the rows are read to choose some of them, and will be read again
	Fraction              float64 // of the whole job
	Label                 string
}

// The share of the whole job at which each stage begins: reading and uploading
// take nearly all of the time, in about equal parts.
var stageStart = map[Stage]float64{
	StageConnecting: 0, StageReading: 0.02, StageUploading: 0.5, StageCommitting: 0.98,
}

var stageEnd = map[Stage]float64{
	StageConnecting: 0.02, StageReading: 0.5, StageUploading: 0.98, StageCommitting: 1,
}

// Reached is how far a job is, of 1, that has done this share of a stage.
func (s Stage) Reached(share float64) float64 {
	return stageStart[s] + (stageEnd[s]-stageStart[s])*share
}

// choosingShare is the share of reading that choosing rows takes: it reads little of each.
const choosingShare = 0.1

// Tracker turns counts into Progress events. It is safe for concurrent use.
type Tracker struct {
	mu      sync.Mutex
	send    func(Progress)
	now     Progress
	started time.Time // of the stage
	Offline bool      // files are written, not uploaded
}

// NewTracker makes a tracker of a job; send may be nil.
func NewTracker(send func(Progress)) *Tracker {
	if send == nil {
		send = func(Progress) {}
	}
	return &Tracker{send: send}
}

// Begin enters a stage.
func (t *Tracker) Begin(stage Stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows, total := t.now.RowsDone, t.now.RowsTotal
	t.now = Progress{Stage: stage, RowsDone: rows, RowsTotal: total, Fraction: t.now.Fraction}
	t.started = time.Now()
	t.emit()
}

// choosing says whether the rows are read to choose some of them. They are read again after that.
func (t *Tracker) choosing(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Choosing, t.now.RowsDone = on, 0
	t.started = time.Now()
}

// RowsTotal sets how many rows there are to read.
func (t *Tracker) RowsTotal(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.RowsTotal = n
}

// rows sets how many rows were read.
func (t *Tracker) rows(done int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.RowsDone = done
	t.emit()
}

// Results sets how much of an evaluation's results was read; nothing of nothing when that is over.
func (t *Tracker) Results(done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.BytesDone, t.now.BytesTotal = done, total
	t.emit()
}

// Upload sets what of an upload is done.
func (t *Tracker) Upload(filesDone, filesTotal, bytesDone, bytesTotal int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.FilesDone, t.now.FilesTotal = filesDone, filesTotal
	t.now.BytesDone, t.now.BytesTotal = bytesDone, bytesTotal
	t.emit()
}

// Done says that the job is at its end.
func (t *Tracker) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Fraction = 1
	t.emit()
}

func (t *Tracker) emit() {
	p := t.now
	share := 0.0
	switch {
	case p.Stage == StageReading && p.RowsTotal > 0:
		share = float64(p.RowsDone) / float64(p.RowsTotal)
		if p.Choosing {
			share = min(share, 1) * choosingShare
		}
	case p.Stage == StageUploading && p.BytesTotal > 0:
		share = float64(p.BytesDone) / float64(p.BytesTotal)
	}
	p.Fraction = max(t.now.Fraction, p.Stage.Reached(min(share, 1)))
	t.now.Fraction = p.Fraction
	p.Label = sentence(p, time.Since(t.started))
	if t.Offline {
		p.Label = offlineLabels.Replace(p.Label)
	}
	t.send(p)
}

// offlineLabels says what a job does that does not reach W&B.
var offlineLabels = strings.NewReplacer("Uploading", "Writing", "Connecting to W&B and FiftyOne's database", "Connecting to FiftyOne's database",
	"Saving the artifact", "Writing the offline run")

// sentence is the one line for people.
func sentence(p Progress, spent time.Duration) string {
	switch p.Stage {
	case StageReading:
		if p.BytesTotal > 0 {
			return fmt.Sprintf("Reading the evaluation's results: %s of %s", words.Bytes(p.BytesDone), words.Bytes(p.BytesTotal))
		}
		text := "Reading samples: " + words.Thousands(p.RowsDone)
		if p.Choosing {
			text = "Choosing rows: " + words.Thousands(p.RowsDone)
		}
		if p.RowsTotal > 0 {
			text += " of " + words.Thousands(max(p.RowsTotal, p.RowsDone))
		}
		return text + speed(p.RowsDone, spent, func(n int64) string { return words.Thousands(n) + "/s" })
	case StageUploading:
		if p.FilesTotal == 0 {
			return "Uploading"
		}
		text := fmt.Sprintf("Uploading: %s of %s, %s of %s files",
			words.Bytes(p.BytesDone), words.Bytes(p.BytesTotal), words.Thousands(p.FilesDone), words.Thousands(p.FilesTotal))
		return text + speed(p.BytesDone, spent, func(n int64) string { return words.Bytes(n) + "/s" })
	case StageCommitting:
		return "Saving the artifact"
	}
	return "Connecting to W&B and FiftyOne's database"
}

// speed is " (N/s)", once there is enough to tell.
func speed(done int64, spent time.Duration, text func(int64) string) string {
	if spent < 200*time.Millisecond || done == 0 {
		return ""
	}
	return " (" + text(int64(float64(done)/spent.Seconds())) + ")"
}
