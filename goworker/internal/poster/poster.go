// Package poster takes single pictures out of videos with the program ffmpeg, which
// has no shell in between, a fixed list of arguments, and limits in time, pixels, memory and size, and
// which ends with this process.
package poster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/child"
)

// Limits of one picture.
const (
	// MaxTime is how long ffmpeg may take.
	MaxTime = 30 * time.Second
	// MaxPixels is how many pixels a video's pictures may have: those of 8192 x 8192.
	MaxPixels = 1 << 26
	// MaxMemory is the address space that ffmpeg may have, and maxBlock the largest part of it
	// that it may ask for at once. A video of MaxPixels needs several pictures at a time.
	MaxMemory = 3 << 30
	maxBlock  = 512 << 20
	// MaxSize is the largest picture, in bytes without compression.
	MaxSize = 96 << 20
)

// ErrNoPicture is the error for a file that ffmpeg takes no picture out of.
var ErrNoPicture = errors.New("no picture in the video")

// Moment is where in a video to look.
type Moment struct {
	// Frame is the number of the frame, from 1.
	Frame int64
	// Rate is the video's frames per second; 0 where it is not known, which makes
	// ffmpeg count frames from the beginning.
	Rate float64
}

// String tells different moments apart.
func (m Moment) String() string { return fmt.Sprintf("%d@%g", m.Frame, m.Rate) }

// Maker takes pictures out of videos. Any number of goroutines may use it.
type Maker struct {
	// Program is the path of ffmpeg.
	Program string
	// MaxSide is the longest side that is asked of ffmpeg for; larger videos are shrunk.
	MaxSide int
	// pixels is a lower limit than MaxPixels, for tests.
	pixels int
}

// Picture gives the picture at a moment of the video in a local file, as a BMP file.
// Except for a done context, errors wrap ErrNoPicture.
func (m Maker) Picture(ctx context.Context, path string, at Moment) ([]byte, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPicture, err)
	}
	limited, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	cmd := exec.CommandContext(limited, m.Program, m.arguments(path, at)...) //nolint:gosec // the host names the program, and no argument is taken for an option
	cmd.Env = []string{}
	cmd.Dir = filepath.Dir(path)
	cmd.WaitDelay = time.Second
	out := &bounded{left: MaxSize, cancel: cancel}
	cmd.Stdout = out
	var complaint tail
	cmd.Stderr = &complaint
	err = child.Run(cmd, child.Limits{Memory: MaxMemory, CPU: MaxTime})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: %w: %s", ErrNoPicture, err, complaint.text)
	case out.buf.Len() == 0:
		return nil, fmt.Errorf("%w: ffmpeg gave nothing: %s", ErrNoPicture, complaint.text)
	}
	return out.buf.Bytes(), nil
}

// formats are the containers that are opened: those that hold one video. Lists of other
// files (playlists and the like) are not among them, since a dataset's file must not make us
// read another one.
const formats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,h264,hevc,av1,ivf,ogg,flv,asf,gif,apng,m4v,mxf,nut,wtv,dv,rm,y4m,yuv4mpegpipe,mjpeg"

// arguments are ffmpeg's. The path is absolute and has a protocol before it, so that
// nothing in it is taken for an option or another protocol.
func (m Maker) arguments(path string, at Moment) []string {
	args := []string{
		"-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", "-protocol_whitelist", "file", "-format_whitelist", formats,
		"-max_alloc", strconv.Itoa(maxBlock), "-timelimit", strconv.Itoa(int(MaxTime.Seconds())), "-max_pixels", strconv.Itoa(cmp.Or(m.pixels, MaxPixels)),
	}
	shrink := fmt.Sprintf("scale='min(iw,%[1]d)':'min(ih,%[1]d)':force_original_aspect_ratio=decrease", m.MaxSide)
	count := at.Frame > 1 && at.Rate <= 0
	if at.Frame > 1 && !count {
		// Half a frame before it, so that rounding leads to no other one.
		args = append(args, "-ss", strconv.FormatFloat((float64(at.Frame)-1.5)/at.Rate, 'f', 6, 64))
	}
	args = append(args, "-i", "file:"+path, "-map", "0:v:0", "-an", "-sn", "-dn")
	if count {
		shrink = fmt.Sprintf(`select='gte(n\,%d)',`, at.Frame-1) + shrink
	}
	return append(args, "-vf", shrink, "-frames:v", "1", "-pix_fmt", "bgr24", "-c:v", "bmp", "-f", "image2pipe", "pipe:1")
}

// bounded gathers a program's output, and ends the program when it is too much.
type bounded struct {
	buf    bytes.Buffer
	left   int
	cancel func()
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		b.cancel()
		return 0, errors.New("too large")
	}
	return b.buf.Write(p)
}

// tail keeps the beginning of what a program complains about.
type tail struct{ text []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	const most = 300
	t.text = append(t.text, p[:min(len(p), most-len(t.text))]...)
	return len(p), nil
}
