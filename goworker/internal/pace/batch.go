package pace

import (
	"sync"
	"time"
)

const (
	// batchGrowth is by how much each batch is larger than the one before it.
	batchGrowth = 4
	// A batch that took longer than slowBatch, with its uploads, is too large: its addresses may expire. After one that
	// took less than fastBatch, larger ones are tried again.
	slowBatch = time.Minute
	fastBatch = 15 * time.Second
)

// Batch decides how many files are announced with one request. It begins small, so that uploads start at once. What the
// server has refused as too many is not tried again. It is safe for concurrent use.
type Batch struct {
	mu sync.Mutex
	// next is the size of the next batch; it is bounded by most, which the server takes, and by useful, which goes up in time.
	next, most, useful int
}

// NewBatch begins with first files a batch, and grows up to most.
func NewBatch(first, most int) *Batch {
	most = max(most, 1)
	return &Batch{next: min(max(first, 1), most), most: most, useful: most}
}

// Next is the size of the next batch, at least 1.
func (b *Batch) Next() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(b.next, b.most, b.useful)
	b.next = min(n*batchGrowth, b.most)
	return n
}

// Most is how many files the server takes at once, as far as is known.
func (b *Batch) Most() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// TooMany notes that the server refused n files as too many: at most half of them are announced at once from now on.
func (b *Batch) TooMany(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = max(1, min(b.most, n/2))
}

// Took notes how long a batch of n files took until all of them were up.
func (b *Batch) Took(n int, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case d > slowBatch:
		b.useful = max(1, min(b.useful, n/2))
	case d < fastBatch && n >= b.useful:
		b.useful *= 2
	}
	b.useful = min(b.useful, b.most)
}
