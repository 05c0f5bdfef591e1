package artifact

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"hash/maphash"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// store keeps a million entries in 116 MB. A slice of records with their texts as strings and a map by path were
// measured to take 208 MB, and more while they grow, of the 300 MB that a job may have. So paths
// are in large blocks, MD5s are bytes, directories stand there once, and the name of a local file not at all if the
// entry's path ends with it; the hash table holds numbers only.
type store struct {
	pages  [][]record // each of pageRecords, so that growing copies nothing
	count  int
	blocks [][]byte // of texts, see record
	dirs   []string
	dirIDs map[string]uint32
	table  []uint32 // hash table of record numbers + 1; 0 is free
	seed   maphash.Seed
	order  []uint32 // record numbers by path; nil when one was added
}

const (
	pageRecords = 1024
	blockSize   = 1 << 18
	// sameName is the length of a local file's name that is the last part of the entry's path.
	sameName = math.MaxUint32
	// noTime stands for no time of change.
	noTime = math.MinInt64
)

// record is an entry. The texts of its path and, unless it is sameName, of its file's
// name stand behind each other in a block; of a reference those of its path, its URI and
// its digest, unless that is an MD5 or the URI.
type record struct {
	md5           [md5.Size]byte
	size, modTime int64
	dataAt        int64 // Entry.Offset
	block, offset uint32
	pathLen       uint32
	nameLen       uint32  // of a reference that of its URI
	dir           uint32  // number + 1 in dirs, or 0; of a reference the length of its digest's text
	ref           refKind // 0 for no reference
}

// refKind is where the digest of a reference is.
type refKind uint32

const (
	refMD5  refKind = iota + 1 // in record.md5
	refURI                     // it is the URI
	refText                    // behind the URI
)

func (s *store) record(i uint32) *record { return &s.pages[i/pageRecords][i%pageRecords] }

func (s *store) path(i uint32) []byte {
	r := s.record(i)
	return s.blocks[r.block][r.offset : r.offset+r.pathLen]
}

// add puts in an entry that is not there yet.
func (s *store) add(e Entry) {
	r := record{size: e.Size, modTime: noTime, dataAt: e.Offset, pathLen: uint32(len(e.Path))}
	if !e.ModTime.IsZero() {
		r.modTime = e.ModTime.UnixNano()
	}
	text := e.Path
	if e.Ref != "" {
		text += s.addRef(&r, e)
	} else {
		r.md5, _ = decodeMD5(e.Digest)
	}
	if e.Ref == "" && e.LocalPath != "" {
		cut := strings.LastIndexByte(e.LocalPath, os.PathSeparator) + 1
		name := e.LocalPath[cut:]
		r.dir = s.dirID(e.LocalPath[:cut])
		r.nameLen = uint32(len(name))
		if e.Path[strings.LastIndexByte(e.Path, '/')+1:] == name {
			r.nameLen = sameName
		} else {
			text += name
		}
	}
	r.block, r.offset = s.keep(text)
	if s.count%pageRecords == 0 {
		s.pages = append(s.pages, make([]record, 0, pageRecords))
	}
	last := &s.pages[len(s.pages)-1]
	*last = append(*last, r)
	s.count++
	s.order = nil
	s.index(uint32(s.count - 1))
}

// addRef completes the record of a reference, and gives what is to be kept of it as text.
func (s *store) addRef(r *record, e Entry) string {
	r.nameLen = uint32(len(e.Ref))
	if e.Digest == e.Ref {
		r.ref = refURI
		return e.Ref
	}
	if sum, ok := decodeMD5(e.Digest); ok {
		r.ref, r.md5 = refMD5, sum
		return e.Ref
	}
	r.ref, r.dir = refText, uint32(len(e.Digest))
	return e.Ref + e.Digest
}

// behind is the text of n bytes that stands so many bytes behind a record's path.
func (s *store) behind(r *record, skip, n uint32) []byte {
	start := r.offset + r.pathLen + skip
	return s.blocks[r.block][start : start+n]
}

func (s *store) entry(i uint32) Entry {
	r := s.record(i)
	e := Entry{Path: string(s.path(i)), Size: r.size, Offset: r.dataAt, Digest: string(s.appendDigest(nil, i))}
	if r.modTime != noTime {
		e.ModTime = time.Unix(0, r.modTime)
	}
	if r.ref > 0 {
		e.Ref = string(s.behind(r, 0, r.nameLen))
		return e
	}
	if r.dir == 0 {
		return e
	}
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	if r.nameLen != sameName {
		name = string(s.behind(r, 0, r.nameLen))
	}
	e.LocalPath = s.dirs[r.dir-1] + name
	return e
}

func (s *store) appendDigest(dst []byte, i uint32) []byte {
	r := s.record(i)
	switch r.ref {
	case refURI:
		return append(dst, s.behind(r, 0, r.nameLen)...)
	case refText:
		return append(dst, s.behind(r, r.nameLen, r.dir)...)
	}
	return base64.StdEncoding.AppendEncode(dst, r.md5[:])
}

// keep puts a text into the last block, or a new one if it does not fit.
func (s *store) keep(text string) (block, offset uint32) {
	last := len(s.blocks) - 1
	if last < 0 || cap(s.blocks[last])-len(s.blocks[last]) < len(text) {
		s.blocks = append(s.blocks, make([]byte, 0, max(blockSize, len(text))))
		last++
	}
	offset = uint32(len(s.blocks[last]))
	s.blocks[last] = append(s.blocks[last], text...)
	return uint32(last), offset
}

func (s *store) dirID(dir string) uint32 {
	id, ok := s.dirIDs[dir]
	if !ok {
		if s.dirIDs == nil {
			s.dirIDs = make(map[string]uint32)
		}
		dir = strings.Clone(dir) // not a part of some longer text that it would keep alive
		s.dirs = append(s.dirs, dir)
		id = uint32(len(s.dirs))
		s.dirIDs[dir] = id
	}
	return id
}

// find looks up the record of a path.
func (s *store) find(path string) (uint32, bool) {
	if len(s.table) == 0 {
		return 0, false
	}
	mask := uint64(len(s.table) - 1)
	for slot := maphash.String(s.seed, path) & mask; ; slot = (slot + 1) & mask {
		switch i := s.table[slot]; {
		case i == 0:
			return 0, false
		case string(s.path(i-1)) == path:
			return i - 1, true
		}
	}
}

// index enters the last record into the hash table, which is kept at most 3/4 full.
func (s *store) index(i uint32) {
	if s.count*4 > len(s.table)*3 {
		if len(s.table) == 0 {
			s.seed = maphash.MakeSeed()
		}
		s.table = make([]uint32, max(64, len(s.table)*2))
		for old := range i {
			s.insert(old)
		}
	}
	s.insert(i)
}

func (s *store) insert(i uint32) {
	mask := uint64(len(s.table) - 1)
	slot := maphash.Bytes(s.seed, s.path(i)) & mask
	for s.table[slot] != 0 {
		slot = (slot + 1) & mask
	}
	s.table[slot] = i + 1
}

// sorted is the numbers of all records in the order of their paths' bytes.
func (s *store) sorted() []uint32 {
	if s.order == nil {
		s.order = make([]uint32, s.count)
		for i := range s.order {
			s.order[i] = uint32(i)
		}
		slices.SortFunc(s.order, func(a, b uint32) int { return bytes.Compare(s.path(a), s.path(b)) })
	}
	return s.order
}
