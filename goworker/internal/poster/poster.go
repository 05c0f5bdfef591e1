// Package poster takes frames out of videos with the program ffmpeg, which
// has no shell in between, a fixed list of arguments, and limits in time, pixels, memory and size, and
// which ends with this process.
//
// A frame's number is FiftyOne's: the first one that a decoder gives is 1, whatever the times say.
package poster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Limits of what ffmpeg may take.
const (
	// MaxTime is how long ffmpeg may take until the next frame.
	MaxTime = 30 * time.Second
	// maxCPU is how long one run may compute for: of a long video all frames may be wanted.
	maxCPU = 4 * time.Hour
	// MaxPixels is how many pixels a video's pictures may have: those of 8192 x 8192.
	MaxPixels = 1 << 26
	// MaxMemory is the address space that ffmpeg may have, and maxBlock the largest part of it
	// that it may ask for at once. A video of MaxPixels needs several pictures at a time.
	MaxMemory = 3 << 30
	maxBlock  = 512 << 20
	// maxSize is the largest picture, in bytes without compression.
	maxSize = 96 << 20
)

// Version changes when the same video gives other pictures.
const Version = "poster 2"

// ErrNoPicture is the error for a frame that ffmpeg does not take out of a file.
var ErrNoPicture = errors.New("no picture in the video")

// Maker opens videos. Any number of goroutines may use it.
type Maker struct {
	// Program is the path of ffmpeg.
	Program string
	// MaxSide is the longest side of the pictures; larger ones are shrunk.
	MaxSide int
	// Threads is how many threads decode, where many frames are wanted; 0 means one.
	Threads int
	// pixels is a lower limit than MaxPixels, through another one than skipLimit, and patience than MaxTime, for tests.
	pixels   int
	through  int64
	patience time.Duration
}

// skipLimit is how many frames are decoded for nothing before it pays to start ffmpeg again behind them.
const skipLimit = 300

func (m Maker) skipLimit() int64       { return cmp.Or(m.through, skipLimit) }
func (m Maker) patient() time.Duration { return cmp.Or(m.patience, MaxTime) }

// Film takes frames out of one video. As long as they are asked for in ascending order, they come from one run of ffmpeg,
// which waits while none is asked for. Only one goroutine may use it at a time.
type Film struct {
	maker  Maker
	path   string
	run    *run // nil for none
	stride int64
	single bool
	index  index
	// counting is set where frames are found by counting them from the beginning only.
	counting bool
	// end is the number of a frame that the video is known not to have, with all behind it; 0 for none.
	end    int64
	failed error
}

// Open prepares for frames of the video in a local file. Close has to be called.
func (m Maker) Open(path string) *Film {
	f := &Film{maker: m, stride: 1}
	f.path, f.failed = filepath.Abs(path)
	return f
}

// Close ends ffmpeg.
func (f *Film) Close() { f.stop() }

func (f *Film) stop() {
	if f.run != nil {
		_ = f.run.close(false)
		f.run = nil
	}
}

// Plan says which frames will be asked for next: distinct numbers in ascending order. Others may be asked for, too; they cost more.
func (f *Film) Plan(frames []int64) {
	if len(frames) == 0 {
		return
	}
	stride := int64(0)
	for _, n := range frames[1:] {
		stride = commonDivisor(stride, n-frames[0])
	}
	f.single = len(frames) == 1
	if f.run != nil && f.run.next <= frames[0] && (frames[0]-f.run.next)%f.run.stride == 0 && stride%f.run.stride == 0 {
		return
	}
	f.stop()
	if f.stride = max(stride, 1); stride > f.maker.skipLimit() {
		f.stride = 1 // what is between them is rather not decoded
	}
}

func commonDivisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Frame gives the frame with a number as a BMP file; numbers below 1 mean the first one. Except for a done context, which
// makes the film useless, errors wrap ErrNoPicture.
func (f *Film) Frame(ctx context.Context, number int64) ([]byte, error) {
	number = max(number, 1)
	for {
		if f.failed != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoPicture, f.failed)
		}
		if f.end > 0 && number >= f.end {
			return nil, fmt.Errorf("%w: it ends before frame %d", ErrNoPicture, f.end)
		}
		if err := f.reach(ctx, number); err != nil {
			f.stop()
			return nil, err
		}
		picture, err := f.run.readTo(ctx, number)
		if err == nil {
			if f.run.single {
				f.stop()
			}
			return picture, nil
		}
		if ctx.Err() != nil {
			f.stop()
			return nil, ctx.Err()
		}
		f.ended(err)
	}
}

// ended draws the conclusions from the end of a run.
func (f *Film) ended(err error) {
	r := f.run
	f.run = nil
	end := errors.Is(err, errEnd)
	said := r.close(end)
	switch {
	case r.seeked && r.pictures == 0:
		// The place was not found, or its frames have other times than their packets.
		f.counting = true
	case r.pictures == 0 && f.maker.Threads > 1 && (said != nil || !end):
		f.maker.Threads = 1 // each thread takes memory, which is limited
	case end && r.next > 1:
		f.end = r.next
	case said != nil:
		f.failed = fmt.Errorf("%w: %w", err, said)
	default:
		f.failed = err
	}
}

// reach makes sure that a run is on its way to a frame.
func (f *Film) reach(ctx context.Context, number int64) error {
	at := int64(1) // where a run would have to begin otherwise
	if r := f.run; r != nil {
		if r.next <= number && (number-r.next)%r.stride == 0 {
			if number-r.next <= f.maker.skipLimit() || f.counting {
				return nil
			}
			at = r.next
		} else {
			f.stop()
		}
	}
	if !f.counting && number-at > f.maker.skipLimit() {
		key, ok, err := f.index.keyBefore(ctx, f, number)
		if err != nil {
			return err
		}
		if f.counting = !ok; ok && key-at > f.maker.skipLimit()/2 {
			f.stop()
			return f.start(f.seek(key, number))
		}
	}
	if f.run != nil {
		return nil
	}
	return f.start(f.count(number))
}

// complaint keeps the beginning of what a program complains about.
type complaint struct{ text bytes.Buffer }

// Write implements io.Writer.
func (c *complaint) Write(p []byte) (int, error) {
	const most = 300
	c.text.Write(p[:min(len(p), most-c.text.Len())])
	return len(p), nil
}
