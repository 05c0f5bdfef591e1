// Package pillow decodes pictures by the Pillow that FiftyOne brings: those that the worker's own
// decoders do not know or find damaged. It runs shim/decoder.py in one process, which is started for
// the first picture, takes one after the other, and ends with this process.
//
// Pictures are files of others, so the process gets bytes and no paths, an empty environment, and
// limits on memory and time; it gives up the right to open files and sockets itself. What it answers
// is checked as if the picture had written it. A picture that makes it crash or hang costs its own
// cell: the next one gets a new process.
package pillow

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/child"
)

// Limits of the process.
const (
	// MaxTime is how long one picture may take.
	MaxTime = 30 * time.Second
	// startTime is how long Python and Pillow may take to start.
	startTime = 30 * time.Second
	// maxMemory is the address space of the process, libraries included.
	maxMemory = 2 << 30
)

// The kinds of error. Except for a done context, every error wraps one of them.
var (
	// ErrUnavailable: there is no Pillow that can be used, and Why says why.
	ErrUnavailable = errors.New("pictures cannot be decoded by Pillow")
	// ErrUnsupported: not a picture, or of a kind that this Pillow does not read either.
	ErrUnsupported = errors.New("a kind of picture that Pillow does not know")
	// ErrCorrupt: so damaged that nothing of it can be shown, or it ended the process.
	ErrCorrupt = errors.New("a picture that Pillow cannot read")
	// ErrTooLarge: beyond the limits.
	ErrTooLarge = errors.New("picture is too large")
)

// Program is what to run.
type Program struct {
	// Python is the interpreter, Script the path of decoder.py.
	Python, Script string
	// Packages are the directories that hold Pillow and what goes with it.
	Packages []string
}

// Limits are those of one picture: its pixels, and the bytes that they take as they are sent.
type Limits struct{ Pixels, Bytes int64 }

// Info is what a picture will be when it is decoded.
type Info struct {
	image.Config
	// Turn is Exif's orientation, from 1 (upright) to 8.
	Turn int
	// Bytes is the memory that its pixels take.
	Bytes int64
}

// Picture is a decoded picture, as it is stored.
type Picture struct {
	image.Image
	// Turn is Exif's orientation, from 1 (upright) to 8.
	Turn int
}

// Decoder runs the process. Any number of goroutines may use it; they take turns.
type Decoder struct {
	program Program
	maxTime time.Duration // MaxTime, less for tests
	// turn holds the state, which who takes it out puts back.
	turn chan *state
}

// state is what of a Decoder changes.
type state struct {
	running *process // nil for none
	why     error    // why there will be none
	started int
}

// New makes a Decoder, which has to be closed. It starts nothing.
func New(p Program) *Decoder {
	d := &Decoder{program: p, maxTime: MaxTime, turn: make(chan *state, 1)}
	d.turn <- &state{}
	return d
}

// Describe says what a file's picture will be, without decoding it.
func (d *Decoder) Describe(ctx context.Context, file []byte, l Limits) (Info, error) {
	a, err := d.ask(ctx, describe, file, l)
	if err != nil {
		return Info{}, err
	}
	return Info{Config: a.config(), Turn: a.turn, Bytes: a.length}, nil
}

// Decode gives the picture of a file: the first one of an animation or of several. Of a damaged one it gives
// what can be seen. The caller has memory for l.Bytes.
func (d *Decoder) Decode(ctx context.Context, file []byte, l Limits) (Picture, error) {
	a, err := d.ask(ctx, decode, file, l)
	if err != nil {
		return Picture{}, err
	}
	return Picture{Image: a.image, Turn: a.turn}, nil
}

// Check decodes a picture as a program with Pillow alone does, and gives no pixels: no file that is damaged, and none of
// a kind that takes another package, is in order.
func (d *Decoder) Check(ctx context.Context, file []byte, l Limits) (Info, error) {
	a, err := d.ask(ctx, check, file, l)
	if err != nil {
		return Info{}, err
	}
	return Info{Config: a.config(), Turn: a.turn, Bytes: a.length}, nil
}

// Why says, for people, why Pillow cannot be used; "" if it can, or if nobody has asked it yet.
func (d *Decoder) Why() string {
	s := <-d.turn
	defer func() { d.turn <- s }()
	if s.why == nil {
		return ""
	}
	return s.why.Error()
}

// Close ends the process.
func (d *Decoder) Close() {
	s := <-d.turn
	if s.running != nil {
		s.running.end()
	}
	s.running, s.why = nil, errClosed
	d.turn <- s
}

var errClosed = errors.New("the job has ended")

// ask sends one request, and starts the process if there is none.
func (d *Decoder) ask(ctx context.Context, op operation, file []byte, l Limits) (answer, error) {
	var s *state
	select {
	case s = <-d.turn:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	defer func() { d.turn <- s }()
	if s.running == nil && s.why == nil {
		s.running, s.why = d.start(ctx)
		if ctx.Err() != nil {
			s.why = nil
			return answer{}, ctx.Err()
		}
		s.started++
	}
	if s.why != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrUnavailable, s.why)
	}
	a, err := s.running.exchange(ctx, d.maxTime, request{op, file, l})
	switch {
	case err == nil:
		return a, a.failure()
	case ctx.Err() != nil:
		err = ctx.Err()
	default:
		err = fmt.Errorf("%w: %w: %s", ErrCorrupt, err, s.running.said())
	}
	s.running.end() // what it would answer now belongs to no request
	s.running = nil
	return answer{}, err
}

// process is the running program.
type process struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	out       *bufio.Reader
	wait      func() error
	complaint *tail
}

// start runs the program and waits until it is ready.
func (d *Decoder) start(ctx context.Context) (*process, error) {
	if d.program.Python == "" {
		return nil, errors.New("no Python interpreter with Pillow was found")
	}
	arguments := append([]string{"-I", "-S", "-B", d.program.Script}, d.program.Packages...)
	cmd := exec.Command(d.program.Python, arguments...) //nolint:gosec,noctx // the host names the program; it outlives a request
	// One thread is enough, and each arena of the allocator would count as memory.
	cmd.Env = []string{"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MALLOC_ARENA_MAX=2"}
	cmd.Dir = filepath.Dir(d.program.Script)
	p := &process{cmd: cmd, complaint: &tail{}}
	cmd.Stderr = p.complaint
	cmd.WaitDelay = time.Second
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 64<<10)
	if p.wait, err = child.Start(cmd, child.Limits{Memory: maxMemory}); err != nil {
		return nil, fmt.Errorf("%s could not be started: %w", d.program.Python, err)
	}
	err = p.within(ctx, startTime, func() error {
		said := make([]byte, len(hello))
		if _, err := io.ReadFull(p.out, said); err != nil || !bytes.Equal(said, hello) {
			return errors.New("it did not start")
		}
		return nil
	})
	if err != nil {
		p.end()
		return nil, fmt.Errorf("%s: %w: %s", d.program.Python, err, p.said())
	}
	slog.Debug("Pillow decodes what the worker does not", "python", d.program.Python, "pid", cmd.Process.Pid)
	return p, nil
}

// exchange sends a request and reads its answer.
func (p *process) exchange(ctx context.Context, most time.Duration, r request) (a answer, err error) {
	err = p.within(ctx, most, func() error {
		if err := r.write(p.in, most); err != nil {
			return err
		}
		a, err = readAnswer(p.out, r)
		return err
	})
	return a, err
}

// within runs do, and kills the process when the time is over or the context is done, which ends do.
func (p *process) within(ctx context.Context, most time.Duration, do func() error) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	stop := context.AfterFunc(limited, func() { _ = p.cmd.Process.Kill() })
	defer stop()
	err := do()
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("it took longer than %v", most)
	}
	return err
}

// end kills the process and waits for its end.
func (p *process) end() {
	_ = p.cmd.Process.Kill()
	_ = p.in.Close()
	_ = p.wait()
}

// said is the last line that the process complained in.
func (p *process) said() string {
	lines := strings.Split(strings.TrimSpace(string(p.complaint.bytes())), "\n")
	return lines[len(lines)-1]
}
