package poster

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/child"
)

// formats are the containers that are opened: those that hold one video. Lists of other
// files (playlists and the like) are not among them, since a dataset's file must not make us
// read another one.
const formats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,h264,hevc,av1,obu,ivf,ogg,flv,asf,gif,apng,m4v,mxf,nut,wtv,dv,rm,y4m,yuv4mpegpipe,mjpeg"

// input are the arguments before a file's. The path is absolute and has a protocol before it, so that
// nothing in it is taken for an option or another protocol.
func (f *Film) input(threads int, options ...string) []string {
	args := []string{
		"-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "1", "-threads", strconv.Itoa(max(threads, 1)),
		"-protocol_whitelist", "file", "-format_whitelist", formats,
		// One second below what the child may have, since ffmpeg sets one more.
		"-max_alloc", strconv.Itoa(maxBlock), "-timelimit", strconv.Itoa(int(maxCPU.Seconds()) - 1), "-max_pixels", strconv.Itoa(cmp.Or(f.maker.pixels, MaxPixels)),
		"-reinit_filter", "0", // else the count of frames starts again where their size changes
	}
	args = append(args, options...)
	// V leaves out the covers of audio files.
	return append(args, "-i", "file:"+f.path, "-map", "0:V:0", "-an", "-sn", "-dn")
}

// apart is how many seconds ffmpeg is told that pictures are shown after each other: more than a frame is shown for, or it would be doubled.
const apart = 10_000

// output makes pictures of the frames that a filter has chosen, each in its own time so that ffmpeg neither doubles nor drops any
// to keep a rate; the option for that has other names in its older versions. They are as large as they are shown, with the same pixels on
// every processor.
func (f *Film) output(choose string) []string {
	if f.stride > 1 {
		choose += fmt.Sprintf(`,select='not(mod(n\,%d))'`, f.stride)
	}
	shrink := fmt.Sprintf(`min(1\,%d/max(iw*sar\,ih))`, f.maker.MaxSide)
	filter := choose + fmt.Sprintf(",scale=w='max(1\\,round(iw*sar*%[1]s))':h='max(1\\,round(ih*%[1]s))':flags=bicubic+accurate_rnd+bitexact,settb=%[2]d,setpts=N", shrink, apart)
	args := []string{"-vf", filter, "-r", fmt.Sprintf("1/%d", apart), "-pix_fmt", "bgr24", "-c:v", "bmp"}
	if f.single {
		args = append(args, "-frames:v", "1")
	}
	return append(args, "-f", "image2pipe", "pipe:1")
}

// run is one run of ffmpeg that gives every so many frames from one of them on.
type run struct {
	out       *os.File
	reader    *bufio.Reader
	cancel    context.CancelFunc
	wait      func() error
	complaint *complaint

	stride   int64
	skipped  int64 // frames before the first picture
	next     int64 // the number of the frame that comes next
	pictures int64
	seeked   bool
	single   bool // it gives one picture
	patience time.Duration
}

// plan is how a run is started.
type plan struct {
	first   int64
	skipped int64 // frames that are decoded before it
	seeked  bool
	args    []string
}

// count finds a frame by counting from the beginning.
func (f *Film) count(first int64) plan {
	return plan{first: first, skipped: first - 1, args: append(f.input(f.threads(first)), f.output(fmt.Sprintf(`select='gte(n\,%d)'`, first-1))...)}
}

// seek finds a frame by its time, starting at the keyframe before it. Nothing comes where no frame has just that time.
func (f *Film) seek(key, first int64) plan {
	at, from := f.index.time(first), f.index.time(key)
	const margin = 0.0002 // seconds; less than between two frames
	choose := fmt.Sprintf(`select='if(gte(selected_n\,1)\,1\,between(t\,%.6f\,%.6f))'`, at-margin, at+margin)
	args := f.input(f.threads(first-key), "-copyts", "-noaccurate_seek", "-seek_timestamp", "1", "-ss", strconv.FormatFloat(from, 'f', 6, 64))
	return plan{first: first, skipped: first - key, seeked: true, args: append(args, f.output(choose)...)}
}

// threads is how many threads are worth their start.
func (f *Film) threads(frames int64) int {
	const few = 8
	if f.single && frames <= few {
		return 1
	}
	return f.maker.Threads
}

func (f *Film) start(p plan) error {
	r, err := f.launch(p.args)
	if err != nil {
		f.failed = err
		return fmt.Errorf("%w: %w", ErrNoPicture, err)
	}
	r.next, r.skipped, r.seeked = p.first, p.skipped, p.seeked
	r.stride, r.single, r.patience = f.stride, f.single, f.maker.patient()
	f.run = r
	return nil
}

// launch starts ffmpeg.
func (f *Film) launch(args []string) (*run, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // the program has its own
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, f.maker.Program, args...) //nolint:gosec // the host names the program, and no argument is taken for an option
	cmd.Env = []string{}
	cmd.Dir = filepath.Dir(f.path)
	cmd.WaitDelay = time.Second
	r := &run{out: out, cancel: cancel, complaint: &complaint{}}
	cmd.Stdout, cmd.Stderr = in, r.complaint
	r.wait, err = child.Start(cmd, child.Limits{Memory: MaxMemory, CPU: maxCPU})
	if err != nil {
		cancel()
		_ = out.Close()
		return nil, err
	}
	const ahead = 1 << 20
	r.reader = bufio.NewReaderSize(out, ahead)
	return r, nil
}

// close ends the run, and returns what ffmpeg complained about, nil for nothing. A run that has no more to give gets the time to
// say how it went.
func (r *run) close(finished bool) error {
	if finished {
		defer time.AfterFunc(time.Second, r.cancel).Stop()
	} else {
		r.cancel()
	}
	_ = r.out.Close()
	err := r.wait()
	r.cancel()
	if text := r.complaint.text.String(); text != "" {
		return errors.New(strings.TrimSpace(text))
	}
	if !finished {
		return nil // it was we who ended it
	}
	return err
}

// errEnd is the error where there are no more frames.
var errEnd = errors.New("no more frames")

// readTo reads the run's pictures up to that of a frame.
func (r *run) readTo(ctx context.Context, number int64) ([]byte, error) {
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	skipped := r.stride // frames that are decoded for the next picture
	if r.pictures == 0 {
		skipped = r.skipped
	}
	for {
		at := r.next
		picture, err := r.read(at == number, r.patience+time.Duration(skipped)*slowest)
		skipped = r.stride
		if err != nil {
			return nil, err
		}
		r.next += r.stride
		r.pictures++
		if at == number {
			return picture, nil
		}
	}
}

// slowest is how long a frame may take that is decoded for nothing.
const slowest = 100 * time.Millisecond

// headSize is that of the part of a BMP file that has its kind and its size, in bytes.
const headSize = 6

// read reads the next picture, which is wanted or skipped.
func (r *run) read(wanted bool, patience time.Duration) ([]byte, error) {
	timer := time.AfterFunc(patience, r.cancel)
	head, err := r.reader.Peek(headSize)
	ended := !timer.Stop()
	switch {
	case ended:
		return nil, fmt.Errorf("nothing came for %v", patience)
	case errors.Is(err, io.EOF) && len(head) == 0:
		return nil, errEnd
	case err != nil:
		return nil, err
	case string(head[:2]) != "BM":
		return nil, errors.New("ffmpeg gave something else than pictures")
	}
	size := int(binary.LittleEndian.Uint32(head[2:]))
	if size < headSize || size > maxSize {
		return nil, fmt.Errorf("a picture of %d bytes", size)
	}
	if !wanted {
		_, err := r.reader.Discard(size)
		return nil, err
	}
	picture := make([]byte, size)
	_, err = io.ReadFull(r.reader, picture)
	return picture, err
}
