package picture

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
)

// look finds out whether there is a file that can be read.
func (f *sourceFile) look() {
	if f.path == "" {
		f.err = errMissing
		return
	}
	if scheme(f.path) != "" {
		f.err = errRemote
		return
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.err = errMissing
	case err != nil || !info.Mode().IsRegular():
		f.err = errUnreadable
	default:
		f.info, f.state = info, thumbcache.FileState(f.path, info)
	}
}

// reader opens the file, once, and gives it at its beginning. It stays open until close is called.
func (f *sourceFile) reader() (*localfile.File, error) {
	if f.file == nil {
		file, err := localfile.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errMissing
		}
		if err != nil {
			return nil, errUnreadable
		}
		f.file = file
		if f.info == nil || !sameFile(f.info, file.Info()) {
			f.info, f.state = file.Info(), nil // it was exchanged or written to since the look
		}
	}
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return nil, errUnreadable
	}
	return f.file, nil
}

// sameFile is whether a file was not exchanged or written to between two looks.
func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// close closes the file if it is open.
func (f *sourceFile) close() {
	if f != nil && f.file != nil {
		_ = f.file.Close() // it was only read
		f.file = nil
	}
}

// read gives the file's content, until release is called. Large files wait until
// there is room for them.
func (f *sourceFile) read(ctx context.Context, p *Maker) (data []byte, release func(), err error) {
	if f.data != nil {
		return f.data, func() {}, nil
	}
	file, err := f.reader()
	if err != nil {
		return nil, nil, err
	}
	head := make([]byte, thumb.HeadSize)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, nil, errUnreadable
	}
	if !thumb.Known(head[:n]) && !pillow.Known(head[:n]) {
		return nil, nil, errNotImage
	}
	size := file.Size()
	if size > largestFile {
		return nil, nil, errTooLarge
	}
	release = func() {}
	if size > p.smallFile {
		if err := p.large.Acquire(ctx, 1); err != nil {
			return nil, nil, err
		}
		release = func() { p.large.Release(1) }
	}
	if data, err = readAll(file, head[:n], size); err != nil {
		release()
		return nil, nil, err
	}
	f.sum = sha256.Sum256(data)
	if size <= p.smallFile {
		f.data = data
	}
	return data, release, nil
}

// readAll reads the rest of a file behind its head.
func readAll(r io.Reader, head []byte, size int64) ([]byte, error) {
	data := make([]byte, max(size, int64(len(head))))
	n, err := io.ReadFull(r, data[copy(data, head):])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, errUnreadable
	}
	return data[:len(head)+n], nil
}

// shownAsPicture reports whether the file of a video is a picture, and its first frame is asked for: that takes no ffmpeg.
// A file that cannot be read counts as one, since reading it says why.
func (f *sourceFile) shownAsPicture(m media) bool {
	if m.frame > 1 {
		return false
	}
	file, err := f.reader()
	if err != nil {
		return true
	}
	head := make([]byte, thumb.HeadSize)
	n, _ := io.ReadFull(file, head)
	return thumb.Known(head[:n])
}

// scheme is that of a URI, in lower case, or "" for a path of this machine.
func scheme(location string) string {
	before, _, ok := strings.Cut(location, "://")
	if !ok || before == "" || strings.ContainsAny(before, `/\.`) {
		return ""
	}
	return strings.ToLower(before)
}
