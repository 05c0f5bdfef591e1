package evaluated

import (
	"context"
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

// maskFiles counts masks whose files were written after they were evaluated, by the files' times: no file is opened. When its context ends,
// nobody waits for a disk that does not answer.
type maskFiles struct {
	cancelled <-chan struct{}
	paths     chan string
	written   atomic.Int64
	end       func()
}

// newMaskFiles is nil where an evaluation has not looked at masks, or does not say when it was made.
func newMaskFiles(ctx context.Context, atEnd func(func()), conf evaluation.Config) *maskFiles {
	if conf.Type != evaluation.Segmentation && !conf.UseMasks || conf.At.IsZero() {
		return nil
	}
	m := startMaskFiles(ctx, conf.At.Add(clockSlack), os.Stat)
	atEnd(m.end)
	return m
}

// startMaskFiles counts the files that were written after a moment, by what stat says of them.
func startMaskFiles(ctx context.Context, since time.Time, stat func(string) (os.FileInfo, error)) *maskFiles {
	m := &maskFiles{cancelled: ctx.Done(), paths: make(chan string, 16*masksAtOnce)}
	var looking sync.WaitGroup
	for range masksAtOnce {
		looking.Go(func() {
			for path := range m.paths {
				if ctx.Err() != nil {
					return
				}
				if info, err := stat(path); err == nil && info.ModTime().After(since) {
					m.written.Add(1)
				}
			}
		})
	}
	m.end = sync.OnceFunc(func() {
		close(m.paths)
		all := make(chan struct{})
		go func() {
			looking.Wait()
			close(all)
		}()
		select {
		case <-all:
		case <-m.cancelled:
		}
	})
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
	if !filepath.IsAbs(path) {
		return
	}
	select {
	case m.paths <- path:
	case <-m.cancelled:
	}
}

func maskPathOf(v bson.RawValue) string {
	doc, _ := v.DocumentOK()
	path, _ := doc.Lookup("mask_path").StringValueOK()
	return path
}

// count ends the looking, and is how many were written since; what it is when the context has ended does not matter.
func (m *maskFiles) count() int64 {
	if m == nil {
		return 0
	}
	m.end()
	return m.written.Load()
}
