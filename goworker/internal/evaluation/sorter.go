package evaluation

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
)

// Scratch is a temporary file: what is appended can be read again.
type Scratch interface {
	io.Writer
	io.ReaderAt
}

// chunkRecords is how many records are sorted in memory at a time, of 16 bytes each; a variable for tests.
var chunkRecords = 1 << 20

// record is something to sort: by group, then by key, then by low.
type record struct {
	key        uint64
	group, low uint32
}

const recordBytes = 16

func (a record) compare(b record) int {
	if c := cmp.Compare(a.group, b.group); c != 0 {
		return c
	}
	if c := cmp.Compare(a.key, b.key); c != 0 {
		return c
	}
	return cmp.Compare(a.low, b.low)
}

// sorter sorts any number of records in bounded memory: those that are too many go to a scratch file, chunk
// by chunk, and are merged from there.
type sorter struct {
	scratch func() (Scratch, error)
	chunk   []record
	file    Scratch
	runs    []int64 // records of each run in the file
}

var errNoScratch = errors.New("evaluation: too many records to sort without a scratch file")

func (s *sorter) add(r record) error {
	if len(s.chunk) >= chunkRecords {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.chunk = append(s.chunk, r)
	return nil
}

// spill writes the sorted chunk to the file.
func (s *sorter) spill() (err error) {
	if s.file == nil {
		if s.scratch == nil {
			return errNoScratch
		}
		if s.file, err = s.scratch(); err != nil {
			return err
		}
	}
	slices.SortFunc(s.chunk, record.compare)
	out := bufio.NewWriterSize(s.file, bufferSize)
	var raw [recordBytes]byte
	for _, r := range s.chunk {
		binary.LittleEndian.PutUint64(raw[:], r.key)
		binary.LittleEndian.PutUint32(raw[8:], r.group)
		binary.LittleEndian.PutUint32(raw[12:], r.low)
		if _, err := out.Write(raw[:]); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, int64(len(s.chunk)))
	s.chunk = s.chunk[:0]
	return out.Flush()
}

// checkEvery is after how many records a cancel is noticed.
const checkEvery = 1 << 16

// each calls fn with the records in their order. Nothing can be added afterwards.
func (s *sorter) each(ctx context.Context, fn func(record) error) error {
	n := 0
	return s.merge(func(r record) error {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return fn(r)
	})
}

func (s *sorter) merge(fn func(record) error) error {
	slices.SortFunc(s.chunk, record.compare)
	if len(s.runs) == 0 {
		for _, r := range s.chunk {
			if err := fn(r); err != nil {
				return err
			}
		}
		return nil
	}
	heads := runHeap{&runReader{rest: s.chunk}}
	var at int64
	for _, n := range s.runs {
		section := io.NewSectionReader(s.file, at, n*recordBytes)
		heads = append(heads, &runReader{in: bufio.NewReaderSize(section, bufferSize), left: n})
		at += n * recordBytes
	}
	for i := len(heads) - 1; i >= 0; i-- {
		more, err := heads[i].next()
		if err != nil {
			return err
		}
		if !more {
			heads = slices.Delete(heads, i, i+1)
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 {
		if err := fn(heads[0].head); err != nil {
			return err
		}
		more, err := heads[0].next()
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
	return nil
}

// runReader reads one sorted run, from the file or from memory.
type runReader struct {
	in   *bufio.Reader
	left int64
	rest []record
	head record
}

func (r *runReader) next() (bool, error) {
	if r.in == nil {
		if len(r.rest) == 0 {
			return false, nil
		}
		r.head, r.rest = r.rest[0], r.rest[1:]
		return true, nil
	}
	if r.left == 0 {
		return false, nil
	}
	r.left--
	var raw [recordBytes]byte
	if _, err := io.ReadFull(r.in, raw[:]); err != nil {
		return false, err
	}
	r.head = record{
		key:   binary.LittleEndian.Uint64(raw[:]),
		group: binary.LittleEndian.Uint32(raw[8:]), low: binary.LittleEndian.Uint32(raw[12:]),
	}
	return true, nil
}

// runHeap has the run with the least head first.
type runHeap []*runReader

// Len implements heap.Interface.
func (h runHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h runHeap) Less(i, j int) bool { return h[i].head.compare(h[j].head) < 0 }

// Swap implements heap.Interface.
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *runHeap) Push(x any) { *h = append(*h, x.(*runReader)) }

// Pop implements heap.Interface.
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// rising turns a float into a key of the same order.
func rising(v float64) uint64 {
	if v == 0 {
		v = 0 // -0 is equal
	}
	bits := math.Float64bits(v)
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

// falling is the other way round; NaN comes last, as numpy sorts it.
func falling(v float64) uint64 {
	if math.IsNaN(v) {
		return math.MaxUint64
	}
	return ^rising(v)
}

// risen is the float of a rising key.
func risen(key uint64) float64 {
	if key>>63 == 0 {
		return math.Float64frombits(^key)
	}
	return math.Float64frombits(key &^ (1 << 63))
}
