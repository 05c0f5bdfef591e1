// Package localfile opens files whose paths come from others (datasets, settings), and judges
// whose files and directories are. Nothing else in the worker opens such files.
package localfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Errors of Open and of reading.
var (
	// ErrNotRegular is the error for directories, pipes, sockets, devices, and for what the
	// kernel makes up when it is read, such as files in /proc.
	ErrNotRegular = errors.New("not a regular file")
	// ErrChanged is the error for a file that became shorter while it was read.
	ErrChanged = errors.New("the file changed while it was read")
	// ErrTooLarge is the error for a file with more bytes than the caller takes.
	ErrTooLarge = errors.New("the file is too large")
)

// File is a regular file that is open for reading, up to the size that it had when it was
// opened: what is added later is not seen. Its methods are those of io.SectionReader.
type File struct {
	*io.SectionReader
	file *os.File
	info fs.FileInfo
}

// Open opens a regular file, without ever waiting for somebody at the other end of it. Links are
// followed, since media are often links; what counts is the file that they lead to. Errors are
// ErrNotRegular and those of package os.
func Open(path string) (*File, error) {
	// Opening alone can act: on a tape, it rewinds. So look first; the look decides nothing else.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	file, err := os.OpenFile(path, os.O_RDONLY|dontWait, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || madeUp(file)) {
		err = ErrNotRegular
	}
	if err != nil {
		_ = file.Close() // it was not even read
		return nil, err
	}
	return &File{SectionReader: io.NewSectionReader(file, 0, info.Size()), file: file, info: info}, nil
}

// Read implements io.Reader. A file that ends before its size is ErrChanged.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.SectionReader.Read(p)
	if err == io.EOF { //nolint:errorlint // as io.Reader has it
		if at, _ := f.Seek(0, io.SeekCurrent); at < f.Size() {
			return n, ErrChanged
		}
	}
	return n, err
}

// Info is what the file was when it was opened.
func (f *File) Info() fs.FileInfo { return f.info }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// ReadAll reads a regular file of at most so many bytes.
func ReadAll(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if f.Size() > most {
		return nil, ErrTooLarge
	}
	data := make([]byte, f.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return data, nil
}
