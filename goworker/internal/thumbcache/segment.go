package thumbcache

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// A segment is the data of its records one after the other, then the index: a record of
// recordSize bytes for each, ordered by key, then a footer with the number of records,
// the index's checksum and segmentMagic.
const (
	segmentSuffix = ".thumbs"
	draftSuffix   = ".draft"
	segmentMagic  = "fo-thumbs-1\n"

	recordSize = 2*len(Key{}) + 8 + 4 + 4
	footerSize = 4 + 4 + len(segmentMagic)

	// maxRecords bounds the index of a segment that is read.
	maxRecords = 1 << 20
)

var errDamaged = errors.New("damaged segment")

var checksums = crc32.MakeTable(crc32.Castagnoli)

// record is one key's place in a segment. A link has a target in place of data.
type record struct {
	key, target Key
	link        bool
	offset      int64
	size        uint32
	sum         uint32
}

// linkSize in place of a size marks a link.
const linkSize = 1<<32 - 1

func (r record) append(b []byte) []byte {
	size := r.size
	if r.link {
		size = linkSize
	}
	b = append(append(b, r.key[:]...), r.target[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.offset))
	b = binary.LittleEndian.AppendUint32(b, size)
	return binary.LittleEndian.AppendUint32(b, r.sum)
}

func readRecord(b []byte) record {
	var r record
	const keySize = len(Key{})
	copy(r.key[:], b)
	copy(r.target[:], b[keySize:])
	b = b[2*keySize:]
	r.offset = int64(binary.LittleEndian.Uint64(b))
	r.size = binary.LittleEndian.Uint32(b[8:])
	r.sum = binary.LittleEndian.Uint32(b[12:])
	r.link = r.size == linkSize
	return r
}

// segment is a finished one, open for reading.
type segment struct {
	path     string
	file     *localfile.File
	index    []byte
	dataSize int64

	mu   sync.Mutex
	used time.Time
}

func openSegment(path string, mod time.Time) (*segment, error) {
	f, err := localfile.Open(path)
	if err != nil {
		return nil, err
	}
	s := &segment{path: path, file: f, used: mod}
	if err := s.readIndex(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func (s *segment) readIndex() error {
	var footer [footerSize]byte
	if _, err := s.file.ReadAt(footer[:], s.file.Size()-int64(footerSize)); err != nil {
		return errDamaged
	}
	count, sum := binary.LittleEndian.Uint32(footer[:]), binary.LittleEndian.Uint32(footer[4:])
	s.dataSize = s.file.Size() - int64(footerSize) - int64(count)*int64(recordSize)
	if string(footer[8:]) != segmentMagic || count > maxRecords || s.dataSize < 0 {
		return errDamaged
	}
	s.index = make([]byte, int(count)*recordSize)
	if _, err := s.file.ReadAt(s.index, s.dataSize); err != nil || crc32.Checksum(s.index, checksums) != sum {
		return errDamaged
	}
	return nil
}

// get finds a key: its data, or the key that it is linked to. Damaged data is not found.
func (s *segment) get(key Key) (data []byte, next Key, ok bool) {
	count := len(s.index) / recordSize
	at := func(i int) []byte { return s.index[i*recordSize : (i+1)*recordSize] }
	low, high := 0, count
	for low < high {
		if mid := (low + high) / 2; bytes.Compare(at(mid)[:len(key)], key[:]) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == count || !bytes.Equal(at(low)[:len(key)], key[:]) {
		return nil, next, false
	}
	r := readRecord(at(low))
	if r.link {
		return nil, r.target, true
	}
	return readData(s.file, r, s.dataSize)
}

func readData(f io.ReaderAt, r record, limit int64) ([]byte, Key, bool) {
	if r.offset < 0 || r.offset+int64(r.size) > limit {
		return nil, Key{}, false
	}
	data := make([]byte, r.size)
	if _, err := f.ReadAt(data, r.offset); err != nil || crc32.Checksum(data, checksums) != r.sum {
		return nil, Key{}, false
	}
	return data, Key{}, true
}

// copyTo adds all that is not damaged to another segment.
func (s *segment) copyTo(d *draft) {
	for b := s.index; len(b) >= recordSize; b = b[recordSize:] {
		r := readRecord(b)
		if r.link {
			d.add(r, nil)
		} else if data, _, ok := readData(s.file, r, s.dataSize); ok {
			d.add(r, data)
		}
	}
}

// touch notes that the segment is of use, which eviction goes by.
func (s *segment) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.used) > touchAge {
		s.used = now
		_ = os.Chtimes(s.path, now, now)
	}
}

func (s *segment) close() { _ = s.file.Close() }

// draft is a segment that is being written. It can be read from before it is finished.
type draft struct {
	file    *os.File
	out     *bufio.Writer
	at      int64
	written int64 // what has left the buffer
	records map[Key]record
	err     error
}

func newDraft(dir string) (*draft, error) {
	f, err := os.CreateTemp(dir, "*"+draftSuffix) // readable by this user only
	if err != nil {
		return nil, err
	}
	return &draft{file: f, out: bufio.NewWriterSize(f, 1<<18), records: map[Key]record{}}, nil
}

func (d *draft) size() int64 { return d.at + int64(len(d.records)*recordSize) }

func (d *draft) add(r record, data []byte) {
	if _, there := d.records[r.key]; there || d.err != nil {
		return
	}
	r.offset, r.size, r.sum = d.at, uint32(len(data)), crc32.Checksum(data, checksums)
	if _, d.err = d.out.Write(data); d.err != nil {
		return
	}
	d.at += int64(len(data))
	d.written = d.at - int64(d.out.Buffered())
	d.records[r.key] = r
}

// get reads what has been written to the file; what is still in memory will be soon.
func (d *draft) get(key Key) ([]byte, Key, bool) {
	r, ok := d.records[key]
	if !ok || r.link {
		return nil, r.target, ok
	}
	return readData(d.file, r, d.written)
}

// finish writes the index and gives the segment its name.
func (d *draft) finish() (path string, err error) {
	name := d.file.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(name)
		}
	}()
	keys := make([]record, 0, len(d.records))
	for _, r := range d.records {
		keys = append(keys, r)
	}
	slices.SortFunc(keys, func(a, b record) int { return bytes.Compare(a.key[:], b.key[:]) })
	index := make([]byte, 0, len(keys)*recordSize)
	for _, r := range keys {
		index = r.append(index)
	}
	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(keys)))
	footer = binary.LittleEndian.AppendUint32(footer, crc32.Checksum(index, checksums))
	footer = append(footer, segmentMagic...)
	err = d.err
	for _, b := range [][]byte{index, footer} {
		if err == nil {
			_, err = d.out.Write(b)
		}
	}
	if err == nil {
		err = d.out.Flush()
	}
	if closeErr := d.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", err
	}
	path = name[:len(name)-len(draftSuffix)] + segmentSuffix
	return path, os.Rename(filepath.Clean(name), path)
}
