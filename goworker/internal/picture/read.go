package picture

import (
	"context"
	"runtime"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// mostTogether is how many rows of one file are handled one after the other, so that
// the file is read once.
const mostTogether = 32

// Read makes the pictures of the rows, those of several batches at a time and in any order, and calls fn with the rows
// in the view's order. What fn gets is valid until it returns.
func (p *Maker) Read(ctx context.Context, fn func(docs []bson.Raw, cells []Cells) error) error {
	g, ctx := errgroup.WithContext(ctx)
	// Waiting for files and their disks takes no core: there are more workers than cores.
	workers := 2 * min(runtime.GOMAXPROCS(0), mostThumbnailers)
	query, err := p.rows.Query.With(p.stages()...)
	if err != nil {
		return err
	}
	tasks := make(chan task, workers)
	batches := make(chan *batch, 1) // the source bounds how many there are
	g.Go(func() error {
		defer close(tasks)
		defer close(batches)
		return p.rows.Source.ReadBatches(ctx, query, p.rows.Fields.Paths, func(docs []bson.Raw, release func()) error {
			docs = p.rows.Only(docs)
			b := &batch{docs: docs, release: release, cells: make([]Cells, len(docs)), done: make(chan struct{})}
			b.left.Store(int64(len(docs)))
			return b.handOut(ctx, p, tasks, batches)
		})
	})
	for range workers {
		g.Go(func() error {
			w := p.newWorker()
			defer w.close()
			for task := range tasks {
				if err := w.do(ctx, task); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	g.Go(func() error {
		for b := range batches {
			select {
			case <-b.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := fn(b.docs, b.cells); err != nil {
				return err
			}
			b.release()
		}
		return ctx.Err()
	})
	defer p.films.close()
	return g.Wait()
}

// handOut cuts a batch into tasks. Rows of the same picture that stand together stay so; those of a video are done together wherever they
// stand.
func (b *batch) handOut(ctx context.Context, p *Maker, tasks chan<- task, batches chan<- *batch) error {
	select {
	case batches <- b:
	case <-ctx.Done():
		return ctx.Err()
	}
	list, hidden := b.cut(p)
	if b.left.Add(int64(-hidden)) == 0 {
		close(b.done)
		return nil
	}
	for _, task := range list {
		select {
		case tasks <- task:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// cut cuts a batch into tasks, and does the rows that show no pictures.
func (b *batch) cut(p *Maker) (tasks []task, hidden int) {
	none := make(Cells, len(p.Columns()))
	paths := p.rows.Fields.Slots[p.slots.first:]
	slots := view.NewSlots([]string{paths[mediaPath], paths[mediaType]})
	videos := map[string]int{} // where the task of a video is
	last := -1                 // where the task of the row before is, if that is not a video
	for i, doc := range b.docs {
		if p.rows.Shown != nil && !p.rows.Shown(doc) {
			b.cells[i], last = none, -1
			hidden++
			continue
		}
		slots.Load(doc)
		path, _ := slots.Value(0).StringValueOK()
		kind, _ := slots.Value(1).StringValueOK()
		if p.conf.Mode != Original && (p.slots.video || kind == videoType) {
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
		tasks = append(tasks, task{batch: b, rows: []int{i}, path: path})
	}
	return tasks, hidden
}

// do makes the pictures of some rows.
func (w *worker) do(ctx context.Context, task task) error {
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
