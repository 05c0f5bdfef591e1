package artifact

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"os"
	"path/filepath"
	"sync"
)

// Pack is one file of a Spool that holds the bytes of very many small entries, which as
// files of their own would cost more than their bytes. Any number of goroutines may use it.
type Pack struct {
	files *Files

	path string

	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	size int64
	err  error
}

// Pack makes a pack, whose entries are added to files. Close of the spool removes it.
func (s *Spool) Pack(name string, files *Files) (*Pack, error) {
	path := filepath.Join(s.dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, spoolFault(err, path)
	}
	return &Pack{files: files, path: path, file: f, out: bufio.NewWriterSize(f, bufferSize)}, nil
}

// Add puts in an entry with these bytes. Bytes whose path is there already are not stored
// again: the same path must mean the same content.
func (p *Pack) Add(path string, data []byte) error {
	sum := md5.Sum(data)
	e := Entry{Path: path, Digest: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(data)), LocalPath: p.path}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && p.file == nil {
		p.err = misused(filepath.Base(p.path), "is written to after it was closed")
	}
	if p.err != nil {
		return p.err
	}
	e.Offset = p.size
	if !p.files.Has(path) {
		if _, err := p.out.Write(data); err != nil {
			p.err = spoolFault(err, p.path)
			return p.err
		}
		p.size += e.Size
	}
	return p.files.Add(e) // which finds out if the content is another one
}

// Close writes what is still in memory. The entries can be read afterwards.
func (p *Pack) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return p.err
	}
	err := p.out.Flush()
	if closeErr := p.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil && p.err == nil {
		p.err = spoolFault(err, p.path)
	}
	p.file, p.out = nil, nil
	return p.err
}
