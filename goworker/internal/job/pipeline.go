package job

import (
	"context"
	"runtime"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// mostTogether is how many rows of one file are handled one after the other, so that
// the file is read once.
const mostTogether = 32

// pictureBatch is a batch of rows on its way through the parallel stage.
type pictureBatch struct {
	docs    []bson.Raw
	release func()
	cells   []rowPictures
	left    atomic.Int64  // rows to do
	done    chan struct{} // closed when there are none
}

// pictureTask is some rows of a batch that are handled by one worker.
type pictureTask struct {
	batch *pictureBatch
	rows  []int
	path  string // of their file
	film  bool   // several of its rows show one video
}

// eachWithPictures is each with a stage that makes pictures: those of the rows of several batches at
// a time, in any order. fn still gets the rows in the view's order.
func (r *reader) eachWithPictures(ctx context.Context, fn func(*row) error) (int64, error) {
	p := r.pictures
	g, ctx := errgroup.WithContext(ctx)
	// Waiting for files and their disks takes no core: there are more workers than cores.
	workers := 2 * min(runtime.GOMAXPROCS(0), mostMakers)
	query, err := r.view.query()
	if err == nil {
		query, err = query.With(p.stages()...)
	}
	if err != nil {
		return 0, err
	}
	tasks := make(chan pictureTask, workers)
	batches := make(chan *pictureBatch, 1) // the source bounds how many there are
	g.Go(func() error {
		defer close(tasks)
		defer close(batches)
		return r.c.source.ReadBatches(ctx, query, r.Paths, func(docs []bson.Raw, release func()) error {
			docs = r.view.onlyChosen(docs)
			b := &pictureBatch{docs: docs, release: release, cells: make([]rowPictures, len(docs)), done: make(chan struct{})}
			b.left.Store(int64(len(docs)))
			return b.handOut(ctx, p, &r.Fields, tasks, batches)
		})
	})
	for range workers {
		g.Go(func() error {
			w := p.worker(&r.Fields)
			defer w.close()
			for task := range tasks {
				if err := w.do(ctx, task); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	var n int64
	g.Go(func() error {
		one := row{Slots: view.NewSlots(r.Slots)}
		for b := range batches {
			select {
			case <-b.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			for i, doc := range b.docs {
				one.pictures = b.cells[i]
				if err := r.hand(&one, doc, fn); err != nil {
					return err
				}
			}
			n += int64(len(b.docs))
			b.release()
			r.c.tracker.rows(n)
		}
		return ctx.Err()
	})
	defer p.films.close()
	err = g.Wait() // before n is read: Go leaves the order open within one statement
	return n, err
}

// handOut cuts a batch into tasks. Rows of the same picture that stand together stay so; those of a video are done together wherever they
// stand.
func (b *pictureBatch) handOut(ctx context.Context, p *pictures, f *view.Fields, tasks chan<- pictureTask, batches chan<- *pictureBatch) error {
	select {
	case batches <- b:
	case <-ctx.Done():
		return ctx.Err()
	}
	if len(b.docs) == 0 {
		close(b.done)
		return nil
	}
	for _, task := range b.cut(p, f) {
		select {
		case tasks <- task:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// cut cuts a batch into tasks.
func (b *pictureBatch) cut(p *pictures, f *view.Fields) (tasks []pictureTask) {
	slots := view.NewSlots([]string{f.Slots[p.slots.first+mediaPath], f.Slots[p.slots.first+mediaType]})
	videos := map[string]int{} // where the task of a video is
	last := -1                 // where the task of the row before is, if that is no video
	for i, doc := range b.docs {
		slots.Load(doc)
		path, _ := slots.Value(0).StringValueOK()
		kind, _ := slots.Value(1).StringValueOK()
		if p.conf.Mode != PictureOriginal && (p.slots.video || kind == videoType) {
			last = -1
			if at, ok := videos[path]; ok {
				tasks[at].rows, tasks[at].film = append(tasks[at].rows, i), true
				continue
			}
			videos[path] = len(tasks)
		} else if last >= 0 && tasks[last].path == path && len(tasks[last].rows) < mostTogether {
			tasks[last].rows = append(tasks[last].rows, i)
			continue
		} else {
			last = len(tasks)
		}
		tasks = append(tasks, pictureTask{batch: b, rows: []int{i}, path: path})
	}
	return tasks
}

// do makes the pictures of some rows.
func (w *pictureWorker) do(ctx context.Context, task pictureTask) error {
	if task.film {
		return w.film(ctx, task)
	}
	for _, i := range task.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.rowOf(ctx, spot{task.batch, i}, nil); err != nil {
			return err
		}
	}
	return nil
}

// rowOf makes the pictures of a row. What it shows of a video may be there.
func (w *pictureWorker) rowOf(ctx context.Context, s spot, taken *takenFrame) error {
	w.taken = taken
	cells, err := w.row(ctx, s.doc())
	if err != nil {
		return err
	}
	s.batch.cells[s.row] = cells
	if s.batch.left.Add(-1) == 0 {
		close(s.batch.done)
	}
	return nil
}
