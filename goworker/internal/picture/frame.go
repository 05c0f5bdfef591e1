package picture

import (
	"context"
	"log/slog"
	"runtime"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

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
