package evaluated

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
)

// masksAtOnce is how many files of masks are looked at at once: on a network's disk, each look is a round trip.
const masksAtOnce = 16

// clockSlack is by how much the clock of a disk may differ from that of the machine that evaluated, or round.
const clockSlack = 2 * time.Second

// maskFiles counts masks whose files were written after they were evaluated, by the files' times: no file is opened.
type maskFiles struct {
	paths   chan string
	looking sync.WaitGroup
	written atomic.Int64
	end     func()
}

// newMaskFiles is nil where an evaluation has not looked at masks, or does not say when it was made.
func newMaskFiles(atEnd func(func()), conf evaluation.Config) *maskFiles {
	if conf.Type != evaluation.Segmentation && !conf.UseMasks || conf.At.IsZero() {
		return nil
	}
	m := &maskFiles{paths: make(chan string, 16*masksAtOnce)}
	m.end = sync.OnceFunc(func() {
		close(m.paths)
		m.looking.Wait()
	})
	atEnd(m.end)
	since := conf.At.Add(clockSlack)
	for range masksAtOnce {
		m.looking.Go(func() {
			for path := range m.paths {
				if info, err := os.Stat(path); err == nil && info.ModTime().After(since) {
					m.written.Add(1)
				}
			}
		})
	}
	return m
}

// look has the masks of a document looked at that were evaluated.
func (m *maskFiles) look(o *Evaluation, d *Doc) {
	if m == nil {
		return
	}
	if o.Config.Type == evaluation.Segmentation {
		truth, pred := maskPathOf(d.Truth), maskPathOf(d.Pred)
		if d.Truth.Type == bson.TypeEmbeddedDocument && d.Pred.Type == bson.TypeEmbeddedDocument { // one alone is not evaluated
			m.add(truth)
			m.add(pred)
		}
		return
	}
	for _, side := range [][]evaluation.Label{d.Truths, d.Preds} {
		for i := range side {
			if side[i].Outcome != evaluation.Unevaluated {
				m.add(side[i].MaskPath)
			}
		}
	}
}

func (m *maskFiles) add(path string) {
	if filepath.IsAbs(path) {
		m.paths <- path
	}
}

func maskPathOf(v bson.RawValue) string {
	doc, _ := v.DocumentOK()
	path, _ := doc.Lookup("mask_path").StringValueOK()
	return path
}

// count ends the looking, and is how many were written since.
func (m *maskFiles) count() int64 {
	if m == nil {
		return 0
	}
	m.end()
	return m.written.Load()
}
