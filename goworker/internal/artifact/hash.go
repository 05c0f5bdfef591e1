package artifact

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// bufferSize is how many bytes are read, hashed or written at once.
const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// HashFile reads a regular file once and gives the base64 MD5 that W&B knows it by, the hex
// SHA-256 that its tables name it by, its size in bytes, and when it was last changed before
// it was read. It stops when ctx is done, with ctx's error. What package localfile does not
// open is refused without waiting for it.
func HashFile(ctx context.Context, path string) (md5b64, sha256hex string, size int64, mod time.Time, err error) {
	file, err := localfile.Open(path)
	if err != nil {
		return "", "", 0, time.Time{}, unreadable(path, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	return Hash(ctx, path, file)
}

// Hash is HashFile for a file that is open. The path is for errors.
func Hash(ctx context.Context, path string, file *localfile.File) (md5b64, sha256hex string, size int64, mod time.Time, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", "", 0, time.Time{}, unreadable(path, err)
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	short, long := md5.New(), sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", "", 0, time.Time{}, err
		}
		n, err := file.Read(buf[:])
		short.Write(buf[:n])
		long.Write(buf[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", "", 0, time.Time{}, unreadable(path, err)
		}
	}
	return base64.StdEncoding.EncodeToString(short.Sum(nil)), hex.EncodeToString(long.Sum(nil)), size, file.Info().ModTime(), nil
}

func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, localfile.ErrNotRegular):
		return fault.Wrap(err, fault.Media, fault.NotAFile, "%s is not a regular file, so it cannot be uploaded.", path)
	case errors.Is(err, localfile.ErrChanged):
		return fault.Wrap(err, fault.Media, fault.FileChanged, "The file %s became shorter while it was read. Try again when nothing writes to it.", path)
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.Media, fault.MissingFile, "The file %s does not exist. Put it back, or leave its sample out.", path)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Media, fault.UnreadableFile, "You have no permission to read the file %s.", path)
	}
	return fault.Wrap(err, fault.Media, fault.UnreadableFile, "The file %s cannot be read: %v.", path, reason(err))
}

// reason is an error of a file without the operation and the path, which the text around it says.
func reason(err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// Changed is whether the file of an entry is not what it was when it was hashed: other in
// size or time, no regular file any more, or gone. Files of our own and references never are.
func (e Entry) Changed() (bool, error) {
	if e.Ref != "" || e.ModTime.IsZero() {
		return false, nil
	}
	info, err := os.Stat(e.LocalPath)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, unreadable(e.LocalPath, err)
	}
	same := info.Mode().IsRegular() && info.Size() == e.Size && info.ModTime().UnixNano() == e.ModTime.UnixNano()
	return !same, nil
}
