// Package thumbcache keeps thumbnails between calls, so that a picture is decoded
// once. A cache is a private directory of segments: files that are written once, by
// one process, and appear whole. Any number of processes may share it. What is
// damaged or gone is as if it had never been there: a cache makes things faster and
// never fails a job.
package thumbcache

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

// Key identifies what was asked for.
type Key [16]byte

// KeyOf makes a key of the parts that identify something.
func KeyOf(parts ...[]byte) Key {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		for i, n := 0, len(p); i < len(length); i, n = i+1, n>>8 {
			length[i] = byte(n)
		}
		h.Write(length[:])
		h.Write(p)
	}
	return Key(h.Sum(nil)[:len(Key{})])
}

// Limits of a cache.
const (
	// SegmentSize is about how large one segment becomes, the unit of eviction.
	SegmentSize = 32 << 20
	// manySmall is how many small segments are put together to larger ones: each call
	// that made some thumbnails leaves one.
	manySmall = 48
	// draftAge is how old an unfinished segment is when its process is taken for gone.
	draftAge = 24 * time.Hour
	// touchAge is how old the time of a segment's last use may be before it is renewed.
	touchAge = time.Hour
)

// settled is how long ago a file's last change has to be for FileState: times of files are
// coarse on some systems.
const settled = 2 * time.Second

// Cache is an open cache. Any number of goroutines may use it.
type Cache struct {
	dir         string
	limit       int64
	segmentSize int64

	mu       sync.RWMutex
	segments []*segment
	draft    *draft // nil until something is put in
	closed   bool
}

// Open opens the cache in a directory, which it makes if it is missing. The segments
// together are kept at about limit bytes at most. It is localfile.ErrNotPrivate if others
// could read what is in the directory, or exchange it.
func Open(dir string, limit int64) (*Cache, error) {
	if err := localfile.PrivateDir(dir); err != nil {
		return nil, err
	}
	c := &Cache{dir: dir, limit: limit, segmentSize: min(SegmentSize, max(limit/4, 1))}
	for _, one := range c.list() {
		// The newest first: it is likeliest to hold what is asked for.
		if s, err := openSegment(one.path, one.mod); err == nil {
			c.segments = append(c.segments, s)
		} else if errors.Is(err, errDamaged) {
			_ = os.Remove(one.path)
		}
	}
	return c, nil
}

// Get gives what was put in under a key, or linked to it.
func (c *Cache) Get(key Key) ([]byte, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return nil, false
	}
	for range 2 { // a link leads to another key, which is not a link
		if c.draft != nil {
			if data, next, ok := c.draft.get(key); ok {
				if data != nil {
					return data, true
				}
				key = next
				continue
			}
		}
		data, next, ok := c.find(key)
		if !ok {
			return nil, false
		}
		if data != nil {
			return data, true
		}
		key = next
	}
	return nil, false
}

func (c *Cache) find(key Key) (data []byte, next Key, ok bool) {
	for _, s := range c.segments {
		if data, next, ok = s.get(key); ok {
			s.touch()
			return data, next, true
		}
	}
	return nil, next, false
}

// Put keeps data under a key.
func (c *Cache) Put(key Key, data []byte) {
	c.add(record{key: key}, data)
}

// Link makes a key lead to another one.
func (c *Cache) Link(key, target Key) {
	c.add(record{key: key, link: true, target: target}, nil)
}

func (c *Cache) add(r record, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.draft == nil {
		d, err := newDraft(c.dir)
		if err != nil {
			return
		}
		c.draft = d
	}
	c.draft.add(r, data)
	if c.draft.size() >= c.segmentSize {
		c.seal()
	}
}

// seal finishes the segment that is being written; others see it from now on.
func (c *Cache) seal() {
	if c.draft == nil {
		return
	}
	path, err := c.draft.finish()
	c.draft = nil
	if err != nil {
		return
	}
	if s, err := openSegment(path, time.Now()); err == nil {
		c.segments = slices.Insert(c.segments, 0, s)
	}
	c.evict()
}

// Close finishes what is being written and deletes what is beyond the limit. The cache cannot be used afterwards.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.seal()
	c.merge()
	c.evict()
	c.closed = true
	for _, s := range c.segments {
		s.close()
	}
	c.segments = nil
}

// merge puts small segments together if there are many.
func (c *Cache) merge() {
	var small []*segment
	for _, s := range c.segments {
		if s.dataSize < c.segmentSize/8 {
			small = append(small, s)
		}
	}
	if len(small) < manySmall {
		return
	}
	var merged []*segment
	for i, s := range small {
		if c.draft == nil {
			d, err := newDraft(c.dir)
			if err != nil {
				return
			}
			c.draft = d
		}
		s.copyTo(c.draft)
		merged = append(merged, s)
		if c.draft.size() < c.segmentSize && i < len(small)-1 {
			continue
		}
		_, err := c.draft.finish()
		c.draft = nil
		if err != nil {
			return
		}
		for _, old := range merged {
			_ = os.Remove(old.path)
		}
		merged = merged[:0]
	}
}

// found is a segment in the directory.
type found struct {
	path string
	size int64
	mod  time.Time
}

// list is the segments, the one that was used last first. It removes what processes left
// that are gone.
func (c *Cache) list() []found {
	items, err := os.ReadDir(c.dir)
	if err != nil {
		return nil
	}
	var out []found
	for _, item := range items {
		info, err := item.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(c.dir, item.Name())
		switch {
		case strings.HasSuffix(item.Name(), segmentSuffix):
			out = append(out, found{path, info.Size(), info.ModTime()})
		case strings.HasSuffix(item.Name(), draftSuffix) && time.Since(info.ModTime()) > draftAge:
			_ = os.Remove(path)
		}
	}
	slices.SortFunc(out, func(a, b found) int {
		return cmp.Or(b.mod.Compare(a.mod), cmp.Compare(a.path, b.path))
	})
	return out
}

// evict removes the segments that were used longest ago, until the rest is small
// enough. Who has one open can still read it, but for systems that then keep it.
func (c *Cache) evict() {
	var total int64
	for _, one := range c.list() {
		if total += one.size; total > c.limit {
			if err := os.Remove(one.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			total -= one.size
		}
	}
}
