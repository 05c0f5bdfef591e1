package wandb

import (
	"crypto/md5"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// source is something to upload: it can be opened again for each try, and must have
// the same bytes each time.
type source struct {
	size int64
	// md5 is the digest, base64, that was promised to the server.
	md5  string
	open func() (io.ReadCloser, error)
	// changed is the error for bytes that are not those of the digest.
	changed error
}

// newMD5 is W&B's digest.
func newMD5() hash.Hash { return md5.New() }

func base64Sum(h hash.Hash) string { return base64.StdEncoding.EncodeToString(h.Sum(nil)) }

// fileSource uploads a part of an entry's file: size bytes from offset on.
func fileSource(e artifact.Entry, offset, size int64, digest string) source {
	changed := fileChanged(e)
	return source{size: size, md5: digest, changed: changed, open: func() (io.ReadCloser, error) {
		f, err := localfile.Open(e.LocalPath)
		if err != nil {
			return nil, unreadable(e, err)
		}
		if f.Size() == e.Size || e.ModTime.IsZero() && f.Size() >= e.Offset+e.Size {
			_, err = f.Seek(e.Offset+offset, io.SeekStart)
		} else {
			err = changed
		}
		if err != nil {
			_ = f.Close()
			return nil, unreadable(e, err)
		}
		return f, nil
	}}
}

func fileChanged(e artifact.Entry) error {
	return fault.New(fault.Media, fault.FileChanged,
		"The file %s changed while it was being logged, so nothing was committed. Log again when nothing writes to it.", e.LocalPath)
}

// unreadable is the fault for a file that was read before: one that is gone has changed.
func unreadable(e artifact.Entry, err error) error {
	switch {
	case fault.As(err) != nil:
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, localfile.ErrNotRegular), errors.Is(err, localfile.ErrChanged):
		return fileChanged(e)
	}
	return fault.Wrap(err, fault.Media, fault.UnreadableFile, "The file %s cannot be read any more (%s). Nothing was committed.", e.LocalPath, localfile.Reason(err))
}

// manifestSource uploads a manifest without holding it: it is written once for its
// digest and once more for each try, with a fresh set of births each time.
func manifestSource(files *artifact.Files, births func() func(path string) string) (source, error) {
	h := newMD5()
	var n countingWriter
	if err := files.WriteManifest(io.MultiWriter(h, &n), births()); err != nil {
		return source{}, err
	}
	return source{
		size: int64(n), md5: base64Sum(h),
		changed: fault.New(fault.Plugin, fault.Internal, "The artifact's manifest changed while it was uploaded."),
		open: func() (io.ReadCloser, error) {
			r, w := io.Pipe()
			// Without an error this is the end of the file.
			go func() { _ = w.CloseWithError(files.WriteManifest(w, births())) }()
			return r, nil
		},
	}, nil
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

// checkedBody is the body of one try. It opens its source when it is first read,
// and hands out the last bytes only if all of them are those of the digest: the
// server never has a whole body that is another file.
type checkedBody struct {
	src   source
	moved func(int64)

	mu     sync.Mutex
	r      io.ReadCloser
	hash   hash.Hash
	left   int64
	sent   int64
	closed bool
	void   bool
}

func newCheckedBody(src source, moved func(int64)) *checkedBody {
	if moved == nil {
		moved = func(int64) {}
	}
	return &checkedBody{src: src, moved: moved, left: src.size, hash: newMD5()}
}

// Read implements io.Reader.
func (b *checkedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, fs.ErrClosed
	}
	if b.r == nil {
		r, err := b.src.open()
		if err != nil {
			return 0, err
		}
		b.r = r
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	_, _ = b.hash.Write(p[:n])
	b.left -= int64(n)
	switch {
	case b.left == 0 && base64Sum(b.hash) != b.src.md5, b.left > 0 && errors.Is(err, io.EOF):
		return 0, b.src.changed
	case err != nil && !errors.Is(err, io.EOF):
		return 0, fault.Wrap(err, fault.Media, fault.UnreadableFile, "A file that was being uploaded cannot be read any more (%s). Nothing was committed.", localfile.Reason(err))
	}
	if !b.void {
		b.sent += int64(n)
		b.moved(int64(n))
	}
	return n, nil
}

// Close implements io.Closer.
func (b *checkedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.r == nil {
		return nil
	}
	return b.r.Close()
}

// takeBack takes off what this try counted: another one follows.
func (b *checkedBody) takeBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.void {
		b.void = true
		b.moved(-b.sent)
	}
}
