package artifact

import (
	"crypto/md5"
	"encoding/binary"
)

// Twins gives, for each entry in the order of At, the number of the first entry with the
// same bytes: its own where no earlier entry has them, and for a reference always. A store
// that names objects by their MD5 keeps such files once. It takes 4 bytes an entry, and
// while it runs about 8 more.
func (f *Files) Twins() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := make([]uint32, f.store.count)
	// An open hash table of numbers + 1, at most half full; an MD5 is its own hash.
	table := make([]uint32, tableSize(f.store.count))
	mask := uint64(len(table) - 1)
	digestAt := func(i uint32) *[md5.Size]byte { return &f.store.record(f.store.order[i]).md5 }
	for i, number := range f.store.sorted() {
		first[i] = uint32(i)
		r := f.store.record(number)
		if r.ref != 0 {
			continue
		}
		slot := binary.LittleEndian.Uint64(r.md5[:]) & mask
		for ; table[slot] != 0; slot = (slot + 1) & mask {
			if *digestAt(table[slot] - 1) == r.md5 {
				first[i] = table[slot] - 1
				break
			}
		}
		if table[slot] == 0 {
			table[slot] = uint32(i) + 1
		}
	}
	return first
}

// tableSize is the power of two that is at least twice n.
func tableSize(n int) int {
	size := 2
	for size < 2*n {
		size *= 2
	}
	return size
}
