package picture

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// takenFrame is the thumbnail of a row's frame, or why there is none.
type takenFrame struct {
	small thumb.Thumb
	err   error
}

const (
	// cropSide is the longest side, at least, of the frames that parts are shown of: they shall still show something.
	cropSide = 1280
	// mostThreads is how many threads one ffmpeg decodes with; each takes memory.
	mostThreads = 4
)

// frameSide is the longest side of the frames that are asked of ffmpeg for.
func (p *Maker) frameSide() int {
	if !p.slots.cropped {
		return p.conf.Size
	}
	return max(2*p.conf.Size, cropSide)
}

// frameCost is the memory that a frame takes: once as it comes, and once decoded.
func (p *Maker) frameCost() int64 {
	const each = 3 + 4
	return each * int64(p.frameSide()) * int64(p.frameSide())
}

func (p *Maker) openFilm(path string) *poster.Film {
	return poster.Maker{Program: p.conf.FFmpeg, MaxSide: p.frameSide(), Threads: min(runtime.GOMAXPROCS(0), mostThreads)}.Open(path)
}

// frame makes the thumbnail of a frame of a video.
func (p *Maker) frame(ctx context.Context, file *sourceFile, m media, o thumb.Options) (thumb.Thumb, error) {
	if m.taken != nil {
		return m.taken.small, m.taken.err
	}
	if p.conf.FFmpeg == "" {
		return thumb.Thumb{}, errNoFFmpeg
	}
	release, err := p.reserveMemory(ctx, p.frameCost())
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	thumbnailer, err := p.acquireThumbnailer(ctx)
	if err != nil {
		return thumb.Thumb{}, err
	}
	film := p.openFilm(file.path)
	film.Plan([]int64{m.frame})
	picture, err := film.Frame(ctx, m.frame)
	film.Close()
	p.thumbnailers <- thumbnailer
	if err != nil {
		return thumb.Thumb{}, noFrame(ctx, err)
	}
	o.Lossy = true
	return p.makeWithMemory(ctx, picture, thumb.Cost(picture, o), o)
}

// noFrame is why there is no frame, where ctx is not done.
func noFrame(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slog.Debug("no frame of a video", "reason", err)
	return errNoFrame
}

// spot is a row of a batch.
type spot struct {
	batch *batch
	row   int
}

func (s spot) doc() bson.Raw { return s.batch.docs[s.row] }

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

// films are the videos that frames are taken of. Rows of one video may come in many batches, in any order: they are done by one worker at a
// time, which does together what has come meanwhile.
type films struct {
	busy chan struct{} // as many as are read at a time
	mu   sync.Mutex
	// idle are those that wait for further frames to be wanted of them, the oldest first.
	idle []idleFilm
	// waiting are the tasks of videos that a worker is at, by their paths.
	waiting map[string][]task
}

func newFilms(n int) films {
	return films{busy: make(chan struct{}, n), waiting: map[string][]task{}}
}

// begin adds a task, and reports whether it is up to the caller to do the tasks of this video, until next has none.
func (f *films) begin(task task) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	list, other := f.waiting[task.path]
	f.waiting[task.path] = append(list, task)
	return !other
}

// next gives the tasks of a video that have come meanwhile. With none, the next one begins again.
func (f *films) next(path string) []task {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.waiting[path]
	if f.waiting[path] = nil; len(list) == 0 {
		delete(f.waiting, path)
	}
	return list
}

type idleFilm struct {
	path string
	info os.FileInfo
	film *poster.Film
}

// take gives the film of a file that is still the same, or nil.
func (f *films) take(file *sourceFile) *poster.Film {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.idle, func(one idleFilm) bool { return one.path == file.path })
	if at < 0 {
		return nil
	}
	one := f.idle[at]
	f.idle = slices.Delete(f.idle, at, at+1)
	if !sameFile(one.info, file.info) {
		one.film.Close()
		return nil
	}
	return one.film
}

// put keeps a film for later. There are as many as can be read at a time; the oldest makes room.
func (f *films) put(file *sourceFile, film *poster.Film) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, idleFilm{file.path, file.info, film})
	if len(f.idle) > cap(f.busy) {
		f.idle[0].film.Close()
		f.idle = slices.Delete(f.idle, 0, 1)
	}
}

// close ends all that wait.
func (f *films) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.idle {
		one.film.Close()
	}
	f.idle = nil
}
