package picture

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// filming makes the pictures of rows that show one video. Its frames are taken in ascending order, in one run of ffmpeg
// where that goes, whatever the order of the rows; helpers make pictures of them beside it.
type filming struct {
	w       *worker
	g       *errgroup.Group
	helpers chan *worker
	// wanted are the frames that are not in the cache, and the rows that show each.
	wanted map[int64][]spot
	file   *sourceFile
}

// film does a task of rows that show one video, or leaves it to the worker that has that video.
func (w *worker) film(ctx context.Context, task task) error {
	films := &w.p.films
	if !films.begin(task) {
		return nil
	}
	for {
		tasks := films.next(task.path)
		if len(tasks) == 0 {
			return nil
		}
		if err := w.filmAll(ctx, tasks); err != nil {
			return err
		}
	}
}

// filmAll does tasks of rows that show one video.
func (w *worker) filmAll(ctx context.Context, tasks []task) error {
	f := &filming{w: w, helpers: make(chan *worker, cap(w.p.thumbnailers)), wanted: map[int64][]spot{}}
	f.g, ctx = errgroup.WithContext(ctx)
	for range cap(f.helpers) {
		f.helpers <- w.p.newWorker()
	}
	err := f.sort(ctx, tasks)
	if err == nil && len(f.wanted) > 0 {
		err = f.takeAll(ctx)
	}
	if failed := f.g.Wait(); failed != nil {
		err = failed
	}
	close(f.helpers)
	for helper := range f.helpers {
		helper.close()
	}
	return err
}

// sort finds out which rows need a frame, and makes the pictures of the others.
func (f *filming) sort(ctx context.Context, tasks []task) error {
	w := f.w
	for _, task := range tasks {
		for _, i := range task.rows {
			s := spot{task.batch, i}
			w.slots.Load(s.doc())
			m := w.p.slots.of(w.slots)
			file, err := w.open(m.path)
			var taken *takenFrame
			if err == nil && w.p.conf.FFmpeg != "" && !m.badCrop && m.projection == "" && !file.shownAsPicture(m) {
				kept, ok := w.p.fromCacheOf(file, m, w.p.options(m))
				if !ok {
					f.file = file
					f.wanted[max(m.frame, 1)] = append(f.wanted[max(m.frame, 1)], s)
					continue
				}
				taken = &takenFrame{small: kept}
			}
			helper, err := f.helper(ctx)
			if err != nil {
				return err
			}
			f.handOn(helper, func() error { return helper.rowOf(ctx, s, taken) })
		}
	}
	return nil
}

// helper waits for a helper that is free.
func (f *filming) helper(ctx context.Context) (*worker, error) {
	select {
	case helper := <-f.helpers:
		return helper, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// handOn has a helper do something.
func (f *filming) handOn(helper *worker, do func() error) {
	f.g.Go(func() error {
		defer func() { f.helpers <- helper }()
		return do()
	})
}

// takeAll takes the frames that are wanted.
func (f *filming) takeAll(ctx context.Context) error {
	p := f.w.p
	select {
	case p.films.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.films.busy }()
	film := p.films.take(f.file)
	if film == nil {
		film = p.openFilm(f.file.path)
	}
	frames := slices.Sorted(maps.Keys(f.wanted))
	film.Plan(frames)
	for _, number := range frames {
		if err := f.take(ctx, film, number); err != nil {
			film.Close()
			return err
		}
	}
	p.films.put(f.file, film)
	return nil
}

// take takes a frame, and hands it on. There is a helper and memory for it before it is taken, so that nothing waits that has a frame.
func (f *filming) take(ctx context.Context, film *poster.Film, number int64) error {
	p := f.w.p
	helper, err := f.helper(ctx)
	if err != nil {
		return err
	}
	release, err := p.reserveMemory(ctx, p.frameCost())
	if err != nil {
		f.helpers <- helper
		return err
	}
	picture, reason := film.Frame(ctx, number)
	if ctx.Err() != nil {
		release()
		f.helpers <- helper
		return ctx.Err()
	}
	if reason != nil {
		reason = noFrame(ctx, reason)
	}
	f.handOn(helper, func() error {
		spots := f.wanted[number]
		taken, err := helper.thumbnails(ctx, spots, picture, reason)
		release() // before labels are drawn, which may wait for all of the memory
		for k := 0; k < len(taken) && err == nil; k++ {
			err = helper.rowOf(ctx, spots[k], &taken[k])
		}
		return err
	})
	return nil
}

// thumbnails makes those of the rows that show a frame, which is missing where there is a reason.
func (w *worker) thumbnails(ctx context.Context, spots []spot, picture []byte, reason error) ([]takenFrame, error) {
	taken := make([]takenFrame, len(spots))
	for k, s := range spots {
		if taken[k].err = reason; reason != nil {
			continue
		}
		w.slots.Load(s.doc())
		o := w.p.options(w.p.slots.of(w.slots))
		o.Lossy = true
		taken[k].small, taken[k].err = w.p.makeWithMemory(ctx, picture, thumb.Cost(picture, o), o)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return taken, nil
}
